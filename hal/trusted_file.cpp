// SPDX-License-Identifier: Apache-2.0
#include "hal/trusted_file.hpp"

#include "hal/system_error.hpp"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace holdfast::hal {
namespace {

constexpr const char* kDoing = "opening a trusted file";

Error refuse(Status status, std::string_view path, std::string_view why) noexcept {
  return system_error(status, 0, kDoing, path, why);
}
Error refuse(int code, std::string_view path, std::string_view why) noexcept {
  return system_error(code, kDoing, path, why);
}

bool is_trusted_owner(uid_t owner) noexcept { return owner == 0 || owner == geteuid(); }

Result<void> check_folder(const char* path, const struct stat& info) noexcept {
  if (!is_trusted_owner(info.st_uid)) {
    return refuse(Status::file_untrusted, path, "belongs neither to root nor to this user");
  }
  // In a sticky folder (/tmp) others can add entries but neither rename nor remove ours.
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (info.st_mode & S_ISVTX) == 0) {
    return refuse(Status::file_untrusted, path, "is a folder that others may write to");
  }
  return {};
}

// Walks down from the root one step at a time with O_NOFOLLOW, so that what is checked is what is opened: a name
// checked first and opened afterwards could be exchanged in between.
Result<FileDescriptor> open_folder_above(char* path, char** last_name) noexcept {
  FileDescriptor folder(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return refuse(errno, "/", "cannot be opened");
  char* name = path + 1;
  for (char* slash = strchr(name, '/'); slash != nullptr; slash = strchr(name, '/')) {
    *slash = '\0';
    FileDescriptor next(openat(folder.get(), name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat info {};
    const bool is_open = next && fstat(next.get(), &info) == 0;
    const int code = errno;
    const Result<void> verdict =
        is_open ? check_folder(path, info) : Result<void>(refuse(code, path, "cannot be opened"));
    *slash = '/';
    if (!verdict) return verdict.error();
    folder = std::move(next);
    name = slash + 1;
  }
  *last_name = name;
  return folder;
}

// The path from the root with every link resolved, in `resolved`.
Result<void> resolve(std::string_view path, char (&resolved)[PATH_MAX]) noexcept {
  char given[PATH_MAX];
  if (path.empty() || path.front() != '/') return refuse(Status::file_untrusted, path, "is not an absolute path");
  if (path.size() >= sizeof given) return refuse(Status::file_invalid, "a path", "is too long");
  if (path.find('\0') != std::string_view::npos) return refuse(Status::file_invalid, "a path", "holds a NUL byte");
  path.copy(given, path.size());
  given[path.size()] = '\0';
  if (realpath(given, resolved) == nullptr) {
    const int code = errno;
    return refuse(code, path, code == ENOENT ? "does not exist" : "cannot be reached");
  }
  return {};
}

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileDescriptor::~FileDescriptor() {
  // The analyzer loses track of Result's union.
  if (fd_ >= 0) close(fd_);  // NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult)
}

int FileDescriptor::release() noexcept { return std::exchange(fd_, -1); }

Result<FileDescriptor> open_trusted(std::string_view path, FilePrivacy privacy) noexcept {
  char resolved[PATH_MAX];
  HOLDFAST_TRY(resolve(path, resolved));
  char* name = nullptr;
  const FileDescriptor folder = HOLDFAST_TRY(open_folder_above(resolved, &name));
  // O_NONBLOCK: a FIFO is refused below instead of being waited for.
  FileDescriptor file(openat(folder.get(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat info {};
  if (!file || fstat(file.get(), &info) != 0) {
    const int code = errno;
    return refuse(code, path, "cannot be opened");
  }
  if (!S_ISREG(info.st_mode)) return refuse(Status::file_invalid, path, "is not a regular file");
  if (!is_trusted_owner(info.st_uid)) {
    return refuse(Status::file_untrusted, path, "belongs neither to root nor to this user");
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return refuse(Status::file_untrusted, path, "is writable by others")
        .with_hint("look whether it is as you left it, then let nobody else write to it: chmod go-w FILE");
  }
  if (privacy == FilePrivacy::owner_only && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return refuse(Status::file_untrusted, path, "may be read by others")
        .with_hint("take the permissions of group and others away: chmod 600 FILE");
  }
  return file;
}

Result<FileDescriptor> open_private_folder(std::string_view path) noexcept {
  char above[PATH_MAX];
  char resolved[PATH_MAX];
  char name[NAME_MAX + 1];
  const std::size_t slash = path.rfind('/');
  if (path.empty() || path.front() != '/' || slash + 1 == path.size()) {
    return refuse(Status::file_untrusted, path, "is not an absolute path of a folder");
  }
  if (path.size() + 2 >= sizeof above || path.size() - slash > sizeof name ||
      path.find('\0') != std::string_view::npos) {
    return refuse(Status::file_invalid, "a path", "is too long");
  }
  above[path.copy(above, slash)] = '\0';
  name[path.copy(name, path.size() - slash - 1, slash + 1)] = '\0';
  if (realpath(slash == 0 ? "/" : above, resolved) == nullptr) {
    const int code = errno;
    return refuse(code, path, "has no folder above it");
  }
  // A slash and an empty name behind it, so that the walk ends in the last folder.
  const std::size_t length = strlen(resolved);
  if (length + 2 > sizeof resolved) return refuse(Status::file_invalid, "a path", "is too long");
  if (length > 1) memcpy(resolved + length, "/", 2);
  char* rest = nullptr;
  const FileDescriptor parent = HOLDFAST_TRY(open_folder_above(resolved, &rest));
  if (mkdirat(parent.get(), name, S_IRWXU) != 0 && errno != EEXIST) {
    const int code = errno;
    return refuse(code, path, "cannot be made");
  }
  FileDescriptor folder(openat(parent.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (!folder || fstat(folder.get(), &info) != 0) {
    const int code = errno;
    return refuse(code, path, "cannot be opened");
  }
  if (info.st_uid != geteuid()) return refuse(Status::file_untrusted, path, "does not belong to this user");
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return refuse(Status::file_untrusted, path, "is a folder that others have access to")
        .with_hint("take the permissions of group and others away: chmod 700 FOLDER");
  }
  return folder;
}

Result<void> check_trusted_folder(std::string_view path) noexcept {
  char resolved[PATH_MAX];
  HOLDFAST_TRY(resolve(path, resolved));
  char* name = nullptr;
  const FileDescriptor above = HOLDFAST_TRY(open_folder_above(resolved, &name));
  // The root itself has no name in the folder above it.
  const FileDescriptor folder(
      openat(above.get(), *name != '\0' ? name : ".", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (!folder || fstat(folder.get(), &info) != 0) {
    const int code = errno;
    return refuse(code, path, code == ENOTDIR ? "is not a folder" : "cannot be opened");
  }
  return check_folder(resolved, info);
}

Result<void> check_replaceable(const char* path, const char* doing) noexcept {
  constexpr const char* kHint = "name a file of its own";
  const auto refuse_it = [&](std::string_view why) noexcept {
    return system_error(Status::file_invalid, 0, doing, path, why).with_hint(kHint);
  };
  struct stat info {};
  if (lstat(path, &info) != 0) return {};  // what is missing, or cannot be seen, the writing finds
  if (!S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode)) return refuse_it("is no regular file");
  char folder[PATH_MAX];
  const char* const slash = strrchr(path, '/');
  const std::size_t size = slash == nullptr ? 0 : static_cast<std::size_t>(slash - path);
  if (size == 0 || size >= sizeof folder) return {};
  memcpy(folder, path, size);
  folder[size] = '\0';
  struct stat devices {};
  const bool is_known = stat(folder, &info) == 0 && stat("/dev", &devices) == 0;
  if (is_known && info.st_dev == devices.st_dev && info.st_ino == devices.st_ino)
    return refuse_it("is the system's own");
  return {};
}

Result<std::size_t> read_all(int fd, std::span<std::byte> out) noexcept {
  std::size_t used = 0;
  while (true) {
    std::byte overflow{};
    const bool is_full = used == out.size();
    const ssize_t got = is_full ? read(fd, &overflow, 1) : read(fd, out.data() + used, out.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(errno, "reading a file", {});
    if (got == 0) return used;
    if (is_full) return failure(Status::file_invalid, Layer::system, "reading a file").about("it is too long");
    used += static_cast<std::size_t>(got);
  }
}

}  // namespace holdfast::hal
