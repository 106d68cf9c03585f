// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/provisioning_device.hpp"

namespace holdfast::hal::tpm2 {

Device* ProvisioningDevice::make(const DeviceOptions& options, const KeyUri& uri, ForkGuard guard) noexcept {
  return new (std::nothrow) ProvisioningDevice(options, uri, std::move(guard));
}

}  // namespace holdfast::hal::tpm2
