// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace holdfast::hal::pkcs11 {

inline constexpr std::size_t kMaxModulePathSize = 1024;
inline constexpr std::size_t kMaxReservedSize = 1024;

/// What p11-kit's configuration says of one module (pkcs11.conf(5)): the two lines that matter to us.
struct ModuleConfig {
  FixedText<kMaxModulePathSize> path;    ///< `module:`, made absolute
  FixedText<kMaxReservedSize> reserved;  ///< `x-init-reserved:`, often empty; NSS softokn needs it
};

/// Where p11-kit keeps its module files and modules on this system.
struct ModuleFolders {
  std::string_view configs[2];  ///< in order of precedence: the administrator's, the packages'
  std::string_view modules;     ///< for a `module:` that is no absolute path
};

[[nodiscard]] ModuleFolders system_module_folders() noexcept;

/// Reads `NAME.module` from the first folder that has it. The file must be trusted, as it decides what code is
/// loaded; a person's own folder is therefore not looked into. `module_unusable` if there is no such
/// configuration or it names no module; `invalid_uri` for a name that is none.
[[nodiscard]] Result<ModuleConfig> read_module_config(std::string_view name, const ModuleFolders& folders) noexcept;

}  // namespace holdfast::hal::pkcs11
