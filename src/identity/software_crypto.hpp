// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"

#include "hal/secret_bytes.hpp"

#include <span>
#include <string_view>

/// The arithmetic an import needs: with a private key that is still software, and with an issuer's RSA key. Secrets
/// go from locked memory to locked memory; what the libraries use in between they wipe themselves.
namespace holdfast {

/// The public half of a 32-byte private key: an Ed25519 seed, or a P-256 scalar (`file_invalid` if it is no scalar).
[[nodiscard]] Result<PublicKey> public_half(Scheme scheme, const hal::SecretBytes& private_key) noexcept;

/// The X25519 secret of an Ed25519 seed: the first half of SHA-512(seed), clamped (protocol.md §2). 32 bytes.
[[nodiscard]] Result<hal::SecretBytes> x25519_secret(const hal::SecretBytes& seed) noexcept;

/// A new Ed25519 seed, from the system's random numbers.
[[nodiscard]] Result<hal::SecretBytes> new_seed() noexcept;

/// An RSA public key as a JWKS holds it, big-endian.
struct RsaPublicKey {
  std::span<const std::byte> modulus;  ///< 2048 to 8192 bits
  std::span<const std::byte> exponent;
};

/// Verifies an RS256 signature (RFC 7518 §3.3: PKCS#1 v1.5 with SHA-256) over `text`. `file_invalid` if it does not
/// verify, or the key is none or too short.
[[nodiscard]] Result<void> verify_rs256(std::string_view text, std::span<const std::byte> signature,
                                        const RsaPublicKey& key) noexcept;

}  // namespace holdfast
