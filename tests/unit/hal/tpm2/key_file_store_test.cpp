// SPDX-License-Identifier: Apache-2.0
// A key file is there whole or not at all, whichever call of the system's fails, and the error says whose turn it is.
#include "hal/tpm2/key_file.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdarg>
#include <filesystem>
#include <string>

namespace {

enum class Call { none, getrandom, open, openat, write, fchmod, fsync, linkat, unlinkat };

struct Fault {
  Call call = Call::none;
  int left = 0;  // so many work before it
  int code = 0;
};
Fault g_fault;

bool strikes(Call call) {
  if (g_fault.call != call || g_fault.left-- > 0) return false;
  g_fault.call = Call::none;
  errno = g_fault.code;
  return true;
}

}  // namespace

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming,cert-dcl50-cpp): the linker's names
extern "C" {
ssize_t __real_getrandom(void* bytes, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void* bytes, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void* bytes, size_t size, unsigned flags) {
  return strikes(Call::getrandom) ? -1 : __real_getrandom(bytes, size, flags);
}
int __real_open(const char* path, int flags, ...);
int __wrap_open(const char* path, int flags, ...);
int __wrap_open(const char* path, int flags, ...) { return strikes(Call::open) ? -1 : __real_open(path, flags); }
int __real_openat(int folder, const char* path, int flags, ...);
int __wrap_openat(int folder, const char* path, int flags, ...);
int __wrap_openat(int folder, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return strikes(Call::openat) ? -1 : __real_openat(folder, path, flags, mode);
}
ssize_t __real_write(int fd, const void* bytes, size_t size);
ssize_t __wrap_write(int fd, const void* bytes, size_t size);
ssize_t __wrap_write(int fd, const void* bytes, size_t size) {
  if (!strikes(Call::write)) return __real_write(fd, bytes, size);
  return g_fault.code == 0 ? 0 : -1;
}
int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode) { return strikes(Call::fchmod) ? -1 : __real_fchmod(fd, mode); }
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd) { return strikes(Call::fsync) ? -1 : __real_fsync(fd); }
int __real_linkat(int from, const char* path, int to, const char* name, int flags);
int __wrap_linkat(int from, const char* path, int to, const char* name, int flags);
int __wrap_linkat(int from, const char* path, int to, const char* name, int flags) {
  return strikes(Call::linkat) ? -1 : __real_linkat(from, path, to, name, flags);
}
int __real_unlinkat(int folder, const char* path, int flags);
int __wrap_unlinkat(int folder, const char* path, int flags);
int __wrap_unlinkat(int folder, const char* path, int flags) {
  return strikes(Call::unlinkat) ? -1 : __real_unlinkat(folder, path, flags);
}
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming,cert-dcl50-cpp)

namespace holdfast::hal::tpm2 {
namespace {

// As key_file_test has it: made by tpm2-openssl on swtpm.
constexpr std::string_view kKey =
    "-----BEGIN TSS2 PRIVATE KEY-----\n"
    "MIHwBgZngQUKAQOgAwEBAQIEQAAAAQRYAFYAIwALAAYAcgAAABAAEAADABAAIFuQ\n"
    "atvvVMwBeO3iz/Y0z0NFHNTKImTYcPTrrxA3VY5iACAsX3cmeaRaiixy1mP4yowO\n"
    "molcNfayva26KeHaYO+wpQSBgAB+ACCj7R5y+eGFAwUjWDQ0Dmok7VrD+ALAaBse\n"
    "rs5p5qwNsgAQtCCulgky9ajxpAaoQCek7RGmHnniPw9As7cVQc+Xzx4ewM1F7Soz\n"
    "tLz1i+F6ELHiWE2udLDsD/tMsWkPeNxqByf+JMj29aipqQ8XUjo3kLGkcDYCbIfG\n"
    "trcz\n"
    "-----END TSS2 PRIVATE KEY-----\n";

struct Remedy {
  int code;
  Status status;
};
constexpr Remedy kRemedies[] = {{EACCES, Status::permission_denied},  {EPERM, Status::permission_denied},
                                {EROFS, Status::permission_denied},   {ENOSPC, Status::resource_exhausted},
                                {EDQUOT, Status::resource_exhausted}, {EMFILE, Status::resource_exhausted},
                                {ENFILE, Status::resource_exhausted}, {EEXIST, Status::already_exists},
                                {ENOENT, Status::file_invalid},       {EIO, Status::file_invalid}};

class KeyFileStore : public testing::Test {
 protected:
  void TearDown() override { g_fault = {}; }
  [[nodiscard]] Result<void> save() const { return save_key_file(path_, *file_); }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_.path()), {}));
  }

  const test::TemporaryFolder folder_;
  const std::string path_ = folder_.file("agent.pem");
  const Result<KeyFile> file_ = parse_key_file(kKey);
};

TEST_F(KeyFileStore, WhatIsSavedIsLoadedAndRemoved) {
  ASSERT_TRUE(save());
  EXPECT_EQ(files(), 1U);
  const auto loaded = load_key_file(path_);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->key.private_area, file_->key.private_area);
  EXPECT_EQ(save().status(), Status::already_exists);
  EXPECT_TRUE(remove_key_file(path_));
  EXPECT_EQ(files(), 0U);
  const auto missing = load_key_file(path_);
  ASSERT_EQ(missing.status(), Status::key_not_found);
  EXPECT_NE(hint_of(missing.error()).find("key generate"), std::string_view::npos) << "key list lists no files";
  EXPECT_FALSE(remove_key_file(path_));
}

