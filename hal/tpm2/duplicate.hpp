// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/secret_bytes.hpp"
#include "hal/tpm2/public_area.hpp"
#include "hal/tpm2/salt.hpp"

namespace holdfast::hal::tpm2 {

/// A software key as TPM2_Import takes it: outer wrap only (TPM 2.0 Library Part 1 §23.3.2.3).
struct Duplicate {
  static constexpr std::size_t kMaxSize = 256;

  PublicArea public_area;
  Octets<kMaxSize> wrapped;                     ///< content of the TPM2B_PRIVATE
  Octets<Salt::kEncryptedSize> encrypted_seed;  ///< content of the TPM2B_ENCRYPTED_SECRET

  /// Wraps the P-256 key for the storage root whose point is `root`: signing ECDSA/SHA-256 only, with `auth_value`
  /// (may be empty), and an empty policy. Allocates and frees.
  [[nodiscard]] static Result<Duplicate> make(const SecretBytes& scalar, const PublicKey& public_key,
                                              std::span<const std::byte> auth_value, const PublicKey& root) noexcept;
};

}  // namespace holdfast::hal::tpm2
