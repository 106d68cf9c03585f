// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/attributes.hpp"

#include "hal/pkcs11/encodings.hpp"
#include "hal/pkcs11/errors.hpp"

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kReading = "reading a key's attributes";

struct BooleanAttribute {
  KeyAttribute attribute;
  CK_ATTRIBUTE_TYPE type;
};

constexpr BooleanAttribute kBooleans[] = {
    {KeyAttribute::token, CKA_TOKEN},
    {KeyAttribute::private_object, CKA_PRIVATE},
    {KeyAttribute::sensitive, CKA_SENSITIVE},
    {KeyAttribute::always_sensitive, CKA_ALWAYS_SENSITIVE},
    {KeyAttribute::extractable, CKA_EXTRACTABLE},
    {KeyAttribute::never_extractable, CKA_NEVER_EXTRACTABLE},
    {KeyAttribute::local, CKA_LOCAL},
    {KeyAttribute::sign, CKA_SIGN},
    {KeyAttribute::sign_recover, CKA_SIGN_RECOVER},
    {KeyAttribute::decrypt, CKA_DECRYPT},
    {KeyAttribute::unwrap, CKA_UNWRAP},
    {KeyAttribute::derive, CKA_DERIVE},
    {KeyAttribute::modifiable, CKA_MODIFIABLE},
    {KeyAttribute::copyable, CKA_COPYABLE},
    {KeyAttribute::destroyable, CKA_DESTROYABLE},
    {KeyAttribute::always_authenticate, CKA_ALWAYS_AUTHENTICATE},
};
constexpr std::size_t kBooleanCount = std::size(kBooleans);

// Neither CK_TRUE nor CK_FALSE: a module that answers well and writes nothing is told from one that says true.
constexpr std::byte kUnwritten{0x55};
constexpr std::size_t kMaxParamsSize = 64;
constexpr std::size_t kMaxPointSize = 256;
constexpr std::size_t kMaxMechanisms = 16;

// Whether it says nothing of the attribute that was asked for, only that the token, the session or the object is
// gone. Taken for "there is no such attribute", it would make another kind of key, or a weak one, of a key that is
// away.
bool is_about_the_connection(CK_RV code) noexcept {
  const Status status = code_status(code);
  return status == Status::device_gone || status == Status::stale_key;
}

std::optional<Scheme> scheme_of(const KeyFacts& facts, std::span<const std::byte> ec_params) noexcept {
  const std::optional<Scheme> scheme = scheme_of_curve(ec_params);
  // Both must agree: SoftHSM keeps X25519 keys under CKK_EC_EDWARDS too, and does not check a key's type against the
  // mechanism it is used with.
  const CK_KEY_TYPE expected = scheme == Scheme::ed25519 ? CKK_EC_EDWARDS : CKK_EC;
  return scheme && facts.key_type == expected ? scheme : std::nullopt;
}

// Attributes of one object that are asked for in one call: on a token behind a network each call is a round trip.
template <std::size_t Capacity>
class Attributes {
 public:
  void want(CK_ATTRIBUTE_TYPE type, std::span<std::byte> room) noexcept {
    wanted_[count_] = {type, room.data(), room.size()};
    rooms_[count_++] = room;
  }

  // An error only if nothing can be said about any of them.
  Result<void> read(const Session& session, CK_OBJECT_HANDLE object) noexcept {
    const CK_RV code = session.calls->C_GetAttributeValue(session.handle, object, wanted_, count_);
    if (is_about_the_connection(code)) return native_failure(code, kReading);
    if (code == CKR_OK) return {};
    if (count_ == 1) {
      codes_[0] = code;
      return {};
    }
    // The standard lets a module answer the others all the same when it has one of them not (§5.7.5); not every
    // module does, so each is then asked alone.
    for (std::size_t i = 0; i < count_; ++i) {
      std::ranges::fill(rooms_[i], kUnwritten);
      wanted_[i].ulValueLen = rooms_[i].size();
      codes_[i] = session.calls->C_GetAttributeValue(session.handle, object, &wanted_[i], 1);
      if (is_about_the_connection(codes_[i])) return native_failure(codes_[i], kReading);
    }
    return {};
  }

  [[nodiscard]] CK_RV code(std::size_t i) const noexcept { return codes_[i]; }
  // The size of the value; nothing if the token does not give it, or it is larger than its room.
  [[nodiscard]] std::optional<std::size_t> size(std::size_t i) const noexcept {
    if (codes_[i] != CKR_OK || wanted_[i].ulValueLen > rooms_[i].size()) return std::nullopt;
    return wanted_[i].ulValueLen;
  }

 private:
  CK_ATTRIBUTE wanted_[Capacity];
  std::span<std::byte> rooms_[Capacity];
  CK_RV codes_[Capacity] = {};
  std::size_t count_ = 0;
};

