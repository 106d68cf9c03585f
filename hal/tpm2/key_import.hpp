// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"

namespace holdfast::hal::tpm2 {

class Device;

/// Brings P-256 keys into the TPM: TPM2_Import under the storage root (TPM 2.0 Library Part 3 §13.3), the sensitive
/// area encrypted and authenticated for that root alone (Part 1 §23.3.2.3, outer wrap), so that nobody who listens on
/// the bus reads it. The policy is empty, so the key cannot be duplicated out again.
class KeyImport final : public KeyImporter {
 public:
  explicit KeyImport(Device& device) noexcept : device_(device) {}
  Result<MadeKey> import_key(const KeySpec& spec, const SecretBytes& private_key, const PublicKey& public_key,
                             BootTime deadline) noexcept override;
  /// `scheme_unsupported`: no TPM has X25519.
  Result<MadeKey> import_twin(const KeySpec& spec, const SecretBytes& x25519_secret,
                              std::span<const std::byte, 32> x25519_public, BootTime deadline) noexcept override;

 private:
  Device& device_;
};

}  // namespace holdfast::hal::tpm2
