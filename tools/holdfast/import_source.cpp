// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/import_source.hpp"

#include "hal/trusted_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

namespace holdfast::tool {
namespace {

constexpr hal::SecretWording kSoftwareIdentity{
    "reading the software identity", "the software identity", Status::file_invalid,
    "name its source: --from file:/PATH, fd:N, credential:NAME or env:NAME"};
constexpr const char* kShredding = "shredding the source";

Error shred_failure(int code, const std::string& path, std::string_view why) {
  Error error =
      failure(code == EACCES || code == EPERM || code == EROFS ? Status::permission_denied : Status::file_invalid,
              Layer::system, kShredding);
  error.native = static_cast<std::uint64_t>(code);
  error.native_name = code != 0 ? ::strerrorname_np(code) : nullptr;
  error.detail.append(path + " " + std::string(why));
  error.hint = "the key is in the token and its identity is written; remove the source by hand";
  return error;
}

// The variable's text where the kernel put it for this process; nothing of it is left for /proc/self/environ.
void wipe_variable(const std::string& name) {
  char* value = ::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): the tool has no other thread yet
  if (value == nullptr) return;
  ::explicit_bzero(value, ::strlen(value));
  ::unsetenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
}

bool overwrite(int fd, off_t size) {
  constexpr std::array<char, 4096> kZeroes{};
  off_t at = 0;
  while (at < size) {
    const auto part = std::min(static_cast<std::size_t>(size - at), kZeroes.size());
    const ssize_t written = ::pwrite(fd, kZeroes.data(), part, at);
    if (written <= 0) return false;
    at += written;
  }
  return ::fsync(fd) == 0;
}

}  // namespace

Result<ImportSource> ImportSource::parse(std::string_view text) {
  constexpr const char* kHint =
      "write file:/PATH, fd:N, credential:NAME or env:CODEX_ACCESS_TOKEN; never the token or key itself";
  Result<hal::PinSource> source = hal::PinSource::parse(text);
  if (source && source->kind != hal::PinSource::Kind::prompt && source->kind != hal::PinSource::Kind::none) {
    return ImportSource(*source);
  }
  Error error = source ? failure(Status::invalid_argument, Layer::core, "").about("it names no source to import from")
                       : source.error();
  error.doing = "reading --from";
  error.hint = kHint;
  return error;
}

Result<hal::SecretBytes> ImportSource::read() const {
  hal::SecretBytes bytes = HOLDFAST_TRY(hal::SecretBytes::allocate(kMaxImportSize));
  const auto size = hal::read_secret(source_, "", kSoftwareIdentity, bytes.storage({}));
  if (is_environment()) wipe_variable(std::string(source_.name.view()));
  if (!size) return size.error();
  bytes.set_size(*size);
  return bytes;
}

Result<void> shred_file(const std::string& path) {
  const hal::FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0) return shred_failure(errno, path, "cannot be opened for writing");
  if (!S_ISREG(info.st_mode)) return shred_failure(0, path, "is not a regular file");
  if (!overwrite(file.get(), info.st_size)) return shred_failure(errno, path, "could not be overwritten");
  if (::unlink(path.c_str()) != 0) return shred_failure(errno, path, "was overwritten but could not be removed");
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const hal::FileDescriptor parent(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent || ::fsync(parent.get()) != 0) return shred_failure(errno, folder, "could not be synchronised");
  return {};
}

}  // namespace holdfast::tool
