// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/state_file.hpp"

#include "hal/trusted_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <new>

namespace holdfast::authority {
namespace {

Error write_error(const std::string& path, int code) noexcept {
  Status status = Status::file_invalid;
  if (code == EACCES || code == EPERM || code == EROFS) status = Status::permission_denied;
  if (code == ENOSPC || code == EDQUOT || code == EMFILE || code == ENFILE) status = Status::resource_exhausted;
  Error error = failure(status, Layer::system, "writing a file");
  error.native = static_cast<std::uint64_t>(code);
  error.native_name = strerrorname_np(code);
  error.detail.append(path);
  return error;
}

bool write_all(int fd, std::string_view content) noexcept {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// The new name is on the disk only when its folder is.
void flush_folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const hal::FileDescriptor descriptor(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor) fsync(descriptor.get());
}

}  // namespace

Result<void> write_state_file(const std::string& path, std::string_view content, mode_t mode) noexcept try {
  HOLDFAST_TRY(hal::check_replaceable(path.c_str(), "writing a file"));
  std::string draft = path + ".XXXXXX";
  const hal::FileDescriptor file(mkostemp(draft.data(), O_CLOEXEC));
  if (!file) return write_error(path, errno);
  if (fchmod(file.get(), mode) != 0 || !write_all(file.get(), content) || fsync(file.get()) != 0 ||
      rename(draft.c_str(), path.c_str()) != 0) {
    const int code = errno;
    unlink(draft.c_str());
    return write_error(path, code);
  }
  flush_folder_of(path);
  return {};
} catch (const std::bad_alloc&) {
  return failure(Status::resource_exhausted, Layer::core, "writing a file");
}

}  // namespace holdfast::authority
