// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/attestation.hpp"

#include <cstdint>

namespace holdfast {

/// A TPMT_PUBLIC (TPM 2.0 Library Part 2 §12.2.4) of an elliptic curve key, as far as attestation asks. A plain
/// value.
class TpmPublicArea {
 public:
  /// TPMA_OBJECT (Part 2 §8.3.2)
  enum Attribute : std::uint32_t {
    fixed_tpm = 1U << 1U,
    fixed_parent = 1U << 4U,
    sensitive_data_origin = 1U << 5U,
    restricted = 1U << 16U,
    decrypt = 1U << 17U,
    sign = 1U << 18U,
  };

  /// Reads the whole of `bytes`, which came from anywhere. `attestation_refused` unless they are one well-formed
  /// public area of an elliptic curve key whose name algorithm is SHA-256.
  [[nodiscard]] static Result<TpmPublicArea> parse(std::span<const std::byte> bytes) noexcept;

  [[nodiscard]] const TpmName& name() const noexcept { return name_; }
  [[nodiscard]] bool has(Attribute attribute) const noexcept { return (attributes_ & attribute) != 0; }
  /// Signs ECDSA with SHA-256 and nothing else.
  [[nodiscard]] bool is_es256_only() const noexcept { return is_es256_only_; }
  /// The point; empty unless it is one of P-256 with coordinates of full size. Whether it is on the curve is not
  /// checked here.
  [[nodiscard]] const std::optional<PublicKey>& point() const noexcept { return point_; }

 private:
  TpmPublicArea() noexcept = default;

  TpmName name_{};
  std::uint32_t attributes_ = 0;
  bool is_es256_only_ = false;
  std::optional<PublicKey> point_;
};

}  // namespace holdfast
