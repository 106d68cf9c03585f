// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"

namespace holdfast::hal::pkcs11 {

class Device;

/// Computes shared secrets with X25519 keys of the token (CKM_ECDH1_DERIVE, CKD_NULL). The derived object lives in
/// the session for as long as it takes to read it.
class KeyDerivation final : public KeyAgreement {
 public:
  explicit KeyDerivation(Device& device) noexcept : device_(device) {}
  Result<KeyHandle> find_twin(std::string_view uri, BootTime deadline) noexcept override;
  Result<SecretBytes> agree(KeyHandle key, std::span<const std::byte, 32> peer_public,
                            BootTime deadline) noexcept override;

 private:
  Device& device_;
};

}  // namespace holdfast::hal::pkcs11
