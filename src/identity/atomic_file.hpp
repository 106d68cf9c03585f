// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <string>
#include <string_view>

namespace holdfast {

/// What happens to a file that stands under the name already.
enum class Existing : std::uint8_t { refused, replaced };

/// Writes `text` to `path` (absolute), mode 0644 whatever the umask, so that at every moment either the old file or
/// the whole new one stands there, also after a power cut: a temporary file in the same folder, fsync, rename, fsync
/// of the folder. A link under the name is replaced, not followed; a device, a pipe or a folder is `file_invalid`.
///
/// Before the rename the new file must pass `hal::open_trusted`: nothing is put where the reader would refuse it.
/// On any failure the old file is untouched, or there is none, and the temporary file is gone. The one exception is a
/// folder whose fsync fails after a file was replaced (or after a new one that cannot be removed again): the new file
/// stands there, which the error's hint says.
/// `already_exists`, `permission_denied`, `resource_exhausted` (disk, quota, size limit), `file_untrusted`,
/// `file_invalid` (no such folder). Blocks on the disk.
[[nodiscard]] Result<void> write_file_atomically(const std::string& path, std::string_view text, Existing existing);

}  // namespace holdfast
