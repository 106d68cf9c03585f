// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/uri.hpp"

#include "hal/pin_source.hpp"
#include "hal/uri_attributes.hpp"

#include <p11-kit/uri.h>

#include <algorithm>
#include <charconv>

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kPinSourceHint =
    "write the PIN's source as file:/PATH, credential:NAME, env:NAME, fd:N or prompt; never the PIN itself";
constexpr std::string_view kUnreserved = "-._~";

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

// In the order of Name.
constexpr UriAttribute kAttributes[] = {
    {"token", false},      {"manufacturer", false}, {"model", false},     {"serial", false},
    {"object", false},     {"id", false},           {"type", false},      {"slot-id", false},
    {"module-path", true}, {"module-name", true},   {"pin-source", true}, {"pin-value", true},
};

// RFC 7512 §2.3, pk11-path-res-avail with its "&", and pk11-query-res-avail; RFC 3986 §2.3.
constexpr UriGrammar kGrammar{
    .scheme = "pkcs11:",
    .attributes = kAttributes,
    .path_characters = "-._~:[]@!$'()*+,=&",
    .query_characters = "-._~:[]@!$'()*+,=/?|",
    .layer = Layer::pkcs11,
};

Error refuse(std::string_view about, std::string_view why) noexcept { return kGrammar.refuse(about, why); }

bool is_slot_number(std::string_view text) noexcept {
  constexpr std::size_t kMostDigits = 18;  // p11-kit reads a long and does not notice when it overflows
  return text.size() <= kMostDigits && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// What p11-kit's parser lets pass (0.24: duplicates, unknown attributes, empty values, a fragment read as part of a
// value) is looked at here, before it decodes.
class StrictReading {
 public:
  explicit StrictReading(UriUse use) noexcept : use_(use) {}

  Result<void> check(std::string_view text) noexcept {
    if (text.size() <= kMaxKeyUriSize && has_scheme(text, kGrammar.scheme) &&
        text.find('#') != std::string_view::npos) {
      return refuse("the URI", "has a fragment (#)");
    }
    HOLDFAST_TRY(attributes_.read(text, [this](std::size_t index, std::optional<std::string_view> value) {
      return check_attribute(static_cast<Name>(index), kAttributes[index], value);
    }));
    if (is_seen(Name::module_path) && is_seen(Name::module_name)) {
      return refuse("module-path", "and module-name are both there");
    }
    return {};
  }

  [[nodiscard]] bool is_seen(Name name) const noexcept { return attributes_.is_seen(static_cast<std::size_t>(name)); }

 private:
  [[nodiscard]] Result<void> check_attribute(Name id, const UriAttribute& attribute,
                                             std::optional<std::string_view> value) const noexcept {
    // Before its value is looked at, so that no message can be about the value.
    if (id == Name::pin_value) {
      return refuse(attribute.name, "would keep the PIN in the URI")
          .with_hint("name the PIN's source instead: pin-source=file:/PATH, credential:NAME, fd:N or prompt");
    }
    if (id == Name::slot_id && use_ == UriUse::key) {
      return refuse(attribute.name, "does not name a token: slots change their numbers")
          .with_hint("select the token by token= and serial=");
    }
    if (!value) return refuse(attribute.name, "has no value");
    return check_value(id, attribute, *value);
  }

  static Result<void> check_value(Name id, const UriAttribute& attribute, std::string_view value) noexcept {
    if (value.empty()) return refuse(attribute.name, "is empty");
    if (id == Name::type && value != "private") {
      return refuse(attribute.name, "can only be private: a key that signs is a private key");
    }
    if (id == Name::slot_id && !is_slot_number(value)) return refuse(attribute.name, "is not a number");
    while (!value.empty()) {
      const DecodedOctet octet = take_octet(value);
      HOLDFAST_TRY(kGrammar.check(attribute, octet));
      if (octet.octet == '\0' && id != Name::id) return refuse(attribute.name, "holds a NUL byte");
    }
    return {};
  }

  UriUse use_;
  UriReading attributes_{kGrammar};
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

UriWriting write(const KeyUri& uri, bool with_model, bool with_object) noexcept {
  UriWriting out(kGrammar.scheme, kUnreserved, "-._~/:");
  out.path("token", uri.token.view());
  out.path("serial", uri.serial.view());
  out.path("manufacturer", uri.manufacturer.view());
  if (with_model) out.path("model", uri.model.view());
  if (uri.slot) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, *uri.slot).ptr;
    out.path("slot-id", std::string_view(digits, static_cast<std::size_t>(end - digits)));
  }
  if (with_object) out.path("object", uri.object.view());
  out.path("id", uri.id.view());
  out.query("module-path", uri.module_path.view());
  out.query("module-name", uri.module_name.view());
  out.query("pin-source", uri.pin_source.view());
  return out;
}

}  // namespace

Result<KeyUri> parse_uri(std::string_view text, UriUse use) noexcept {
  StrictReading reading(use);
  HOLDFAST_TRY(reading.check(text));
  char terminated[kMaxKeyUriSize + 1];
  text.copy(terminated, text.size());
  kGrammar.scheme.copy(terminated, kGrammar.scheme.size());
  terminated[text.size()] = '\0';

  const ParsedUri parsed(p11_kit_uri_new());
  if (parsed.get() == nullptr) return failure(Status::resource_exhausted, Layer::system, "reading a key URI");
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
  UriWriting out = write(uri, true, true);
  if (out.is_cut()) out = write(uri, false, true);
  if (out.is_cut() && !uri.id.empty()) out = write(uri, false, false);
  return out.text(Layer::pkcs11);
}

}  // namespace holdfast::hal::pkcs11
