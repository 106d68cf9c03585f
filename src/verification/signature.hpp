// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"

#include "src/verification/p256.hpp"

#include <cstddef>
#include <optional>
#include <span>

namespace holdfast {

/// A public key made ready to check many signatures.
///
/// A plain value. `prepare` may allocate (and frees again); the checks allocate nothing and may run in any
/// number of threads at once.
class SignatureVerifier {
 public:
  /// `invalid_argument` for a key that `check_public_key` refuses.
  [[nodiscard]] static Result<SignatureVerifier> prepare(const PublicKey& key) noexcept;

  /// Checks a signature over the whole message; ES256 hashes it here. `signature_mismatch` if it does not verify,
  /// also for any size but 64 bytes.
  [[nodiscard]] Result<void> verify_message(std::span<const std::byte> message,
                                            std::span<const std::byte> signature) const noexcept;

  /// Checks an ES256 signature over a message of this SHA-256 digest. `invalid_argument` for an Ed25519 key, which
  /// signs messages only.
  [[nodiscard]] Result<void> verify_digest(std::span<const std::byte, kSha256Size> digest,
                                           std::span<const std::byte> signature) const noexcept;

  [[nodiscard]] const PublicKey& public_key() const noexcept { return key_; }

 private:
  SignatureVerifier(const PublicKey& key, std::optional<P256Verifier> p256) noexcept : key_(key), p256_(p256) {}
  PublicKey key_;
  std::optional<P256Verifier> p256_;  // set exactly for ES256
};

}  // namespace holdfast
