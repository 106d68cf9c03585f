// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/uri.hpp"

#include "hal/display.hpp"
#include "hal/pin_source.hpp"

#include <p11-kit/uri.h>

#include <algorithm>
#include <charconv>

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kReading = "reading a key URI";
constexpr std::string_view kScheme = "pkcs11:";
constexpr const char* kPinSourceHint =
    "write the PIN's source as file:/PATH, credential:NAME, env:NAME, fd:N or prompt; never the PIN itself";
constexpr std::string_view kUnreserved = "-._~";

// RFC 7512 §2.3, pk11-path-res-avail with its "&", and pk11-query-res-avail.
constexpr std::string_view kPathCharacters = ":[]@!$'()*+,=&";
constexpr std::string_view kQueryCharacters = ":[]@!$'()*+,=/?|";

enum class Name : std::uint8_t {
  token,
  manufacturer,
  model,
  serial,
  object,
  id,
  type,
  slot_id,
  module_path,
  module_name,
  pin_source,
  pin_value,
};

struct Attribute {
  std::string_view name;
  Name id;
  bool is_query;
};

constexpr Attribute kAttributes[] = {
    {"token", Name::token, false},
    {"manufacturer", Name::manufacturer, false},
    {"model", Name::model, false},
    {"serial", Name::serial, false},
    {"object", Name::object, false},
    {"id", Name::id, false},
    {"type", Name::type, false},
    {"slot-id", Name::slot_id, false},
    {"module-path", Name::module_path, true},
    {"module-name", Name::module_name, true},
    {"pin-source", Name::pin_source, true},
    {"pin-value", Name::pin_value, true},
};

Error refuse(std::string_view about, std::string_view why) noexcept {
  Error error = failure(Status::invalid_uri, Layer::pkcs11, kReading);
  append_printable(error.detail, about.substr(0, 64));
  error.detail.append(" ");
  error.detail.append(why);
  return error;
}

