// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"

#include <array>
#include <cstddef>
#include <span>

namespace holdfast {

/// A P-256 point that is on the curve, prepared for ECDSA verification (FIPS 186-5 §6.4.2).
///
/// A plain value without heap memory; `verify` may run in any number of threads.
class P256Verifier {
 public:
  /// Takes 04‖X‖Y. `invalid_argument` if a coordinate is not below the field's prime or the point is not on the
  /// curve. Allocates and frees.
  [[nodiscard]] static Result<P256Verifier> prepare(std::span<const std::byte, kP256PointSize> point) noexcept;

  /// Whether r‖s is a signature of the message with this `digest`; false for r or s outside [1, n-1].
  /// Accepts both s and n-s, as every ECDSA verifier does. Refuses a valid signature whose u1·G and u2·Q are one
  /// point (a limit of nettle 3.8), which only the holder of the private key can make, on purpose. Allocates nothing;
  /// some 8 KiB of stack.
  [[nodiscard]] bool verify(std::span<const std::byte, kSha256Size> digest,
                            std::span<const std::byte, kSignatureSize> signature) const noexcept;

 private:
  P256Verifier() noexcept = default;
  std::array<std::byte, 64>
      point_{};  // x, y in limbs as nettle keeps them: of 32 or 64 bits, as this machine has them
};

}  // namespace holdfast
