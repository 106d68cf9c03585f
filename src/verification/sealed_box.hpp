// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"

#include <array>
#include <cstddef>
#include <span>

/// libsodium's sealed box (crypto_box_seal): the sender's ephemeral X25519 public key (32 bytes), then an
/// XSalsa20-Poly1305 box whose nonce is BLAKE2b-192 of both public keys. Here the shared secret comes from elsewhere:
/// a token computes it, so that the recipient's key stays where it is.
namespace holdfast {

inline constexpr std::size_t kX25519Size = 32;              ///< RFC 7748 §5: keys and shared secrets
inline constexpr std::size_t kSealedBoxOverhead = 32 + 16;  ///< ephemeral key and Poly1305 tag
using X25519PublicKey = std::array<std::byte, kX25519Size>;

/// The X25519 image of an Ed25519 public key (crypto_sign_ed25519_pk_to_curve25519). `invalid_argument` for another
/// scheme, or a key of small order.
[[nodiscard]] Result<X25519PublicKey> x25519_public_key(const PublicKey& key) noexcept;

/// The ephemeral key a box begins with. `authority_answer_invalid` if the box is shorter than the smallest, 48 bytes,
/// or the key is of small order: a token may answer that with any error of its own, or with zeroes.
[[nodiscard]] Result<X25519PublicKey> ephemeral_key(std::span<const std::byte> box) noexcept;

/// Opens `box` into the beginning of `out` and returns the number of bytes, `kSealedBoxOverhead` less than the box.
///
/// `shared_secret` is X25519 of the recipient's secret and the box's ephemeral key, 32 bytes; all zeroes, which an
/// ephemeral key of small order gives, are refused (RFC 7748 §6.1). `authority_answer_invalid` for that, and for a
/// box that is too short or was not sealed to this recipient; `buffer_too_small`. `out` holds zeroes after a failure.
[[nodiscard]] Result<std::size_t> open_sealed_box(std::span<const std::byte> box, const X25519PublicKey& recipient,
                                                  std::span<const std::byte> shared_secret,
                                                  std::span<std::byte> out) noexcept;

/// Seals `text` to `recipient` into the beginning of `out` and returns the number of bytes, `kSealedBoxOverhead` more
/// than the text; `buffer_too_small`, or `invalid_argument` for a recipient of small order.
[[nodiscard]] Result<std::size_t> seal_box(std::span<const std::byte> text, const X25519PublicKey& recipient,
                                           std::span<std::byte> out) noexcept;

}  // namespace holdfast
