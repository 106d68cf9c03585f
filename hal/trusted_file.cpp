// SPDX-License-Identifier: Apache-2.0
#include "hal/trusted_file.hpp"

#include "hal/system_error.hpp"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

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
// checked first and opened afterwards could be exchanged in between. A link is followed by its own words, once the
// folder that holds it was checked like any other: whoever may write there could have put the link in a file's place.
class Walk {
 public:
  /// `told` is what errors call the path, `if_absent` what they say if something on it is missing.
  explicit Walk(std::string_view told, std::string_view if_absent = "does not exist") noexcept
      : told_(told), if_absent_(if_absent) {}
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  /// Goes along `path` to the folder that holds its last name. That name, which is then no link, is empty if the path
  /// ends in a slash: it is the folder itself.
  Result<void> go(std::string_view path) noexcept {
    if (path.empty() || path.front() != '/') return refuse(Status::file_untrusted, told_, "is not an absolute path");
    if (path.size() >= sizeof rest_) return refuse(Status::file_invalid, "a path", "is too long");
    if (path.find('\0') != std::string_view::npos) return refuse(Status::file_invalid, "a path", "holds a NUL byte");
    rest_[path.copy(rest_, path.size())] = '\0';
    HOLDFAST_TRY(begin_at_root());
    while (true) {
      name_ += strspn(name_, "/");
      char* end = name_ + strcspn(name_, "/");
      if (end == name_) return {};
      const bool is_last = *end == '\0';
      const std::string_view name(name_, static_cast<std::size_t>(end - name_));
      if (name == "." || name == "..") {
        if (name == "..") HOLDFAST_TRY(go_up());
        name_ = end;
        continue;
      }
      *end = '\0';
      FileDescriptor next = open_next(is_last);
      struct stat info {};
      if (!next || fstat(next.get(), &info) != 0) return unreachable(errno);
      if (!is_last) *end = '/';
      if (S_ISLNK(info.st_mode)) {
        HOLDFAST_TRY(follow(next, info, name, end));
      } else if (is_last) {
        return {};
      } else {
        if (!S_ISDIR(info.st_mode)) return unreachable(ENOTDIR);
        HOLDFAST_TRY(go_down(std::move(next), info, name));
        name_ = end;
      }
    }
  }

  [[nodiscard]] const FileDescriptor& folder() const noexcept { return folder_; }
  /// For the calls of the openat family.
  [[nodiscard]] const char* name() const noexcept { return *name_ != '\0' ? name_ : "."; }
  /// The last name and where it is, for people.
  [[nodiscard]] const char* where() noexcept {
    if (*name_ != '\0') (void)append_to_where(name_);
    return where_size_ != 0 ? where_ : "/";
  }

 private:
  static constexpr int kMostLinks = 40;  // as the kernel has it (path_resolution(7))

  // By O_PATH alone one gets the empty folder on which autofs would mount something, and O_DIRECTORY has it mounted
  // (open(2)). It refuses a link, too, which is then opened as itself.
  [[nodiscard]] FileDescriptor open_next(bool is_last) const noexcept {
    constexpr int kAsItself = O_PATH | O_NOFOLLOW | O_CLOEXEC;
    const int folder = is_last ? -1 : openat(folder_.get(), name_, kAsItself | O_DIRECTORY);
    if (folder >= 0 || (!is_last && errno != ENOTDIR && errno != ELOOP)) return FileDescriptor(folder);
    return FileDescriptor(openat(folder_.get(), name_, kAsItself));
  }

  Error unreachable(int code) const noexcept {
    return refuse(code, told_, code == ENOENT ? if_absent_ : "cannot be reached");
  }

