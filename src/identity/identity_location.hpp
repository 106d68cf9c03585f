// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <string>
#include <vector>

namespace holdfast {

/// Folders made for a file that is not written yet; removed again, if still empty, unless kept.
class CreatedFolders {
 public:
  CreatedFolders() = default;
  CreatedFolders(CreatedFolders&& other) noexcept;
  CreatedFolders& operator=(CreatedFolders&&) = delete;
  ~CreatedFolders();

  /// Makes `path` with exactly `mode`; an existing folder is left as it is.
  [[nodiscard]] Result<void> create(const std::string& path, unsigned mode);
  void keep() noexcept { paths_.clear(); }

 private:
  std::vector<std::string> paths_;
};

/// Makes the folders above the default identity file if `path` is that file: its own with 0755 and, for a user, the
/// configuration folder with 0700 (XDG Base Directory Specification 0.8, "Referencing this specification"). Any other
/// folder is the person's own choice and must exist: a mistyped path should be noticed, not created.
[[nodiscard]] Result<CreatedFolders> create_default_folders(const std::string& path);

}  // namespace holdfast
