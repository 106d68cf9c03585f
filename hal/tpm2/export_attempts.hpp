// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"

namespace holdfast::hal::tpm2 {

class Device;

/// Tries to get a disposable key out of the TPM, by duplication and by using it for what a signing key must not do.
class ExportAttempts final : public ExportProbe {
 public:
  explicit ExportAttempts(Device& device) noexcept : device_(device) {}
  Result<ExportReport> try_export(Scheme scheme, BootTime deadline) noexcept override;

 private:
  Device& device_;
};

}  // namespace holdfast::hal::tpm2
