// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <string_view>

namespace holdfast {

/// The error for an `errno` value met while `doing` (a literal) something to the file `path`: what a person can do
/// about it decides the status. Full disks and exhausted limits are `resource_exhausted`, refused access is
/// `permission_denied`, the rest `file_invalid`.
[[nodiscard]] Error system_error(int code, const char* doing, std::string_view path) noexcept;

}  // namespace holdfast
