// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <string_view>

namespace holdfast::hal {

/// What a person can do about an `errno` value that a file, a folder or a descriptor was met with: refused access is
/// `permission_denied`, full disks and exhausted limits are `resource_exhausted`, a name that is taken is
/// `already_exists`, the rest `file_invalid`.
[[nodiscard]] Status system_status(int code) noexcept;

/// The error for an `errno` value met while `doing` (a literal) something to `about`, a path or a call's name; `why`
/// ("cannot be opened") stands behind it. Its status is `system_status(code)`.
[[nodiscard]] Error system_error(int code, const char* doing, std::string_view about,
                                 std::string_view why = {}) noexcept;
/// The same where more is known about the remedy than the code says, or where no call failed: `code` is 0.
[[nodiscard]] Error system_error(Status status, int code, const char* doing, std::string_view about,
                                 std::string_view why) noexcept;

}  // namespace holdfast::hal
