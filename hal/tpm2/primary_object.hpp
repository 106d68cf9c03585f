// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/tpm2/commands.hpp"

namespace holdfast::hal::tpm2 {

/// TPM2_CreatePrimary under `hierarchy`, whose auth value is empty, from the TPM2B_PUBLIC `public_template` (its size
/// included): the same template gives the same key until the hierarchy's seed is changed, which only clearing the TPM
/// does. The caller flushes it. `device_fault` unless the TPM states the name that we compute.
[[nodiscard]] Result<LoadedObject> create_primary(Connection& tpm, std::uint32_t hierarchy,
                                                  std::span<const std::byte> public_template, const char* doing,
                                                  BootTime deadline) noexcept;

}  // namespace holdfast::hal::tpm2
