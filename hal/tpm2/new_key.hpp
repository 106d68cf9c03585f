// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/tpm2/device.hpp"

/// What making and importing a key have in common: where it goes, and nothing left there after a failure.
namespace holdfast::hal::tpm2 {

/// Whether a key can be made as `spec` under the name `uri` gives it.
[[nodiscard]] Result<void> check_new_key(const KeySpec& spec, const KeyUri& uri) noexcept;

/// `already_exists` if the file or handle is taken.
[[nodiscard]] Result<void> refuse_existing_key(Connection& tpm, const KeyUri& uri, BootTime deadline) noexcept;

/// Writes the key file or makes the key persistent, and loads it. A failure leaves neither, or its detail says that
/// the key may be there still: what was made is taken back even after the deadline, within `kPatience` in the TPM.
[[nodiscard]] Result<FoundKey> keep_new_key(Device& device, const WrappedKey& wrapped, BootTime deadline) noexcept;

/// Says what the key is that was made; a failure, such as a URI that becomes too long, leaves neither, or says so as
/// `keep_new_key` does.
[[nodiscard]] Result<KeyDescription> describe_new_key(Device& device, const FoundKey& key) noexcept;

}  // namespace holdfast::hal::tpm2