// What every key has, private or public.
class Names {
 public:
  static constexpr std::size_t kCount = 4;

  template <std::size_t Capacity>
  void want_first(Attributes<Capacity>& attributes) noexcept {
    attributes.want(CKA_KEY_TYPE, std::as_writable_bytes(std::span(&key_type_, 1)));
    attributes.want(CKA_ID, id_.bytes);
    attributes.want(CKA_LABEL, label_);
    attributes.want(CKA_EC_PARAMS, params_);
  }

  template <std::size_t Capacity>
  Result<KeyFacts> facts(const Attributes<Capacity>& attributes) noexcept {
    if (attributes.code(0) != CKR_OK) return native_failure(attributes.code(0), kReading);
    if (attributes.size(0) != sizeof key_type_) {
      return failure(Status::device_fault, Layer::pkcs11, kReading).about("CKA_KEY_TYPE has a wrong length");
    }
    KeyFacts facts;
    facts.key_type = key_type_;
    facts.id = id_;
    facts.id.size = attributes.size(1).value_or(0);
    facts.label = FixedText<kMaxLabelSize>(
        std::string_view(reinterpret_cast<const char*>(label_.data()), attributes.size(2).value_or(0)));
    const auto params = std::span<const std::byte>(params_).first(attributes.size(3).value_or(0));
    facts.scheme = scheme_of(facts, params);
    facts.is_x25519 =
        is_x25519_curve(params) && (facts.key_type == kEcMontgomery || facts.key_type == CKK_EC_EDWARDS);
    return facts;
  }

 private:
  CK_KEY_TYPE key_type_ = CK_UNAVAILABLE_INFORMATION;
  Octets<kMaxKeyIdSize> id_;
  std::array<std::byte, kMaxLabelSize> label_{};
  std::array<std::byte, kMaxParamsSize> params_{};
};

}  // namespace

Result<KeyFacts> read_private_key(const Session& session, CK_OBJECT_HANDLE object) noexcept {
  Names names;
  std::array<std::byte, kBooleanCount> values;
  values.fill(kUnwritten);
  std::array<CK_MECHANISM_TYPE, kMaxMechanisms> allowed{};
  constexpr std::size_t kMechanisms = Names::kCount + kBooleanCount;
  Attributes<kMechanisms + 1> attributes;
  names.want_first(attributes);
  for (std::size_t i = 0; i < kBooleanCount; ++i) {
    attributes.want(kBooleans[i].type, std::span(values).subspan(i, sizeof(CK_BBOOL)));
  }
  attributes.want(CKA_ALLOWED_MECHANISMS, std::as_writable_bytes(std::span(allowed)));
  HOLDFAST_TRY(attributes.read(session, object));

  KeyFacts facts = HOLDFAST_TRY(names.facts(attributes));
  for (std::size_t i = 0; i < kBooleanCount; ++i) {
    const auto value = std::to_integer<CK_BBOOL>(values[i]);
    const bool is_boolean = attributes.size(Names::kCount + i) == sizeof(CK_BBOOL) && value <= CK_TRUE;
    if (is_boolean) facts.attributes.set(kBooleans[i].attribute, value == CK_TRUE);
  }
  if (const auto size = attributes.size(kMechanisms)) {
    facts.attributes.set(KeyAttribute::mechanisms_pinned,
                         facts.scheme && *size == sizeof allowed[0] && allowed[0] == sign_mechanism(*facts.scheme));
  }
  return facts;
}

Result<KeyFacts> read_public_key(const Session& session, CK_OBJECT_HANDLE object) noexcept {
  Names names;
  Attributes<Names::kCount> attributes;
  names.want_first(attributes);
  HOLDFAST_TRY(attributes.read(session, object));
  return names.facts(attributes);
}

Result<std::optional<PublicKey>> read_point(const Session& session, CK_OBJECT_HANDLE object, Scheme scheme) noexcept {
  std::array<std::byte, kMaxPointSize> point{};
  Attributes<1> attributes;
  attributes.want(CKA_EC_POINT, point);
  HOLDFAST_TRY(attributes.read(session, object));
  const auto size = attributes.size(0);
  if (!size || *size == 0) return std::optional<PublicKey>();
  return std::optional<PublicKey>(HOLDFAST_TRY(decode_point(scheme, std::span(point).first(*size))));
}

CK_ATTRIBUTE_TYPE native_type(KeyAttribute attribute) noexcept {
  if (attribute == KeyAttribute::mechanisms_pinned) return CKA_ALLOWED_MECHANISMS;
  const auto* found = std::ranges::find(kBooleans, attribute, &BooleanAttribute::attribute);
  return found != std::ranges::end(kBooleans) ? found->type : CK_UNAVAILABLE_INFORMATION;
}

}  // namespace holdfast::hal::pkcs11