bool is_alphanumeric(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_slot_number(std::string_view text) noexcept {
  constexpr std::size_t kMostDigits = 18;  // p11-kit reads a long and does not notice when it overflows
  return text.size() <= kMostDigits && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Schemes are the same in capitals (RFC 3986 §3.1); attribute names are not (RFC 7512 §2.3).
bool has_scheme(std::string_view text) noexcept {
  const auto is_same = [](char given, char small) {
    return (given >= 'A' && given <= 'Z' ? given + 32 : given) == small;
  };
  return std::ranges::equal(text.substr(0, kScheme.size()), kScheme, is_same);
}

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What p11-kit's parser lets pass (0.24: duplicates, unknown attributes, empty values, a fragment read as part of a
// value) is looked at here, before it decodes.
class StrictReading {
 public:
  explicit StrictReading(UriUse use) noexcept : use_(use) {}

  Result<void> check(std::string_view text) noexcept {
    if (text.size() > kMaxKeyUriSize) return refuse("the URI", "is longer than 1024 characters");
    if (!has_scheme(text)) return refuse("the URI", "does not begin with pkcs11:");
    text.remove_prefix(kScheme.size());
    if (text.find('#') != std::string_view::npos) return refuse("the URI", "has a fragment (#)");
    const std::size_t question = text.find('?');
    HOLDFAST_TRY(check_part(text.substr(0, question), ';', false));
    if (question != std::string_view::npos) {
      const std::string_view query = text.substr(question + 1);
      if (query.empty()) return refuse("the URI", "ends in an empty query");
      HOLDFAST_TRY(check_part(query, '&', true));
    }
    if (is_seen(Name::module_path) && is_seen(Name::module_name)) {
      return refuse("module-path", "and module-name are both there");
    }
    return {};
  }

  [[nodiscard]] bool is_seen(Name name) const noexcept { return (seen_ & bit(name)) != 0; }

 private:
  static std::uint32_t bit(Name name) noexcept { return 1U << static_cast<unsigned>(name); }

  Result<void> check_part(std::string_view part, char separator, bool is_query) noexcept {
    while (!part.empty()) {
      const std::size_t end = part.find(separator);
      HOLDFAST_TRY(check_attribute(part.substr(0, end), is_query));
      if (end == std::string_view::npos) break;
      part.remove_prefix(end + 1);
      if (part.empty()) return refuse("the URI", "has an empty attribute at its end");
    }
    return {};
  }

  Result<void> check_attribute(std::string_view text, bool is_query) noexcept {
    const std::size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    if (name.empty()) return refuse("the URI", "has an attribute without a name");
    const Attribute* known = std::ranges::find(kAttributes, name, &Attribute::name);
    if (known == std::ranges::end(kAttributes)) return refuse(name, "is not an attribute we know");
    if (known->is_query != is_query) {
      return refuse(name, is_query ? "belongs before the question mark" : "belongs after the question mark");
    }
    if (is_seen(known->id)) return refuse(name, "is there twice");
    seen_ |= bit(known->id);
    // Before its value is looked at, so that no message can be about the value.
    if (known->id == Name::pin_value) {
      return refuse(name, "would keep the PIN in the URI")
          .with_hint("name the PIN's source instead: pin-source=file:/PATH, credential:NAME, fd:N or prompt");
    }
    if (known->id == Name::slot_id && use_ == UriUse::key) {
      return refuse(name, "does not name a token: slots change their numbers")
          .with_hint("select the token by token= and serial=");
    }
    if (equals == std::string_view::npos) return refuse(name, "has no value");
    return check_value(*known, text.substr(equals + 1));
  }

  static Result<void> check_value(const Attribute& attribute, std::string_view value) noexcept {
    if (value.empty()) return refuse(attribute.name, "is empty");
    if (attribute.id == Name::type && value != "private") {
      return refuse(attribute.name, "can only be private: a key that signs is a private key");
    }
    if (attribute.id == Name::slot_id && !is_slot_number(value)) return refuse(attribute.name, "is not a number");
    const std::string_view allowed = attribute.is_query ? kQueryCharacters : kPathCharacters;
    for (std::size_t i = 0; i < value.size(); ++i) {
      const char c = value[i];
      if (c == '%') {
        const int high = i + 2 < value.size() ? hex_value(value[i + 1]) : -1;
        const int low = i + 2 < value.size() ? hex_value(value[i + 2]) : -1;
        if (high < 0 || low < 0) return refuse(attribute.name, "has a % without two hexadecimal digits");
        if (high == 0 && low == 0 && attribute.id != Name::id) return refuse(attribute.name, "holds a NUL byte");
        i += 2;
      } else if (!is_alphanumeric(c) && kUnreserved.find(c) == std::string_view::npos &&
                 allowed.find(c) == std::string_view::npos) {
        return refuse(attribute.name, "has a character that must be percent-encoded");
      }
    }
    return {};
  }

  UriUse use_;
  std::uint32_t seen_ = 0;
};

class ParsedUri {
 public:
  explicit ParsedUri(P11KitUri* uri) noexcept : uri_(uri) {}
  ~ParsedUri() { p11_kit_uri_free(uri_); }
  ParsedUri(const ParsedUri&) = delete;
  ParsedUri& operator=(const ParsedUri&) = delete;
  [[nodiscard]] P11KitUri* get() const noexcept { return uri_; }

 private:
  P11KitUri* uri_;
};

template <std::size_t Capacity>
Result<void> take(FixedText<Capacity>& to, const char* value, std::string_view name) noexcept {
  const std::string_view text = value != nullptr ? value : "";
  if (text.empty() || text.size() > Capacity) return refuse(name, "is too long");
  to = FixedText<Capacity>(text);
  if (to.size() != text.size()) return refuse(name, "is not UTF-8");
  return {};
}

template <std::size_t Size>
Result<void> take_field(FixedText<Size>& to, const unsigned char (&padded)[Size], const StrictReading& reading,
                        Name name, std::string_view shown) noexcept {
  if (!reading.is_seen(name)) return {};
  to = FixedText<Size>(field(padded));
  if (to.empty()) return refuse(shown, "is blank");
  return {};
}

std::span<const std::byte> attribute_bytes(P11KitUri* uri, CK_ATTRIBUTE_TYPE type) noexcept {
  const CK_ATTRIBUTE* attribute = p11_kit_uri_get_attribute(uri, type);
  if (attribute == nullptr || attribute->pValue == nullptr) return {};
  return {static_cast<const std::byte*>(attribute->pValue), attribute->ulValueLen};
}

Result<void> take_object(KeyUri& key, P11KitUri* uri, const StrictReading& reading) noexcept {
  if (reading.is_seen(Name::object)) {
    const std::span<const std::byte> label = attribute_bytes(uri, CKA_LABEL);
    if (label.empty() || label.size() > kMaxLabelSize) return refuse("object", "is longer than 128 bytes");
    key.object =
        FixedText<kMaxLabelSize>(std::string_view(reinterpret_cast<const char*>(label.data()), label.size()));
  }
  if (reading.is_seen(Name::id)) {
    const std::span<const std::byte> id = attribute_bytes(uri, CKA_ID);
    if (id.empty() || !key.id.assign(id)) return refuse("id", "is longer than 64 bytes");
  }
  return {};
}

constexpr char kHex[] = "0123456789ABCDEF";

// A text that remembers that something did not fit, where FixedText cuts.
class Writer {
 public:
  void append(std::string_view text) noexcept {
    if (text.size() > kMaxKeyUriSize - text_.size()) {
      is_cut_ = true;
    } else {
      text_.append(text);
    }
  }
  void append(std::string_view separator, std::string_view name, std::span<const std::byte> value,
              std::string_view plain, bool is_binary = false) noexcept {
    if (value.empty()) return;
    append(separator);
    append(name);
    for (const std::byte byte : value) {
      const auto c = static_cast<char>(byte);
      if (!is_binary && (is_alphanumeric(c) || plain.find(c) != std::string_view::npos)) {
        append({&c, 1});
      } else {
        const auto number = std::to_integer<unsigned>(byte);
        const char encoded[] = {'%', kHex[number >> 4U], kHex[number & 15U]};
        append({encoded, sizeof encoded});
      }
    }
  }
  [[nodiscard]] bool is_cut() const noexcept { return is_cut_; }
  [[nodiscard]] const FixedText<kMaxKeyUriSize>& text() const noexcept { return text_; }

 private:
  FixedText<kMaxKeyUriSize> text_;
  bool is_cut_ = false;
};

Writer write(const KeyUri& uri, bool with_model, bool with_object) noexcept {
  Writer out;
  out.append(kScheme);
  std::string_view separator;
  const auto path = [&](std::string_view name, std::span<const std::byte> value, bool is_binary = false) {
    out.append(separator, name, value, kUnreserved, is_binary);
    if (!value.empty()) separator = ";";
  };
  path("token=", as_octets(uri.token.view()));
  path("serial=", as_octets(uri.serial.view()));
  path("manufacturer=", as_octets(uri.manufacturer.view()));
  if (with_model) path("model=", as_octets(uri.model.view()));
  if (uri.slot) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, *uri.slot).ptr;
    path("slot-id=", as_octets({digits, static_cast<std::size_t>(end - digits)}));
  }
  if (with_object) path("object=", as_octets(uri.object.view()));
  path("id=", uri.id.view(), true);
  constexpr std::string_view kPlainInQuery = "-._~/:";
  separator = "?";
  const auto query = [&](std::string_view name, std::string_view value) {
    out.append(separator, name, as_octets(value), kPlainInQuery);
    if (!value.empty()) separator = "&";
  };
  query("module-path=", uri.module_path.view());
  query("module-name=", uri.module_name.view());
  query("pin-source=", uri.pin_source.view());
  return out;
}

}  // namespace

