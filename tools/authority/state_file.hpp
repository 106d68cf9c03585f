// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <sys/types.h>

#include <string>
#include <string_view>

namespace holdfast::authority {

inline constexpr mode_t kOwnerOnly = 0600;
inline constexpr mode_t kReadableByAll = 0644;

/// Puts `content` at `path` with exactly `mode`, whatever the umask: readers see the old file or the whole new one,
/// never a part. Blocks on the disk; `permission_denied`, `resource_exhausted` or `file_invalid` name the path, and
/// nothing is left behind.
[[nodiscard]] Result<void> write_state_file(const std::string& path, std::string_view content, mode_t mode) noexcept;

}  // namespace holdfast::authority
