// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/key_agreement.hpp"

#include "hal/pkcs11/device.hpp"
#include "hal/pkcs11/errors.hpp"

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kFinding = "finding a key's derivation twin";
constexpr const char* kDeriving = "deriving a shared secret";
constexpr std::size_t kSecretSize = 32;  // RFC 7748 §6.1

CK_RV derive(const Session& session, CK_OBJECT_HANDLE key, std::span<const std::byte> peer, bool with_size,
             CK_OBJECT_HANDLE& derived) noexcept {
  CK_ECDH1_DERIVE_PARAMS parameters{};
  parameters.kdf = CKD_NULL;
  parameters.pPublicData = native(peer);
  parameters.ulPublicDataLen = peer.size();
  CK_MECHANISM mechanism{CKM_ECDH1_DERIVE, &parameters, sizeof parameters};
  CK_OBJECT_CLASS object_class = CKO_SECRET_KEY;
  CK_KEY_TYPE type = CKK_GENERIC_SECRET;
  CK_ULONG size = kSecretSize;
  CK_BBOOL yes = CK_TRUE;
  CK_BBOOL no = CK_FALSE;
  CK_ATTRIBUTE attributes[] = {
      {CKA_CLASS, &object_class, sizeof object_class},
      {CKA_KEY_TYPE, &type, sizeof type},
      {CKA_TOKEN, &no, sizeof no},
      {CKA_SENSITIVE, &no, sizeof no},
      {CKA_EXTRACTABLE, &yes, sizeof yes},
      {CKA_VALUE_LEN, &size, sizeof size},
  };
  const CK_ULONG count = std::size(attributes) - (with_size ? 0 : 1);
  return session.calls->C_DeriveKey(session.handle, &mechanism, key, attributes, count, &derived);
}

// The peer's key raw, as PKCS#11 v3.0 §6.3.10 has it for Montgomery keys, then as an OCTET STRING; the length stated,
// then left to the token.
CK_RV derive_somehow(const Session& session, CK_OBJECT_HANDLE key, std::span<const std::byte, 32> peer,
                     CK_OBJECT_HANDLE& derived) noexcept {
  std::array<std::byte, 34> wrapped{std::byte{0x04}, std::byte{0x20}};
  std::ranges::copy(peer, wrapped.begin() + 2);
  CK_RV first = CKR_OK;
  for (const std::span<const std::byte> form :
       {std::span<const std::byte>(peer), std::span<const std::byte>(wrapped)}) {
    for (const bool with_size : {true, false}) {
      const CK_RV code = derive(session, key, form, with_size, derived);
      if (code == CKR_OK) return code;
      if (first == CKR_OK) first = code;
      const bool is_about_form = code == CKR_MECHANISM_PARAM_INVALID || code == CKR_ARGUMENTS_BAD ||
                                 code == CKR_TEMPLATE_INCONSISTENT || code == CKR_ATTRIBUTE_VALUE_INVALID ||
                                 code == CKR_ATTRIBUTE_READ_ONLY || code == CKR_ATTRIBUTE_TYPE_INVALID ||
                                 code == CKR_DOMAIN_PARAMS_INVALID;
      if (!is_about_form) return first;
    }
  }
  return first;
}

}  // namespace

Result<KeyHandle> KeyDerivation::find_twin(std::string_view text, BootTime deadline) noexcept {
  const KeyUri uri = HOLDFAST_TRY(parse_uri(text, UriUse::key));
  if (!uri.names_an_object()) {
    return failure(Status::invalid_uri, Layer::pkcs11, kFinding).about("the twin's URI names no key");
  }
  if (!device_.is_on_token(uri)) {
    return failure(Status::invalid_uri, Layer::pkcs11, kFinding).about("the twin is on another token than its key");
  }
  return device_.visit(deadline, [&](const Device::Visit& visit) noexcept -> Result<KeyHandle> {
    const FoundKey key = HOLDFAST_TRY(find_private_key(visit.session(), uri, std::nullopt));
    if (!key.facts.is_x25519) {
      return failure(Status::scheme_unsupported, Layer::pkcs11, kFinding).about("the key is not an X25519 key");
    }
    return device_.keep(key, true);
  });
}

Result<SecretBytes> KeyDerivation::agree(KeyHandle handle, std::span<const std::byte, 32> peer_public,
                                         BootTime deadline) noexcept {
  SecretBytes secret = HOLDFAST_TRY(SecretBytes::allocate(kSecretSize));
  return device_.visit(deadline, [&](const Device::Visit& visit) noexcept -> Result<SecretBytes> {
    const Session& session = visit.session();
    const CK_OBJECT_HANDLE key = HOLDFAST_TRY(device_.object_of(handle));
    CK_OBJECT_HANDLE derived = CK_INVALID_HANDLE;
    CK_RV code = derive_somehow(session, key, peer_public, derived);
    if (code != CKR_OK) return native_failure(code, kDeriving);
    CK_ATTRIBUTE value{CKA_VALUE, secret.storage({}).data(), kSecretSize};
    code = session.calls->C_GetAttributeValue(session.handle, derived, &value, 1);
    const CK_RV destroyed = session.calls->C_DestroyObject(session.handle, derived);
    if (code != CKR_OK) return native_failure(code, kDeriving);
    if (destroyed != CKR_OK) return native_failure(destroyed, "removing a derived secret");
    if (value.ulValueLen != kSecretSize) {
      return failure(Status::device_fault, Layer::pkcs11, kDeriving).about("the secret does not have 32 bytes");
    }
    secret.set_size(kSecretSize);
    return std::move(secret);
  });
}

}  // namespace holdfast::hal::pkcs11
