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
constexpr CK_BBOOL kUnwritten = 0x55;
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

// One attribute into `room`; the size written, or nothing if the token does not give it or it is larger.
Result<std::optional<std::size_t>> read_one(const Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                                            std::span<std::byte> room) noexcept {
  CK_ATTRIBUTE attribute{type, room.data(), room.size()};
  const CK_RV code = session.calls->C_GetAttributeValue(session.handle, object, &attribute, 1);
  if (is_about_the_connection(code)) return native_failure(code, kReading);
  if (code != CKR_OK || attribute.ulValueLen > room.size()) return std::optional<std::size_t>();
  return std::optional<std::size_t>(attribute.ulValueLen);
}

template <std::size_t Capacity>
Result<Octets<Capacity>> read_octets(const Session& session, CK_OBJECT_HANDLE object,
                                     CK_ATTRIBUTE_TYPE type) noexcept {
  Octets<Capacity> value;
  const auto size = HOLDFAST_TRY(read_one(session, object, type, value.bytes));
  value.size = size.value_or(0);
  return value;
}

Result<void> read_booleans(const Session& session, CK_OBJECT_HANDLE object, KeyAttributes& attributes) noexcept {
  CK_BBOOL values[kBooleanCount];
  CK_ATTRIBUTE wanted[kBooleanCount];
  for (std::size_t i = 0; i < kBooleanCount; ++i) {
    values[i] = kUnwritten;
    wanted[i] = {kBooleans[i].type, &values[i], sizeof(CK_BBOOL)};
  }
  const CK_RV code = session.calls->C_GetAttributeValue(session.handle, object, wanted, kBooleanCount);
  if (is_about_the_connection(code)) return native_failure(code, kReading);
  for (std::size_t i = 0; i < kBooleanCount; ++i) {
    CK_ULONG size = wanted[i].ulValueLen;
    // The standard lets a module with one unknown attribute answer the others all the same (§5.7.5); not every module
    // does, so each is then asked alone.
    if (code != CKR_OK) {
      values[i] = kUnwritten;
      const auto alone = HOLDFAST_TRY(
          read_one(session, object, kBooleans[i].type, std::as_writable_bytes(std::span(&values[i], 1))));
      size = alone.value_or(CK_UNAVAILABLE_INFORMATION);
    }
    const bool is_boolean = size == sizeof(CK_BBOOL) && values[i] <= CK_TRUE;
    if (is_boolean) attributes.set(kBooleans[i].attribute, values[i] == CK_TRUE);
  }
  return {};
}

Result<void> read_mechanisms(const Session& session, CK_OBJECT_HANDLE object, KeyFacts& facts) noexcept {
  std::array<CK_MECHANISM_TYPE, kMaxMechanisms> allowed{};
  const auto size =
      HOLDFAST_TRY(read_one(session, object, CKA_ALLOWED_MECHANISMS, std::as_writable_bytes(std::span(allowed))));
  if (!size) return {};
  facts.attributes.set(KeyAttribute::mechanisms_pinned,
                       facts.scheme && *size == sizeof allowed[0] && allowed[0] == sign_mechanism(*facts.scheme));
  return {};
}

std::optional<Scheme> scheme_of(const KeyFacts& facts, std::span<const std::byte> ec_params) noexcept {
  const std::optional<Scheme> scheme = scheme_of_curve(ec_params);
  // Both must agree: SoftHSM keeps X25519 keys under CKK_EC_EDWARDS too, and does not check a key's type against the
  // mechanism it is used with.
  const CK_KEY_TYPE expected = scheme == Scheme::ed25519 ? CKK_EC_EDWARDS : CKK_EC;
  return scheme && facts.key_type == expected ? scheme : std::nullopt;
}

Result<KeyFacts> read_names(const Session& session, CK_OBJECT_HANDLE object) noexcept {
  KeyFacts facts;
  CK_ATTRIBUTE type{CKA_KEY_TYPE, &facts.key_type, sizeof facts.key_type};
  const CK_RV code = session.calls->C_GetAttributeValue(session.handle, object, &type, 1);
  if (code != CKR_OK) return native_failure(code, kReading);
  if (type.ulValueLen != sizeof facts.key_type) {
    return failure(Status::device_fault, Layer::pkcs11, kReading).about("CKA_KEY_TYPE has a wrong length");
  }
  facts.id = HOLDFAST_TRY(read_octets<kMaxKeyIdSize>(session, object, CKA_ID));
  const auto label = HOLDFAST_TRY(read_octets<kMaxLabelSize>(session, object, CKA_LABEL));
  facts.label =
      FixedText<kMaxLabelSize>(std::string_view(reinterpret_cast<const char*>(label.bytes.data()), label.size));
  const auto params = HOLDFAST_TRY(read_octets<kMaxParamsSize>(session, object, CKA_EC_PARAMS));
  facts.scheme = scheme_of(facts, params.view());
  facts.is_x25519 =
      is_x25519_curve(params.view()) && (facts.key_type == kEcMontgomery || facts.key_type == CKK_EC_EDWARDS);
  return facts;
}

}  // namespace

Result<KeyFacts> read_private_key(const Session& session, CK_OBJECT_HANDLE object) noexcept {
  KeyFacts facts = HOLDFAST_TRY(read_names(session, object));
  HOLDFAST_TRY(read_booleans(session, object, facts.attributes));
  HOLDFAST_TRY(read_mechanisms(session, object, facts));
  return facts;
}

Result<KeyFacts> read_public_key(const Session& session, CK_OBJECT_HANDLE object) noexcept {
  return read_names(session, object);
}

Result<std::optional<PublicKey>> read_point(const Session& session, CK_OBJECT_HANDLE object, Scheme scheme) noexcept {
  const auto point = HOLDFAST_TRY(read_octets<kMaxPointSize>(session, object, CKA_EC_POINT));
  if (point.empty()) return std::optional<PublicKey>();
  return std::optional<PublicKey>(HOLDFAST_TRY(decode_point(scheme, point.view())));
}

CK_ATTRIBUTE_TYPE native_type(KeyAttribute attribute) noexcept {
  if (attribute == KeyAttribute::mechanisms_pinned) return CKA_ALLOWED_MECHANISMS;
  const auto* found = std::ranges::find(kBooleans, attribute, &BooleanAttribute::attribute);
  return found != std::ranges::end(kBooleans) ? found->type : CK_UNAVAILABLE_INFORMATION;
}

}  // namespace holdfast::hal::pkcs11
