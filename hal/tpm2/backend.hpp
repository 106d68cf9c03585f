// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"

/// The TPM 2.0 back end's rows in hal/registry.cpp and hal/signing_registry.cpp. Allocates; blocks on the TPM.
namespace holdfast::hal::tpm2 {

/// Connects to the TPM that `options.uri` names and reads the auth value, if a source for one is given. A PIN is the
/// key's auth value: at most 32 bytes.
[[nodiscard]] Result<DevicePtr> open_device(const DeviceOptions& options) noexcept;

/// As `open_device` for `DeviceAccess::sign`, without the abilities that signing does not need.
[[nodiscard]] Result<DevicePtr> open_for_signing(const DeviceOptions& options) noexcept;

/// One token: the TPM behind the URI's `tcti`.
[[nodiscard]] Result<std::size_t> list_tokens(const DeviceOptions& options, std::span<TokenDescription> out) noexcept;

/// Refused: a TPM is set up by its owner, and needs nothing before a key is made in it.
[[nodiscard]] Result<TokenDescription> init_token(const TokenInitOptions& options) noexcept;

[[nodiscard]] Result<void> check_uri(std::string_view uri) noexcept;

}  // namespace holdfast::hal::tpm2
