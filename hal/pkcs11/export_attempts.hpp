// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"

namespace holdfast::hal::pkcs11 {

class Device;

/// Tries to get a disposable key out of the token: attributes are only the module's word, and NSS softokn wraps out a
/// key it calls non-extractable.
class ExportAttempts final : public ExportProbe {
 public:
  explicit ExportAttempts(Device& device) noexcept : device_(device) {}
  Result<ExportReport> try_export(Scheme scheme, BootTime deadline) noexcept override;

 private:
  Device& device_;
};

}  // namespace holdfast::hal::pkcs11
