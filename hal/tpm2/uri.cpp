// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/uri.hpp"

#include "hal/display.hpp"

#include <charconv>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kReading = "reading a key URI";
constexpr std::string_view kScheme = "tpm2:";
// RFC 7512 §2.3: unreserved and what a path or a query may hold as it is.
constexpr std::string_view kPlainInPath = "-._~:[]@!$'()*+,=/";
constexpr std::string_view kPlainInQuery = "-._~:[]@!$'()*+,=/?";
constexpr std::string_view kWrittenPlain = "-._~/:=,";
constexpr std::uint32_t kFirstPersistent = 0x81000000;  // TPM 2.0 Library Part 2 §7.2
constexpr std::uint32_t kLastPersistent = 0x81FFFFFF;

enum class Attribute : std::uint8_t { file, handle, pcr, srk_name, tcti, pin_source, pin_value };

struct Row {
  std::string_view name;
  Attribute attribute;
  bool is_query;
};

constexpr Row kRows[] = {
    {"file", Attribute::file, false},
    {"handle", Attribute::handle, false},
    {"pcr", Attribute::pcr, false},
    {"srk-name", Attribute::srk_name, false},
    {"tcti", Attribute::tcti, true},
    {"pin-source", Attribute::pin_source, true},
    {"pin-value", Attribute::pin_value, true},
};

Error refuse(std::string_view about, std::string_view why) noexcept {
  Error error =
      failure(Status::invalid_uri, Layer::tpm2, kReading)
          .with_hint("write it as tpm2:file=/PATH/key.pem or tpm2:handle=0x81000010, then ?tcti=… if need be");
  append_printable(error.detail, about.substr(0, 64));
  error.detail.append(" ");
  error.detail.append(why);
  return error;
}

bool is_alphanumeric(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

template <std::size_t Capacity>
Result<FixedText<Capacity>> decode(const Row& row, std::string_view value) noexcept {
  FixedText<Capacity> out;
  char decoded[Capacity];
  std::size_t size = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    char c = value[i];
    if (c == '%') {
      const int high = i + 2 < value.size() ? hex_value(value[i + 1]) : -1;
      const int low = i + 2 < value.size() ? hex_value(value[i + 2]) : -1;
      if (high < 0 || low < 0) return refuse(row.name, "has a % without two hexadecimal digits");
      c = static_cast<char>(high * 16 + low);
      i += 2;
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return refuse(row.name, "holds a control character");
    } else if (!is_alphanumeric(c) &&
               (row.is_query ? kPlainInQuery : kPlainInPath).find(c) == std::string_view::npos) {
      return refuse(row.name, "has a character that must be percent-encoded");
    }
    if (size == Capacity) return refuse(row.name, "is too long");
    decoded[size++] = c;
  }
  out.append({decoded, size});
  if (out.size() != size || !is_printable(out.view())) return refuse(row.name, "is not UTF-8");
  return out;
}

Result<std::uint32_t> read_handle(const Row& row, std::string_view value) noexcept {
  std::uint32_t handle = 0;
  const bool has_form = value.size() == 10 && (value.starts_with("0x") || value.starts_with("0X"));
  const char* end = value.data() + value.size();
  if (!has_form || std::from_chars(value.data() + 2, end, handle, 16).ptr != end) {
    return refuse(row.name, "is not 0x and eight hexadecimal digits");
  }
  if (handle < kFirstPersistent || handle > kLastPersistent) {
    return refuse(row.name, "is not that of a persistent key: 0x81000000 to 0x81FFFFFF");
  }
  return handle;
}

Result<Name> read_name(const Row& row, std::string_view value) noexcept {
  std::array<std::byte, kNameSize> bytes{};
  bool is_hex = value.size() == 2 * kNameSize;
  for (std::size_t i = 0; is_hex && i < kNameSize; ++i) {
    const int high = hex_value(value[2 * i]);
    const int low = hex_value(value[2 * i + 1]);
    is_hex = high >= 0 && low >= 0;
    bytes[i] = static_cast<std::byte>(high * 16 + low);
  }
  // 000B: SHA-256, the only name algorithm of the roots we take.
  if (!is_hex || bytes[0] != std::byte{0} || bytes[1] != std::byte{0x0B}) {
    return refuse(row.name, "is not 000b and 64 hexadecimal digits");
  }
  Name name;
  (void)name.assign(bytes);
  return name;
}

class Reading {
 public:
  Result<KeyUri> read(std::string_view text) noexcept {
    if (text.size() > kMaxKeyUriSize) return refuse("the URI", "is longer than 1024 characters");
    if (!text.starts_with(kScheme)) return refuse("the URI", "does not begin with tpm2:");
    text.remove_prefix(kScheme.size());
    const std::size_t question = text.find('?');
    HOLDFAST_TRY(read_part(text.substr(0, question), ';', false));
    if (question != std::string_view::npos) {
      if (question + 1 == text.size()) return refuse("the URI", "ends in an empty query");
      HOLDFAST_TRY(read_part(text.substr(question + 1), '&', true));
    }
    if (!uri_.file.empty() && uri_.handle) return refuse("file", "and handle are both there");
    return uri_;
  }

