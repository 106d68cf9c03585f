// SPDX-License-Identifier: Apache-2.0
#include "hal/failure_record.hpp"

#include "hal/failure_record_text.hpp"
#include "hal/system_error.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace holdfast::hal {
namespace {

constexpr const char* kDoing = "keeping the record of refused PINs";
constexpr std::chrono::milliseconds kFirstPause{2};
constexpr std::chrono::milliseconds kLongestPause{50};
constexpr std::chrono::minutes kLongestWait{2};  // a person may be typing on a pad

// Letters and digits by themselves, whatever the locale.
bool is_plain(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

template <std::size_t Capacity>
void append_escaped(FixedText<Capacity>& to, std::string_view text) noexcept {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const char escaped[] = {'%', kDigits[byte >> 4U], kDigits[byte & 15U]};
    to.append(is_plain(c) ? std::string_view(&c, 1) : std::string_view(escaped, sizeof escaped));
  }
}

template <std::size_t Capacity>
void append_number(FixedText<Capacity>& to, std::uint64_t number) noexcept {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  to.append({digits, static_cast<std::size_t>(end - digits)});
}

Error refuse(Status status, std::string_view what, std::string_view why) noexcept {
  return system_error(status, 0, kDoing, what, why);
}

// A name that is taken by something else was taken by somebody. Whatever else fails, no file of a person's is at
// fault.
Error refuse(int code, std::string_view what, std::string_view why) noexcept {
  Error error = system_error(code, kDoing, what, why);
  if (error.status != Status::file_invalid) return error;
  const bool is_taken = code == ELOOP || code == ENXIO || code == EISDIR;
  error.status = is_taken ? Status::file_untrusted : Status::resource_exhausted;
  return error;
}

// A folder that is not there or not ours to write in: the next place may do. One that is untrusted is not passed
// over: what stands in our way was put there by somebody.
bool is_next_tried(Status status) noexcept {
  return status == Status::permission_denied || status == Status::file_invalid;
}

}  // namespace

Result<FileDescriptor> FailureRecord::open_folder(std::string_view chosen) noexcept {
  if (!chosen.empty()) return open_private_folder(chosen);
  const uid_t user = geteuid();
  FixedText<1024> place;
  if (user == 0) {
    place.append("/run/holdfast");
  } else if (const char* given = secure_getenv("XDG_RUNTIME_DIR"); given != nullptr && given[0] == '/') {
    place.append(given);
    place.append("/holdfast");
  } else {
    place.append("/run/user/");
    append_number(place, user);
    place.append("/holdfast");
  }
  auto folder = open_private_folder(place.view());
  if (folder || !is_next_tried(folder.status())) return folder;
  FixedText<64> last{"/tmp/holdfast-"};
  append_number(last, user);
  auto fallback = open_private_folder(last.view());
  if (fallback || !is_next_tried(fallback.status())) return fallback;
  Error error = folder.error();
  error.status = Status::permission_denied;
  error.doing = kDoing;
  error.detail.append(", nor ");
  error.detail.append(last.view());
  error.hint =
      "give this user a folder of its own: $XDG_RUNTIME_DIR, or a tmpfs at /run or /tmp; no PIN is sent "
      "without the record that keeps a refused one from being sent again";
  return error;
}

FailureRecord::Name FailureRecord::name_of(const PinOwner& owner) noexcept {
  Name name{"pin."};
  append_escaped(name, owner.serial);
  name.append(".");
  append_escaped(name, owner.manufacturer);
  name.append(".");
  append_escaped(name, owner.label);
  return name;
}

