// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/tpm2/attestation.hpp"
#include "hal/tpm2/device.hpp"
#include "hal/tpm2/endorsement.hpp"
#include "hal/tpm2/export_attempts.hpp"
#include "hal/tpm2/key_generation.hpp"
#include "hal/tpm2/key_import.hpp"
#include "hal/tpm2/key_inventory.hpp"

namespace holdfast::hal::tpm2 {

/// A device with every ability that its access allows: what the tools open. Apart, so that a host which signs does
/// not carry what makes, imports, lists, removes and vouches for keys.
class ProvisioningDevice final : public Device {
 public:
  [[nodiscard]] static Device* make(const DeviceOptions& options, const KeyUri& uri, ForkGuard guard) noexcept;

  KeyGenerator* key_generator() noexcept override { return can_write() ? &generation_ : nullptr; }
  KeyImporter* key_importer() noexcept override { return can_write() ? &import_ : nullptr; }
  KeyInventory* key_inventory() noexcept override { return &inventory_; }
  ExportProbe* export_probe() noexcept override { return can_write() ? &export_ : nullptr; }
  Attestor* attestor() noexcept override { return &attestation_; }
  Endorsement* endorsement() noexcept override { return &endorsement_; }

 private:
  using Device::Device;
  ~ProvisioningDevice() override = default;

  KeyGeneration generation_{*this};
  KeyImport import_{*this};
  KeyListing inventory_{*this};
  ExportAttempts export_{*this};
  KeyAttestation attestation_{*this};
  EndorsementProof endorsement_{*this};
};

}  // namespace holdfast::hal::tpm2
