// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/pkcs11/module_config.hpp"
#include "hal/pkcs11/uri.hpp"

namespace holdfast::hal::pkcs11 {

/// The module to load: the explicit path, which `uri` then bears too, or what `uri` names. `invalid_uri` if neither
/// does.
[[nodiscard]] Result<ModuleConfig> choose_module(KeyUri& uri, std::string_view explicit_path) noexcept;

}  // namespace holdfast::hal::pkcs11
