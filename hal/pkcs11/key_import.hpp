// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"

namespace holdfast::hal::pkcs11 {

class Device;

/// Brings private keys into the token: unwrapped under a session key where the token can, else in clear through
/// C_CreateObject. X25519 keys are CKK_EC_MONTGOMERY by the standard, and CKK_EC_EDWARDS where a token files them so
/// (SoftHSM 2.6).
class KeyImport final : public KeyImporter {
 public:
  explicit KeyImport(Device& device) noexcept : device_(device) {}
  Result<MadeKey> import_key(const KeySpec& spec, const SecretBytes& private_key, const PublicKey& public_key,
                             BootTime deadline) noexcept override;
  Result<MadeKey> import_twin(const KeySpec& spec, const SecretBytes& x25519_secret,
                              std::span<const std::byte, 32> x25519_public, BootTime deadline) noexcept override;

 private:
  Device& device_;
};

}  // namespace holdfast::hal::pkcs11
