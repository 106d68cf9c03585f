// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/public_key.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace holdfast::bench {

class BenchToken;

/// Another way to have an assertion signed, as its own documentation tells, with everything that can be done before
/// done before. The header around the signature is the same for all of them: ours. Nothing is verified.
///
/// One thread at a time. Throws where it cannot.
class HeaderPeer {
 public:
  virtual ~HeaderPeer() = default;
  /// Signs a whole message; for ES256 its hash is the peer's work.
  virtual Signature sign(std::span<const std::byte> message) = 0;

  /// Writes a complete `Authorization` value of this second and returns its size.
  std::size_t header(const RuntimeId& runtime, const TaskId& task, std::span<char> out);
};

/// GnuTLS: a key of the token by its URI, `gnutls_privkey_sign_data2`.
[[nodiscard]] std::unique_ptr<HeaderPeer> gnutls_privkey(const BenchToken& token, Scheme scheme);

/// OpenSSL with libp11's engine `pkcs11`: `ENGINE_load_private_key`, `EVP_DigestSign`. ES256, and only on a token
/// without an Ed25519 key: on others the engine finds none at all (libp11 0.4.12).
[[nodiscard]] std::unique_ptr<HeaderPeer> openssl_engine(const BenchToken& token, const std::string& token_label,
                                                         const std::string& key_label);

/// A key in this process's memory, and what computes with it: what a key that cannot be taken out costs is the
/// difference. Ed25519.
[[nodiscard]] std::unique_ptr<HeaderPeer> sodium_key(PublicKey& public_key);

/// The same of OpenSSL's libcrypto, either scheme: `EVP_DigestSign`.
[[nodiscard]] std::unique_ptr<HeaderPeer> libcrypto_key(Scheme scheme, PublicKey& public_key);

}  // namespace holdfast::bench
