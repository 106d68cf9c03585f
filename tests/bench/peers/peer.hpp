// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <string>

namespace holdfast::test {
class Swtpm;
}

namespace holdfast::bench {

using PeerDigest = std::array<std::byte, 32>;

/// Another way to have a TPM sign a SHA-256 digest with a P-256 key that stays in it, in the way its own
/// documentation tells, with everything that can be done before done before. Writes the key's point, uncompressed, to
/// public.point in the TPM's folder. Throws where it cannot.
class Peer {
 public:
  virtual ~Peer() = default;
  virtual void sign(const PeerDigest& digest) = 0;
  /// The last signature, however the peer gave it.
  [[nodiscard]] virtual Signature last_signature() const = 0;
};

/// The tpm2 provider of tpm2-openssl in this process: a TSS2 PRIVATE KEY of the provider's own, EVP_PKEY_sign.
/// The key has an empty auth value.
[[nodiscard]] std::unique_ptr<Peer> openssl_provider(const test::Swtpm& tpm);

/// libtpm2-pkcs11 in this process: C_SignInit and C_Sign in a session that is logged in. Its keys always have an auth
/// value.
[[nodiscard]] std::unique_ptr<Peer> pkcs11_token(const test::Swtpm& tpm);

/// tpm2_sign as a process of its own for each signature, with a persistent key; `auth_value` may be empty.
[[nodiscard]] std::unique_ptr<Peer> tpm2_sign_process(const test::Swtpm& tpm, const std::string& auth_value);

}  // namespace holdfast::bench