  Result<void> begin_at_root() noexcept {
    folder_ = FileDescriptor(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat info {};
    if (!folder_ || fstat(folder_.get(), &info) != 0) return refuse(errno, "/", "cannot be opened");
    note(info);
    where_size_ = 0;
    name_ = rest_;
    return {};
  }

  Result<void> go_down(FileDescriptor next, const struct stat& info, std::string_view name) noexcept {
    if (!append_to_where(name)) return unreachable(ENAMETOOLONG);
    HOLDFAST_TRY(check_folder(where_, info));
    folder_ = std::move(next);
    note(info);
    return {};
  }

  // Checked on the way down, or the root.
  Result<void> go_up() noexcept {
    FileDescriptor above(openat(folder_.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat info {};
    if (!above || fstat(above.get(), &info) != 0) return unreachable(errno);
    folder_ = std::move(above);
    note(info);
    where_size_ = std::min(std::string_view(where_, where_size_).rfind('/'), where_size_);
    where_[where_size_] = '\0';
    return {};
  }

  // What the link says takes its place in front of what is left of the path.
  Result<void> follow(const FileDescriptor& link, const struct stat& info, std::string_view name,
                      char* end) noexcept {
    if (is_shared_ && !is_trusted_owner(info.st_uid)) {
      Error error = refuse(Status::file_untrusted, told_, "leads through another user's link: ");
      error.detail.append(name);
      return error;
    }
    if (++links_ > kMostLinks) return unreachable(ELOOP);
    const std::size_t left = strlen(end) + 1;
    char* tail = rest_ + sizeof rest_ - left;
    memmove(tail, end, left);
    const std::size_t room = sizeof rest_ - left;
    const ssize_t size = room > 0 ? readlinkat(link.get(), "", rest_, room) : 0;
    if (size < 0) return unreachable(errno);
    if (size == 0 || static_cast<std::size_t>(size) == room) return unreachable(ENAMETOOLONG);
    memmove(rest_ + size, tail, left);
    name_ = rest_;
    return rest_[0] == '/' ? begin_at_root() : Result<void>();
  }

  void note(const struct stat& info) noexcept { is_shared_ = (info.st_mode & (S_IWGRP | S_IWOTH)) != 0; }

  [[nodiscard]] bool append_to_where(std::string_view name) noexcept {
    if (where_size_ + name.size() + 2 > sizeof where_) return false;
    where_[where_size_++] = '/';
    where_size_ += name.copy(where_ + where_size_, name.size());
    where_[where_size_] = '\0';
    return true;
  }

  std::string_view told_;
  std::string_view if_absent_;
  FileDescriptor folder_;
  bool is_shared_ = false;  // the folder is sticky, and others may write to it
  int links_ = 0;
  char* name_ = rest_;
  char rest_[PATH_MAX];
  char where_[PATH_MAX];
  std::size_t where_size_ = 0;
};

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
  Walk walk(path);
  HOLDFAST_TRY(walk.go(path));
  // O_NONBLOCK: a FIFO is refused below instead of being waited for.
  FileDescriptor file(
      openat(walk.folder().get(), walk.name(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
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
  const bool may_be_shown = privacy == FilePrivacy::credential && info.st_uid == 0;
  const mode_t refused = (S_IRWXG | S_IRWXO) & ~(may_be_shown ? S_IRGRP : mode_t{0});
  if (privacy != FilePrivacy::readable && (info.st_mode & refused) != 0) {
    return refuse(Status::file_untrusted, path, "may be read by others")
        .with_hint("take the permissions of group and others away: chmod 600 FILE");
  }
  return file;
}

Result<FileDescriptor> open_private_folder(std::string_view path) noexcept {
  char name[NAME_MAX + 1];
  const std::size_t slash = path.rfind('/');
  if (path.empty() || path.front() != '/' || slash + 1 == path.size()) {
    return refuse(Status::file_untrusted, path, "is not an absolute path of a folder");
  }
  if (path.size() - slash > sizeof name) return refuse(Status::file_invalid, "a path", "is too long");
  name[path.copy(name, path.size() - slash - 1, slash + 1)] = '\0';
  if (strlen(name) != path.size() - slash - 1) return refuse(Status::file_invalid, "a path", "holds a NUL byte");
  // With the slash: into the folder above.
  Walk walk(path, "has no folder above it");
  HOLDFAST_TRY(walk.go(path.substr(0, slash + 1)));
  const FileDescriptor& parent = walk.folder();
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
  Walk walk(path);
  HOLDFAST_TRY(walk.go(path));
  const FileDescriptor folder(
      openat(walk.folder().get(), walk.name(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (!folder || fstat(folder.get(), &info) != 0) {
    const int code = errno;
    return refuse(code, path, code == ENOTDIR ? "is not a folder" : "cannot be opened");
  }
  return check_folder(walk.where(), info);
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
  if (is_known && info.st_dev == devices.st_dev && info.st_ino == devices.st_ino) {
    return refuse_it("is the system's own");
  }
  return {};
}

bool write_path_of(const FileDescriptor& file, std::span<char> out) noexcept {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file.get());
  const ssize_t size = readlink(link, out.data(), out.size());
  if (size <= 0 || static_cast<std::size_t>(size) == out.size() || out[0] != '/') return false;
  out[static_cast<std::size_t>(size)] = '\0';
  return true;
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