TEST_F(KeyFileStore, AnyCallThatFailsIsToldByItsRemedyAndLeavesNothing) {
  for (const Call call : {Call::open, Call::openat, Call::write, Call::fchmod, Call::fsync, Call::linkat}) {
    for (const auto& [code, status] : kRemedies) {
      g_fault = {.call = call, .left = 0, .code = code};
      const auto saved = save();
      ASSERT_EQ(saved.status(), status) << static_cast<int>(call) << ": " << code;
      EXPECT_EQ(saved.error().native, static_cast<std::uint64_t>(code));
      EXPECT_STREQ(saved.error().native_name, strerrorname_np(code));
      EXPECT_NE(saved.error().detail.view().find("agent.pem"), std::string_view::npos);
      EXPECT_EQ(files(), 0U);
    }
  }
  EXPECT_TRUE(save());
}

TEST_F(KeyFileStore, AWriteThatIsInterruptedGoesOnAndOneOfNothingIsAFullDisk) {
  g_fault = {.call = Call::write, .left = 0, .code = EINTR};
  EXPECT_TRUE(save());
  EXPECT_TRUE(remove_key_file(path_));
  g_fault = {.call = Call::write, .left = 0, .code = 0};
  EXPECT_EQ(save().status(), Status::resource_exhausted);
  EXPECT_EQ(files(), 0U);
}

// The folder's own fsync, the second: whether the file outlasts a power cut is not known, so it is none.
TEST_F(KeyFileStore, AFolderThatIsNotSynchronisedIsToldAndLeavesNothing) {
  g_fault = {.call = Call::fsync, .left = 1, .code = EIO};
  EXPECT_EQ(save().status(), Status::file_invalid);
  EXPECT_EQ(files(), 0U);
  ASSERT_TRUE(save());
  g_fault = {.call = Call::fsync, .left = 0, .code = EIO};
  EXPECT_EQ(remove_key_file(path_).status(), Status::file_invalid);
}

TEST_F(KeyFileStore, ARemovalThatFailsIsTold) {
  ASSERT_TRUE(save());
  for (const Call call : {Call::open, Call::unlinkat}) {
    g_fault = {.call = call, .left = 0, .code = EROFS};
    EXPECT_EQ(remove_key_file(path_).status(), Status::permission_denied);
    EXPECT_EQ(files(), 1U);
  }
}

TEST_F(KeyFileStore, WhatCannotBeTakenBackIsToldAsThatMayBeThere) {
  const Error cause = failure(Status::device_fault, Layer::tpm2, "making a key").about("cause");
  ASSERT_TRUE(save());
  for (const Call call : {Call::open, Call::unlinkat}) {
    g_fault = {.call = call, .left = 0, .code = EROFS};
    const Error told = take_back_key_file(path_, cause);
    EXPECT_EQ(told.status, Status::device_fault);
    EXPECT_EQ(told.detail.view(), "cause; the key's file may be there still");
    EXPECT_NE(hint_of(told).find("remove"), std::string_view::npos);
    EXPECT_EQ(files(), 1U);
  }
  EXPECT_EQ(take_back_key_file(path_, cause).detail.view(), "cause");
  EXPECT_EQ(files(), 0U);
}

// The second removal: the first is that of the temporary file, or of its name that is not there any more.
TEST_F(KeyFileStore, AFileThatTheReaderRefusesAndThatStaysIsTold) {
  ASSERT_EQ(chmod(folder_.path().c_str(), 0777), 0);
  g_fault = {.call = Call::unlinkat, .left = 1, .code = EROFS};
  const auto saved = save();
  EXPECT_EQ(saved.status(), Status::file_untrusted);
  EXPECT_NE(saved.error().detail.view().find("may be there still"), std::string_view::npos);
  EXPECT_EQ(files(), 1U);
}

TEST_F(KeyFileStore, WithoutARandomNameNothingIsWritten) {
  g_fault = {.call = Call::getrandom, .left = 0, .code = ENOSYS};
  EXPECT_FALSE(save());
  EXPECT_EQ(files(), 0U);
}

TEST_F(KeyFileStore, APlaceThatIsNoneIsRefused) {
  const std::string folder = folder_.path();
  for (const std::string& path : {std::string("agent.pem"), folder + "/", folder + "/" + std::string(240, 'x'),
                                  "/" + std::string(2000, 'x') + "/agent.pem", folder + "/absent/agent.pem"}) {
    const auto saved = save_key_file(path, *file_);
    EXPECT_EQ(saved.status(), Status::file_invalid) << path;
    EXPECT_FALSE(remove_key_file(path));
  }
  const auto without_folder = save_key_file(folder + "/absent/agent.pem", *file_);
  EXPECT_NE(without_folder.error().detail.view().find("folder does not exist"), std::string_view::npos);
  EXPECT_NE(hint_of(without_folder.error()).find("mkdir -p"), std::string_view::npos);
}

// Where others may write, what was written would be refused when it is read, and is not left as a key.
TEST_F(KeyFileStore, AFolderThatOthersMayWriteIsRefused) {
  ASSERT_EQ(chmod(folder_.path().c_str(), 0777), 0);
  EXPECT_EQ(save().status(), Status::file_untrusted);
  ASSERT_EQ(chmod(folder_.path().c_str(), 0700), 0);
  EXPECT_EQ(files(), 0U);
}

TEST_F(KeyFileStore, AFileThatIsNoKeyIsNamedAndKept) {
  (void)folder_.write("agent.pem", "no key\n", 0644);
  const auto loaded = load_key_file(path_);
  ASSERT_EQ(loaded.status(), Status::file_invalid);
  EXPECT_NE(loaded.error().detail.view().find("agent.pem: "), std::string_view::npos);
  EXPECT_EQ(files(), 1U);
}

}  // namespace
}  // namespace holdfast::hal::tpm2
