// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/fuzz/promise.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <string>

namespace holdfast::fuzz {

/// A file without a disk, for what is read by its path.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(memfd_create("fuzz", MFD_CLOEXEC)) {
    if (descriptor_ < 0) std::abort();
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { close(descriptor_); }

  /// Makes `text` all that is in it; returns its path.
  [[nodiscard]] std::string write(std::string_view text) {
    if (ftruncate(descriptor_, 0) != 0 ||
        pwrite(descriptor_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
      std::abort();
    }
    return "/proc/self/fd/" + std::to_string(descriptor_);
  }

 private:
  int descriptor_;
};

}  // namespace holdfast::fuzz
