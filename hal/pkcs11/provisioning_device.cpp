// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/provisioning_device.hpp"

#include "hal/pkcs11/backend.hpp"

namespace holdfast::hal::pkcs11 {

Device* ProvisioningDevice::make(const DeviceOptions& options, const KeyUri& uri, ForkGuard guard,
                                 ModuleUse module) noexcept {
  return new (std::nothrow) ProvisioningDevice(options, uri, std::move(guard), std::move(module));
}

Result<DevicePtr> open_device(const DeviceOptions& options) noexcept {
  return Device::open(options, &ProvisioningDevice::make);
}

Result<void> check_uri(std::string_view uri) noexcept {
  HOLDFAST_TRY(parse_uri(uri, UriUse::key));
  return {};
}

}  // namespace holdfast::hal::pkcs11