Result<KeyUri> parse_uri(std::string_view text, UriUse use) noexcept {
  StrictReading reading(use);
  HOLDFAST_TRY(reading.check(text));
  char terminated[kMaxKeyUriSize + 1];
  text.copy(terminated, text.size());
  kScheme.copy(terminated, kScheme.size());
  terminated[text.size()] = '\0';

  const ParsedUri parsed(p11_kit_uri_new());
  if (parsed.get() == nullptr) return failure(Status::resource_exhausted, Layer::system, kReading);
  const int code = p11_kit_uri_parse(terminated, P11_KIT_URI_FOR_ANY, parsed.get());
  if (code != P11_KIT_URI_OK) {
    const char* message = p11_kit_uri_message(code);
    return refuse("the URI", message != nullptr ? message : "is not well-formed");
  }
  if (p11_kit_uri_any_unrecognized(parsed.get()) != 0) return refuse("the URI", "holds what p11-kit does not know");

  KeyUri key;
  const CK_TOKEN_INFO* token = p11_kit_uri_get_token_info(parsed.get());
  HOLDFAST_TRY(take_field(key.token, token->label, reading, Name::token, "token"));
  HOLDFAST_TRY(take_field(key.manufacturer, token->manufacturerID, reading, Name::manufacturer, "manufacturer"));
  HOLDFAST_TRY(take_field(key.model, token->model, reading, Name::model, "model"));
  HOLDFAST_TRY(take_field(key.serial, token->serialNumber, reading, Name::serial, "serial"));
  HOLDFAST_TRY(take_object(key, parsed.get(), reading));
  if (reading.is_seen(Name::slot_id)) key.slot = p11_kit_uri_get_slot_id(parsed.get());
  if (reading.is_seen(Name::module_path)) {
    HOLDFAST_TRY(take(key.module_path, p11_kit_uri_get_module_path(parsed.get()), "module-path"));
    if (key.module_path.view().front() != '/') return refuse("module-path", "is not an absolute path");
  }
  if (reading.is_seen(Name::module_name)) {
    HOLDFAST_TRY(take(key.module_name, p11_kit_uri_get_module_name(parsed.get()), "module-name"));
  }
  if (reading.is_seen(Name::pin_source)) {
    HOLDFAST_TRY(take(key.pin_source, p11_kit_uri_get_pin_source(parsed.get()), "pin-source"));
    if (key.pin_source.view().front() == '|') {
      return refuse("pin-source", "may not be a command").with_hint(kPinSourceHint);
    }
    // Whoever calls may name another source and never read this one; it is still written into every URI shown.
    if (!PinSource::parse(key.pin_source.view())) {
      return refuse("pin-source", "does not name a source (its value is not shown: it may be a PIN)")
          .with_hint(kPinSourceHint);
    }
  }
  return key;
}

Result<FixedText<kMaxKeyUriSize>> write_uri(const KeyUri& uri) noexcept {
  Writer out = write(uri, true, true);
  if (out.is_cut()) out = write(uri, false, true);
  if (out.is_cut() && !uri.id.empty()) out = write(uri, false, false);
  if (out.is_cut()) {
    return failure(Status::resource_exhausted, Layer::pkcs11, "writing a key URI").about("it is too long");
  }
  return out.text();
}

}  // namespace holdfast::hal::pkcs11