 private:
  Result<void> read_part(std::string_view part, char separator, bool is_query) noexcept {
    while (!part.empty()) {
      const std::size_t end = part.find(separator);
      HOLDFAST_TRY(read_attribute(part.substr(0, end), is_query));
      if (end == std::string_view::npos) break;
      part.remove_prefix(end + 1);
      if (part.empty()) return refuse("the URI", "has an empty attribute at its end");
    }
    return {};
  }

  Result<void> read_attribute(std::string_view text, bool is_query) noexcept {
    const std::size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    if (name.empty()) return refuse("the URI", "has an attribute without a name");
    const Row* row = std::ranges::find(kRows, name, &Row::name);
    if (row == std::ranges::end(kRows)) return refuse(name, "is not an attribute we know");
    if (row->is_query != is_query) {
      return refuse(name, is_query ? "belongs before the question mark" : "belongs after a question mark");
    }
    const std::uint32_t bit = 1U << static_cast<unsigned>(row->attribute);
    if ((seen_ & bit) != 0) return refuse(name, "is there twice");
    seen_ |= bit;
    // Before its value is looked at, so that no message can be about the value.
    if (row->attribute == Attribute::pin_value) {
      return refuse(name, "would keep the auth value in the URI")
          .with_hint("name its source instead: pin-source=file:/PATH, credential:NAME, fd:N or prompt");
    }
    if (equals == std::string_view::npos || equals + 1 == text.size()) return refuse(name, "has no value");
    return read_value(*row, text.substr(equals + 1));
  }

  Result<void> read_value(const Row& row, std::string_view value) noexcept {
    switch (row.attribute) {
      case Attribute::file:
        uri_.file = HOLDFAST_TRY(decode<kMaxPathSize>(row, value));
        if (uri_.file.view().front() != '/' || uri_.file.view().back() == '/') {
          return refuse(row.name, "is not the absolute path of a file");
        }
        return {};
      case Attribute::handle:
        uri_.handle = HOLDFAST_TRY(read_handle(row, value));
        return {};
      case Attribute::pcr: {
        const auto pcrs = parse_pcrs(HOLDFAST_TRY(decode<kMaxPcrTextSize>(row, value)).view());
        if (!pcrs) {
          return refuse(row.name, "is not a bank and its registers")
              .with_hint("write it as sha256:0,7: one of sha1, sha256, sha384, sha512, then registers from 0 to 23");
        }
        uri_.pcrs = *pcrs;
        return {};
      }
      case Attribute::srk_name:
        uri_.srk_name = HOLDFAST_TRY(read_name(row, value));
        return {};
      case Attribute::tcti:
        uri_.tcti = HOLDFAST_TRY(decode<kMaxTctiSize>(row, value));
        return {};
      case Attribute::pin_source:
        uri_.pin_source = HOLDFAST_TRY(decode<kMaxPathSize>(row, value));
        return {};
      case Attribute::pin_value:
        break;
    }
    return refuse(row.name, "is not read");
  }

  KeyUri uri_;
  std::uint32_t seen_ = 0;
};

class Writing {
 public:
  void append(std::string_view text) noexcept {
    if (text.size() > kMaxKeyUriSize - text_.size()) is_cut_ = true;
    if (!is_cut_) text_.append(text);
  }
  void attribute(std::string_view name, std::string_view value) noexcept {
    constexpr char kHex[] = "0123456789ABCDEF";
    if (value.empty()) return;
    append(separator_);
    append(name);
    append("=");
    for (const char c : value) {
      if (is_alphanumeric(c) || kWrittenPlain.find(c) != std::string_view::npos) {
        append({&c, 1});
      } else {
        const auto number = static_cast<unsigned char>(c);
        const char encoded[] = {'%', kHex[number >> 4U], kHex[number & 15U]};
        append({encoded, sizeof encoded});
      }
    }
    separator_ = is_query_ ? "&" : ";";
  }
  void begin_query() noexcept {
    is_query_ = true;
    separator_ = "?";
  }
  [[nodiscard]] bool is_cut() const noexcept { return is_cut_; }
  [[nodiscard]] const FixedText<kMaxKeyUriSize>& text() const noexcept { return text_; }

 private:
  FixedText<kMaxKeyUriSize> text_;
  std::string_view separator_;
  bool is_query_ = false;
  bool is_cut_ = false;
};

}  // namespace

Result<KeyUri> parse_uri(std::string_view text) noexcept { return Reading().read(text); }

Result<FixedText<kMaxKeyUriSize>> write_uri(const KeyUri& uri) noexcept {
  Writing out;
  out.append(kScheme);
  out.attribute("file", uri.file.view());
  if (uri.handle) {
    FixedText<10> text{"0x"};
    char digits[8];
    const auto end = std::to_chars(digits, digits + sizeof digits, *uri.handle, 16).ptr;
    text.append({digits, static_cast<std::size_t>(end - digits)});
    out.attribute("handle", text.view());
  }
  out.attribute("pcr", write_pcrs(uri.pcrs).view());
  FixedText<2 * kNameSize> name;
  append_hex(name, uri.srk_name.view());
  out.attribute("srk-name", name.view());
  out.begin_query();
  out.attribute("tcti", uri.tcti.view());
  out.attribute("pin-source", uri.pin_source.view());
  if (out.is_cut()) {
    return failure(Status::resource_exhausted, Layer::tpm2, "writing a key URI").about("it is too long");
  }
  return out.text();
}

}  // namespace holdfast::hal::tpm2
