// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"

namespace holdfast::hal::tpm2 {

class Device;

/// Lists the key of a file or handle, or all persistent keys but storage keys; removes keys.
class KeyListing final : public KeyInventory {
 public:
  explicit KeyListing(Device& device) noexcept : device_(device) {}
  Result<std::size_t> list(std::span<KeyDescription> out) noexcept override;
  Result<void> destroy(KeyHandle key) noexcept override;

 private:
  Device& device_;
};

}  // namespace holdfast::hal::tpm2
