// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"

namespace holdfast::hal::tpm2 {

class Device;

/// Makes signing keys in the TPM, in a file or persistent, as the URI of the device says.
class KeyGeneration final : public KeyGenerator {
 public:
  explicit KeyGeneration(Device& device) noexcept : device_(device) {}
  Result<MadeKey> generate(const KeySpec& spec, BootTime deadline) noexcept override;

 private:
  Device& device_;
};

}  // namespace holdfast::hal::tpm2
