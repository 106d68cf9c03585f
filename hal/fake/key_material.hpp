// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"

#include <array>
#include <cstddef>
#include <span>

/// The arithmetic of the fake's keys. Real signatures, but private keys lie in plain memory: for tests, never
/// installed.
namespace holdfast::hal::fake {

/// An Ed25519 seed, a P-256 scalar (big-endian) or an X25519 secret.
using Secret = std::array<std::byte, 32>;

/// The public half. `invalid_argument` for a scalar outside [1, n-1].
[[nodiscard]] Result<PublicKey> derive_public(Scheme scheme, const Secret& secret) noexcept;

/// `input` is the message for Ed25519 and a digest of 32 bytes for ES256. Deterministic; allocates nothing.
[[nodiscard]] Signature sign_with(const Secret& secret, const PublicKey& public_key,
                                  std::span<const std::byte> input) noexcept;

/// The X25519 shared secret; all zeroes for a peer of small order, as tokens answer too (RFC 7748 §6.1).
[[nodiscard]] Secret agree_with(const Secret& secret, std::span<const std::byte, 32> peer_public) noexcept;

/// A fresh secret that `derive_public` accepts.
[[nodiscard]] Secret random_secret(Scheme scheme) noexcept;

}  // namespace holdfast::hal::fake
