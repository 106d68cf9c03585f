// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace holdfast::hal {

/// Who may read a file besides its owner.
enum class FilePrivacy : std::uint8_t {
  readable,    ///< anybody may read it: identity files, modules
  owner_only,  ///< group and others have no access at all: PIN files
  /// As `owner_only`, but the group may read what is root's: systemd 257 gives a service of another user its
  /// credentials by an access control list, whose mask stands where the group's permissions are told.
  credential,
};

/// A descriptor that closes itself; -1 when empty.
class FileDescriptor {
 public:
  FileDescriptor() noexcept = default;
  explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor();

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int release() noexcept;

 private:
  int fd_ = -1;
};

/// Opens the regular file at `path` for reading (O_CLOEXEC) after checking that nobody else can change it.
///
/// The file, and every folder above it, must be owned by root or the effective user and not be writable by
/// group or others (a folder with the sticky bit, such as /tmp, may be). The same holds for each link on the way: the
/// folders above it are checked like those above what it leads to, and in a sticky folder the link itself must be
/// owned by root or the effective user. The check is made on the open descriptor, not on the name. `file_untrusted`
/// names the offending path; `file_invalid` if it is missing or no regular file; `permission_denied` if it cannot be
/// read. Blocks on the disk only; a FIFO or device is refused without waiting for it. Where the path has links, this
/// calls readlinkat; and those of /proc (/dev/fd/N) are followed by the path they show.
[[nodiscard]] Result<FileDescriptor> open_trusted(std::string_view path, FilePrivacy privacy) noexcept;

/// Opens the folder at `path` (O_PATH-like use with openat), which nobody but the effective user may so much as read;
/// makes it, with mode 0700, if it is not there. The folders above it must be there and are checked as by
/// `open_trusted`; the folder itself may be no link.
///
/// `file_untrusted` if it belongs to somebody else or others have access to it; `file_invalid` if the folder above is
/// missing, or the name is something else; `permission_denied` if it cannot be made (EACCES, and EROFS as well).
[[nodiscard]] Result<FileDescriptor> open_private_folder(std::string_view path) noexcept;
/// Checks a folder as `open_trusted` checks those above a file, and those above it: others can then neither put a
/// file into it nor exchange one. `file_invalid` if it is missing or no folder. Other errors as `open_trusted`.
[[nodiscard]] Result<void> check_trusted_folder(std::string_view path) noexcept;

/// Whether a file may be put in the place of what is at `path`, if anything is: a regular file or a link, which is
/// then replaced itself. `file_invalid` for a device, a pipe, a socket or a folder, and for whatever is directly in
/// /dev, where links are the system's own. `doing` is the error's.
[[nodiscard]] Result<void> check_replaceable(const char* path, const char* doing) noexcept;

/// Writes the kernel's own name of an open file into `out`, terminated, for a loader that takes a name: the path as
/// given may lead through a link that somebody else could turn elsewhere between the check and the load. False if
/// there is none that fits, or /proc is not mounted.
[[nodiscard]] bool write_path_of(const FileDescriptor& file, std::span<char> out) noexcept;

/// Reads all of `fd` into `out` and returns the number of bytes; `file_invalid` if there are more than fit.
[[nodiscard]] Result<std::size_t> read_all(int fd, std::span<std::byte> out) noexcept;

}  // namespace holdfast::hal
