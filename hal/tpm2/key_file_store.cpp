// SPDX-License-Identifier: Apache-2.0
#include "hal/display.hpp"
#include "hal/system_error.hpp"
#include "hal/tpm2/key_file.hpp"
#include "hal/trusted_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kSaving = "writing a TPM key file";
constexpr mode_t kPublicFile = 0644;
constexpr std::size_t kMaxName = 255;

Error system_failure(int code, const char* doing, std::string_view path) noexcept {
  Error error = system_error(code, doing, {});
  append_printable(error.detail, path);
  return error;
}

Error save_failure(int code, std::string_view path) noexcept {
  Error error = system_failure(code, kSaving, path);
  if (code != ENOENT) return error;
  error.detail.append(": its folder does not exist");
  error.hint = "make that folder first (mkdir -p), or name a file in another: tpm2:file=/PATH/key.pem";
  return error;
}

Error with_leftover(Error error) noexcept {
  error.detail.append(error.detail.empty() ? "" : "; ");
  error.detail.append("the key's file may be there still");
  error.hint = "remove the key's file, if it is there, before another one is made";
  return error;
}

// A path taken apart; both halves terminated.
struct Place {
  char folder[kMaxPathSize + 1]{};
  char name[kMaxName + 1]{};
  char temporary[kMaxName + 1]{};

  [[nodiscard]] bool take(std::string_view path) noexcept {
    const std::size_t slash = path.rfind('/');
    if (slash >= kMaxPathSize) return false;  // npos, where there is no slash, among them
    const std::string_view last = path.substr(slash + 1);
    constexpr std::size_t kRoomForTemporary = 24;
    if (last.empty() || last.size() + kRoomForTemporary > kMaxName) return false;
    path.copy(folder, slash == 0 ? 1 : slash);
    last.copy(name, last.size());
    temporary[0] = '.';
    last.copy(temporary + 1, last.size());
    std::uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random) return false;
    char* end = std::to_chars(temporary + 1 + last.size(), temporary + kMaxName - 4, random, 16).ptr;
    std::string_view(".new").copy(end, 4);
    return true;
  }
};

Result<void> write_all(int fd, std::string_view text, std::string_view path) noexcept {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return save_failure(written < 0 ? errno : ENOSPC, path);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (fchmod(fd, kPublicFile) != 0 || fsync(fd) != 0) return save_failure(errno, path);
  return {};
}

}  // namespace

Result<KeyFile> load_key_file(std::string_view path) noexcept {
  auto file = open_trusted(path, FilePrivacy::readable);
  if (!file) {
    Error error = file.error();
    if (error.native == ENOENT) {
      error.status = Status::key_not_found;
      error.hint = "name the file of the key, or make one there with: holdfast key generate tpm2:file=/PATH/key.pem";
    }
    return error;
  }
  std::array<std::byte, kMaxKeyFileSize> bytes{};
  const std::size_t size = HOLDFAST_TRY(read_all(file->get(), bytes));
  auto key = parse_key_file({reinterpret_cast<const char*>(bytes.data()), size});
  if (key) return key;
  Error error = key.error();
  FixedText<190> detail;
  append_printable(detail, path.substr(0, 96));
  detail.append(": ");
  detail.append(error.detail.view());
  error.detail = detail;
  return error;
}

Result<void> save_key_file(std::string_view path, const KeyFile& file) noexcept {
  const auto text = HOLDFAST_TRY(write_key_file(file));
  Place place;
  if (!place.take(path)) return save_failure(ENAMETOOLONG, path);
  const FileDescriptor folder(open(place.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return save_failure(errno, path);
  const auto write_new = [&]() noexcept -> Result<void> {
    const FileDescriptor out(
        openat(folder.get(), place.temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!out) return save_failure(errno, path);
    HOLDFAST_TRY(write_all(out.get(), text.view(), path));
    // link(2) refuses a name that is taken, on every file system.
    if (linkat(folder.get(), place.temporary, folder.get(), place.name, 0) != 0) {
      return save_failure(errno, path);
    }
    return {};
  };
  const Result<void> done = write_new();
  unlinkat(folder.get(), place.temporary, 0);
  if (!done) return done;
  const auto take_back = [&](const Error& error) noexcept {
    return unlinkat(folder.get(), place.name, 0) == 0 ? error : with_leftover(error);
  };
  // A file that the reader would refuse is not left behind as a key.
  if (const auto readable = open_trusted(path, FilePrivacy::readable); !readable) return take_back(readable.error());
  if (fsync(folder.get()) != 0) return take_back(save_failure(errno, path));
  return {};
}

Result<void> remove_key_file(std::string_view path) noexcept {
  constexpr const char* kRemoving = "removing a TPM key file";
  Place place;
  if (!place.take(path)) return system_failure(ENAMETOOLONG, kRemoving, path);
  const FileDescriptor folder(open(place.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || unlinkat(folder.get(), place.name, 0) != 0) return system_failure(errno, kRemoving, path);
  if (fsync(folder.get()) != 0) return system_failure(errno, kRemoving, path);
  return {};
}

Error take_back_key_file(std::string_view path, const Error& error) noexcept {
  return remove_key_file(path) ? error : with_leftover(error);
}

}  // namespace holdfast::hal::tpm2
