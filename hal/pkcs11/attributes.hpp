// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"
#include "hal/pkcs11/cryptoki.hpp"
#include "hal/pkcs11/uri.hpp"

namespace holdfast::hal::pkcs11 {

/// What one key object says of itself.
struct KeyFacts {
  CK_KEY_TYPE key_type = CK_UNAVAILABLE_INFORMATION;
  std::optional<Scheme> scheme;  ///< by key type and curve together; empty for another kind of key
  bool is_x25519 = false;        ///< a key for derivation, whichever of its two key types the token files it under
  FixedText<kMaxLabelSize> label;
  Octets<kMaxKeyIdSize> id;
  KeyAttributes attributes;
};

/// The mechanism a scheme signs with.
[[nodiscard]] constexpr CK_MECHANISM_TYPE sign_mechanism(Scheme scheme) noexcept {
  return scheme == Scheme::ed25519 ? CKM_EDDSA : CKM_ECDSA;
}

/// Reads a private key object: its kind, names and attributes. An attribute the token does not know, or
/// answers with anything but true and false, is `unknown`. At most a fixed number of calls.
[[nodiscard]] Result<KeyFacts> read_private_key(const Session& session, CK_OBJECT_HANDLE object) noexcept;

/// Reads what a public key object tells: its kind and names.
[[nodiscard]] Result<KeyFacts> read_public_key(const Session& session, CK_OBJECT_HANDLE object) noexcept;

/// Reads CKA_EC_POINT of `object`; empty if it has none.
[[nodiscard]] Result<std::optional<PublicKey>> read_point(const Session& session, CK_OBJECT_HANDLE object,
                                                          Scheme scheme) noexcept;

/// The PKCS#11 attribute behind a `KeyAttribute`.
[[nodiscard]] CK_ATTRIBUTE_TYPE native_type(KeyAttribute attribute) noexcept;

}  // namespace holdfast::hal::pkcs11
