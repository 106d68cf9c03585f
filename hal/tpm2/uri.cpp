// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/uri.hpp"

#include "hal/display.hpp"
#include "hal/uri_attributes.hpp"

#include <charconv>

namespace holdfast::hal::tpm2 {
namespace {

constexpr std::string_view kWrittenPlain = "-._~/:=,";
constexpr std::uint32_t kFirstPersistent = 0x81000000;  // TPM 2.0 Library Part 2 §7.2
constexpr std::uint32_t kLastPersistent = 0x81FFFFFF;

enum class Attribute : std::uint8_t { file, handle, pcr, srk_name, tcti, pin_source, pin_value };

// In the order of Attribute.
constexpr UriAttribute kAttributes[] = {
    {"file", false}, {"handle", false},    {"pcr", false},      {"srk-name", false},
    {"tcti", true},  {"pin-source", true}, {"pin-value", true},
};

// RFC 7512 §2.3: unreserved and what a path or a query may hold as it is.
constexpr UriGrammar kGrammar{
    .scheme = "tpm2:",
    .attributes = kAttributes,
    .path_characters = "-._~:[]@!$'()*+,=/",
    .query_characters = "-._~:[]@!$'()*+,=/?",
    .layer = Layer::tpm2,
    .hint = "write it as tpm2:file=/PATH/key.pem or tpm2:handle=0x81000010, then ?tcti=… if need be",
};

Error refuse(std::string_view about, std::string_view why) noexcept { return kGrammar.refuse(about, why); }

template <std::size_t Capacity>
Result<FixedText<Capacity>> decode(const UriAttribute& attribute, std::string_view value) noexcept {
  FixedText<Capacity> out;
  char decoded[Capacity];
  std::size_t size = 0;
  while (!value.empty()) {
    const DecodedOctet octet = take_octet(value);
    HOLDFAST_TRY(kGrammar.check(attribute, octet));
    if (static_cast<unsigned char>(octet.octet) < 0x20 || octet.octet == 0x7f) {
      return refuse(attribute.name, "holds a control character");
    }
    if (size == Capacity) return refuse(attribute.name, "is too long");
    decoded[size++] = octet.octet;
  }
  out.append({decoded, size});
  if (out.size() != size || !is_printable(out.view())) return refuse(attribute.name, "is not UTF-8");
  return out;
}

Result<std::uint32_t> read_handle(const UriAttribute& attribute, std::string_view value) noexcept {
  std::uint32_t handle = 0;
  const bool has_form = value.size() == 10 && (value.starts_with("0x") || value.starts_with("0X"));
  const char* end = value.data() + value.size();
  if (!has_form || std::from_chars(value.data() + 2, end, handle, 16).ptr != end) {
    return refuse(attribute.name, "is not 0x and eight hexadecimal digits");
  }
  if (handle < kFirstPersistent || handle > kLastPersistent) {
    return refuse(attribute.name, "is not that of a persistent key: 0x81000000 to 0x81FFFFFF");
  }
  return handle;
}

Result<Name> read_name(const UriAttribute& attribute, std::string_view value) noexcept {
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
    return refuse(attribute.name, "is not 000b and 64 hexadecimal digits");
  }
  Name name;
  (void)name.assign(bytes);
  return name;
}

class Reading {
 public:
  Result<KeyUri> read(std::string_view text) noexcept {
    UriReading attributes(kGrammar);
    HOLDFAST_TRY(attributes.read(text, [this](std::size_t index, std::optional<std::string_view> value) {
      return read_attribute(static_cast<Attribute>(index), kAttributes[index], value);
    }));
    if (!uri_.file.empty() && uri_.handle) return refuse("file", "and handle are both there");
    return uri_;
  }

 private:
  Result<void> read_attribute(Attribute id, const UriAttribute& attribute,
                              std::optional<std::string_view> value) noexcept {
    // Before its value is looked at, so that no message can be about the value.
    if (id == Attribute::pin_value) {
      return refuse(attribute.name, "would keep the auth value in the URI")
          .with_hint("name its source instead: pin-source=file:/PATH, credential:NAME, fd:N or prompt");
    }
    if (!value || value->empty()) return refuse(attribute.name, "has no value");
    return read_value(id, attribute, *value);
  }

  Result<void> read_value(Attribute id, const UriAttribute& attribute, std::string_view value) noexcept {
    switch (id) {
      case Attribute::file:
        uri_.file = HOLDFAST_TRY(decode<kMaxPathSize>(attribute, value));
        if (uri_.file.view().front() != '/' || uri_.file.view().back() == '/') {
          return refuse(attribute.name, "is not the absolute path of a file");
        }
        return {};
      case Attribute::handle:
        uri_.handle = HOLDFAST_TRY(read_handle(attribute, value));
        return {};
      case Attribute::pcr: {
        const auto pcrs = parse_pcrs(HOLDFAST_TRY(decode<kMaxPcrTextSize>(attribute, value)).view());
        if (!pcrs) {
          return refuse(attribute.name, "is not a bank and its registers")
              .with_hint("write it as sha256:0,7: one of sha1, sha256, sha384, sha512, then registers from 0 to 23");
        }
        uri_.pcrs = *pcrs;
        return {};
      }
      case Attribute::srk_name:
        uri_.srk_name = HOLDFAST_TRY(read_name(attribute, value));
        return {};
      case Attribute::tcti:
        uri_.tcti = HOLDFAST_TRY(decode<kMaxTctiSize>(attribute, value));
        return {};
      case Attribute::pin_source:
        uri_.pin_source = HOLDFAST_TRY(decode<kMaxPathSize>(attribute, value));
        return {};
      case Attribute::pin_value:
        break;
    }
    return refuse(attribute.name, "is not read");
  }

  KeyUri uri_;
};

}  // namespace

Result<KeyUri> parse_uri(std::string_view text) noexcept { return Reading().read(text); }

Result<FixedText<kMaxKeyUriSize>> write_uri(const KeyUri& uri) noexcept {
  UriWriting out(kGrammar.scheme, kWrittenPlain, kWrittenPlain);
  out.path("file", uri.file.view());
  if (uri.handle) {
    FixedText<10> text{"0x"};
    char digits[8];
    const auto end = std::to_chars(digits, digits + sizeof digits, *uri.handle, 16).ptr;
    text.append({digits, static_cast<std::size_t>(end - digits)});
    out.path("handle", text.view());
  }
  out.path("pcr", write_pcrs(uri.pcrs).view());
  FixedText<2 * kNameSize> name;
  append_hex(name, uri.srk_name.view());
  out.path("srk-name", name.view());
  out.query("tcti", uri.tcti.view());
  out.query("pin-source", uri.pin_source.view());
  return out.text(Layer::tpm2);
}

}  // namespace holdfast::hal::tpm2
