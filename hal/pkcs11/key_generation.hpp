// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"

namespace holdfast::hal::pkcs11 {

class Device;

/// Makes signing keys inside the token.
class KeyGeneration final : public KeyGenerator {
 public:
  explicit KeyGeneration(Device& device) noexcept : device_(device) {}
  Result<MadeKey> generate(const KeySpec& spec, BootTime deadline) noexcept override;

 private:
  Device& device_;
};

}  // namespace holdfast::hal::pkcs11
