// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"

namespace holdfast::hal::pkcs11 {

class Device;

/// Lists a token's private keys, or, without a login, the public ones it shows to anybody; removes keys.
class KeyListing final : public KeyInventory {
 public:
  explicit KeyListing(Device& device) noexcept : device_(device) {}
  Result<std::size_t> list(std::span<KeyDescription> out) noexcept override;
  Result<void> destroy(KeyHandle key) noexcept override;

 private:
  Device& device_;
};

}  // namespace holdfast::hal::pkcs11
