// SPDX-License-Identifier: Apache-2.0
#include "src/identity/atomic_file.hpp"

#include "hal/system_error.hpp"
#include "hal/trusted_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

namespace holdfast {
namespace {

constexpr const char* kDoing = "writing a file";
constexpr mode_t kPublicFile = 0644;

// A name nobody else uses; it begins with a dot so that listings and globs pass over it.
std::string temporary_name(std::string_view name) {
  std::uint64_t random = 0;
  // Uniqueness comes from O_EXCL; randomness only keeps two writers apart.
  if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) {
    random = static_cast<std::uint64_t>(getpid());
  }
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, random, 16).ptr;
  return "." + std::string(name) + "." + std::string(digits, end) + ".new";
}

// The new file, removed again unless it was put in place.
class TemporaryFile {
 public:
  TemporaryFile(int folder, std::string name) : folder_(folder), name_(std::move(name)) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (exists_) unlinkat(folder_, name_.c_str(), 0);
  }

  Result<void> write(std::string_view text, std::string_view shown_path) {
    const hal::FileDescriptor file(
        openat(folder_, name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) return hal::system_error(errno, kDoing, shown_path);
    exists_ = true;
    while (!text.empty()) {
      const ssize_t written = ::write(file.get(), text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      // A write that takes nothing would otherwise be tried for ever.
      if (written <= 0) return hal::system_error(written < 0 ? errno : ENOSPC, kDoing, shown_path);
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (fchmod(file.get(), kPublicFile) != 0 || fsync(file.get()) != 0) {
      return hal::system_error(errno, kDoing, shown_path);
    }
    return {};
  }

  Result<void> put_in_place(const std::string& final_name, Existing existing, std::string_view shown_path) {
    if (existing == Existing::replaced) {
      if (renameat(folder_, name_.c_str(), folder_, final_name.c_str()) != 0) {
        return hal::system_error(errno, kDoing, shown_path);
      }
      exists_ = false;
      return {};
    }
    if (renameat2(folder_, name_.c_str(), folder_, final_name.c_str(), RENAME_NOREPLACE) == 0) {
      exists_ = false;
      return {};
    }
    // Some file systems (NFS, overlay on old kernels) do not know the flag; link(2) refuses an existing name too.
    if (errno != EINVAL && errno != ENOSYS) return hal::system_error(errno, kDoing, shown_path);
    if (linkat(folder_, name_.c_str(), folder_, final_name.c_str(), 0) != 0) {
      return hal::system_error(errno, kDoing, shown_path);
    }
    return {};
  }

  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  int folder_;
  std::string name_;
  bool exists_ = false;
};

// The file is visible under its name, and may not be after a power cut. Where there was none before, there is none
// again: whoever is told of a failure relies on that.
Error unsecured(int code, int folder, const std::string& name, Existing existing, std::string_view shown_path) {
  Error error = hal::system_error(code, "securing a file's name on the disk", shown_path);
  if (existing == Existing::refused && unlinkat(folder, name.c_str(), 0) == 0) return error;
  return std::move(error).with_hint(
      "the new file stands there, but a power cut may undo that: see to the disk or file system, then look at the "
      "file");
}

}  // namespace

Result<void> write_file_atomically(const std::string& path, std::string_view text, Existing existing) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash + 1 == path.size() || path.find('\0') != std::string::npos) {
    return failure(Status::invalid_argument, Layer::system, kDoing).about("the path names no file in a folder");
  }
  const std::string folder_path = path.substr(0, slash + 1);
  const std::string name = path.substr(slash + 1);
  const hal::FileDescriptor folder(open(folder_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return hal::system_error(errno, "opening the folder of a file", folder_path);

  // Asked first so that the common mistake costs nothing; the rename decides.
  struct stat info {};
  if (existing == Existing::refused && fstatat(folder.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    return hal::system_error(EEXIST, kDoing, path);
  }
  HOLDFAST_TRY(hal::check_replaceable(path.c_str(), kDoing));

  TemporaryFile temporary(folder.get(), temporary_name(name));
  HOLDFAST_TRY(temporary.write(text, path));
  HOLDFAST_TRY(hal::open_trusted(folder_path + temporary.name(), hal::FilePrivacy::readable));
  HOLDFAST_TRY(temporary.put_in_place(name, existing, path));
  if (fsync(folder.get()) != 0) return unsecured(errno, folder.get(), name, existing, path);
  return {};
}

}  // namespace holdfast
