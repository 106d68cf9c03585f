// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"

/// The PKCS#11 back end's rows in hal/registry.cpp and hal/signing_registry.cpp. Allocates; blocks on the token.
namespace holdfast::hal::pkcs11 {

/// Opens the token that `options.uri` selects and logs in. Selecting by label, serial, manufacturer and model only; a
/// match of several is `ambiguous_match` and lists them. The PIN, if one is needed, is sent once.
[[nodiscard]] Result<DevicePtr> open_device(const DeviceOptions& options) noexcept;

/// As `open_device` for `DeviceAccess::sign`, without the abilities that signing does not need.
[[nodiscard]] Result<DevicePtr> open_for_signing(const DeviceOptions& options) noexcept;

[[nodiscard]] Result<std::size_t> list_tokens(const DeviceOptions& options, std::span<TokenDescription> out) noexcept;

/// Initialises a blank token, or with consent erases one, sets both PINs, and describes what it is now.
[[nodiscard]] Result<TokenDescription> init_token(const TokenInitOptions& options) noexcept;

[[nodiscard]] Result<void> check_uri(std::string_view uri) noexcept;

}  // namespace holdfast::hal::pkcs11
