// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/pkcs11/device.hpp"
#include "hal/pkcs11/export_attempts.hpp"
#include "hal/pkcs11/key_generation.hpp"
#include "hal/pkcs11/key_import.hpp"
#include "hal/pkcs11/key_inventory.hpp"
#include "hal/pkcs11/key_remnants.hpp"

namespace holdfast::hal::pkcs11 {

/// A device with every ability that its access allows: what the tools open. Apart, so that a host which signs does
/// not carry what makes, imports, lists and removes keys.
class ProvisioningDevice final : public Device {
 public:
  [[nodiscard]] static Device* make(const DeviceOptions& options, const KeyUri& uri, ForkGuard guard,
                                    ModuleUse module) noexcept;

  KeyGenerator* key_generator() noexcept override { return can_write() ? &generation_ : nullptr; }
  KeyImporter* key_importer() noexcept override { return can_write() ? &import_ : nullptr; }
  KeyInventory* key_inventory() noexcept override { return &inventory_; }
  KeyRemnants* key_remnants() noexcept override { return can_write() ? &remnants_ : nullptr; }
  ExportProbe* export_probe() noexcept override { return can_write() ? &export_ : nullptr; }

 private:
  using Device::Device;
  ~ProvisioningDevice() override = default;

  KeyGeneration generation_{*this};
  KeyListing inventory_{*this};
  TokenRemnants remnants_{*this};
  ExportAttempts export_{*this};
  KeyImport import_{*this};
};

}  // namespace holdfast::hal::pkcs11