Result<FailureRecord> FailureRecord::lock(const FileDescriptor& folder, const PinOwner& owner, Clock& clock,
                                          BootTime deadline) noexcept {
  FailureRecord record;
  record.owner_ = getpid();
  record.name_ = name_of(owner);
  char name[Name::capacity() + 1]{};
  record.name_.view().copy(name, Name::capacity());
  record.folder_ = FileDescriptor(fcntl(folder.get(), F_DUPFD_CLOEXEC, 0));
  if (!record.folder_) return refuse(errno, "its folder", "cannot be opened");
  const BootTime give_up = std::min(deadline, clock.boot().after(kLongestWait));
  std::chrono::milliseconds pause = kFirstPause;
  while (true) {
    // O_NONBLOCK: a FIFO is refused below instead of being waited for.
    record.file_ = FileDescriptor(
        openat(folder.get(), name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, S_IRUSR | S_IWUSR));
    struct stat info {};
    if (!record.file_ || fstat(record.file_.get(), &info) != 0) {
      const int code = errno;
      return refuse(code, name, "cannot be opened");
    }
    if (!S_ISREG(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
      return refuse(Status::file_untrusted, name, "is no file that only this user has access to");
    }
    while (flock(record.file_.get(), LOCK_EX | LOCK_NB) != 0) {
      const int code = errno;
      if (code != EWOULDBLOCK && code != EINTR) return refuse(code, name, "cannot be locked");
      if (clock.boot() >= give_up) {
        return failure(Status::deadline_exceeded, Layer::system, "waiting for another login to this token");
      }
      clock.sleep_until(std::min(give_up, clock.boot().after(pause)));
      pause = std::min(pause * 2, kLongestPause);
    }
    // Whoever had the lock before may have removed the file: then the lock is on something nobody finds any more.
    if (fstat(record.file_.get(), &info) != 0) return refuse(errno, name, "cannot be read");
    if (info.st_nlink != 0) break;
  }
  HOLDFAST_TRY(record.read());
  return record;
}

FailureRecord::~FailureRecord() {
  // By name, and not only by closing it: a child that was forked meanwhile has the descriptor as well. In that child
  // the lock is its parent's, which is in the middle of a login.
  if (file_ && owner_ == getpid()) {
    flock(file_.get(), LOCK_UN);  // NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult)
  }
}

Result<void> FailureRecord::read() noexcept {
  std::array<char, kMaxFailureTextSize> text;  // NOLINT: written before it is read
  const auto size = read_all(file_.get(), std::as_writable_bytes(std::span(text)));
  if (size && *size == 0) return {};  // just made
  const auto count = size ? read_failures({text.data(), *size}, failures_) : std::nullopt;
  if (!count) {
    return refuse(Status::file_invalid, name_.view(), "in the folder of refused PINs is damaged")
        .with_hint("find out whether the PIN is right, then remove the record; until then no PIN is sent");
  }
  count_ = *count;
  return {};
}

PinFailure& FailureRecord::add(const PinFailure& failure) noexcept {
  if (count_ == failures_.size()) {
    const auto age = [](const PinFailure& one) {
      return std::pair(!one.source.has_file(), one.boot_ns);  // those without a file are the last to go
    };
    remove(*std::ranges::min_element(failures(), {}, age));
  }
  failures_[count_] = failure;
  return failures_[count_++];
}

void FailureRecord::remove(const PinFailure& failure) noexcept {
  const std::size_t at = static_cast<std::size_t>(&failure - failures_.data());
  std::copy(failures_.begin() + static_cast<std::ptrdiff_t>(at) + 1,
            failures_.begin() + static_cast<std::ptrdiff_t>(count_),
            failures_.begin() + static_cast<std::ptrdiff_t>(at));
  --count_;
}

Result<void> FailureRecord::save() noexcept {
  char name[Name::capacity() + 1]{};
  name_.view().copy(name, Name::capacity());
  if (count_ == 0) {
    if (unlinkat(folder_.get(), name, 0) == 0 || errno == ENOENT) return {};
    // Not ours to remove it: emptied below.
  }
  std::array<char, kMaxFailureTextSize> text;  // NOLINT: written before it is read
  const std::size_t size = write_failures({failures_.data(), count_}, text);
  if (size == 0) return failure(Status::resource_exhausted, Layer::system, kDoing).about("the record is full");
  // In one write and cut afterwards: the new text ends with a line that makes what may be left behind it meaningless.
  ssize_t written = 0;
  do {
    written = pwrite(file_.get(), text.data(), size, 0);
  } while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(size) && ftruncate(file_.get(), static_cast<off_t>(size)) == 0) return {};
  const int code = written < 0 ? errno : ENOSPC;
  return refuse(code, name, "cannot be written");
}

}  // namespace holdfast::hal
