// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"

namespace holdfast::hal::pkcs11 {

class Device;

/// Removes what a making or a removal that was cut off has left in a token.
class TokenRemnants final : public KeyRemnants {
 public:
  explicit TokenRemnants(Device& device) noexcept : device_(device) {}
  Result<std::size_t> count_nameless() noexcept override;
  Result<void> remove(const KeySpec& spec, BootTime deadline) noexcept override;
  Result<void> remove_nameless(BootTime deadline) noexcept override;

 private:
  Device& device_;
};

}  // namespace holdfast::hal::pkcs11
