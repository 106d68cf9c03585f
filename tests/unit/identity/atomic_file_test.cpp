// SPDX-License-Identifier: Apache-2.0
#include "src/identity/atomic_file.hpp"

#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

namespace {

// Which of the coming calls fail with EIO.
struct Fault {
  bool is_folder_unsynchronised = false;
  bool is_nothing_removed = false;
};
Fault g_fault;

bool is_folder(int fd) {
  struct stat info {};
  return fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
}

int failed() {
  errno = EIO;
  return -1;
}

}  // namespace

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming,cert-dcl50-cpp): the linker's names
extern "C" {
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd) { return g_fault.is_folder_unsynchronised && is_folder(fd) ? failed() : __real_fsync(fd); }
int __real_unlinkat(int folder, const char* path, int flags);
int __wrap_unlinkat(int folder, const char* path, int flags);
int __wrap_unlinkat(int folder, const char* path, int flags) {
  return g_fault.is_nothing_removed ? failed() : __real_unlinkat(folder, path, flags);
}
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming,cert-dcl50-cpp)

namespace holdfast {
namespace {

using test::read_file;

std::size_t entries_in(const test::TemporaryFolder& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder.path()), {}));
}

TEST(AtomicFile, WritesEveryByte) {
  const test::TemporaryFolder folder;
  const std::string text(300'000, 'x');
  ASSERT_TRUE(write_file_atomically(folder.file("a"), text, Existing::refused));
  EXPECT_EQ(read_file(folder.file("a")), text);
}

TEST(AtomicFile, ALinkUnderTheNameIsReplacedNotFollowed) {
  const test::TemporaryFolder folder;
  const std::string target = folder.write("target", "kept");
  std::filesystem::create_symlink(target, folder.file("a"));
  ASSERT_TRUE(write_file_atomically(folder.file("a"), "new", Existing::replaced));
  EXPECT_EQ(read_file(target), "kept");
  EXPECT_FALSE(std::filesystem::is_symlink(folder.file("a")));
}

TEST(AtomicFile, AFolderUnderTheNameIsAnErrorAndNothingIsLeft) {
  const test::TemporaryFolder folder;
  std::filesystem::create_directory(folder.file("a"));
  EXPECT_FALSE(write_file_atomically(folder.file("a"), "new", Existing::replaced));
  EXPECT_EQ(write_file_atomically(folder.file("a"), "new", Existing::refused).status(), Status::already_exists);
  EXPECT_EQ(entries_in(folder), 1U);
}

TEST(AtomicFile, APipeUnderTheNameIsNotReplaced) {
  const test::TemporaryFolder folder;
  ASSERT_EQ(mkfifo(folder.file("a").c_str(), 0600), 0);
  EXPECT_EQ(write_file_atomically(folder.file("a"), "new", Existing::replaced).status(), Status::file_invalid);
  EXPECT_TRUE(std::filesystem::is_fifo(folder.file("a")));
}

// Whether its name outlasts a power cut is not known then.
TEST(AtomicFile, ANewOneWhoseFolderIsNotSynchronisedIsNotLeftBehind) {
  const test::TemporaryFolder folder;
  g_fault = {.is_folder_unsynchronised = true};
  const auto written = write_file_atomically(folder.file("a"), "new", Existing::refused);
  g_fault = {};
  EXPECT_EQ(written.status(), Status::file_invalid);
  EXPECT_STREQ(written.error().native_name, "EIO");
  EXPECT_EQ(written.error().hint, nullptr);
  EXPECT_EQ(entries_in(folder), 0U);
  EXPECT_TRUE(write_file_atomically(folder.file("a"), "new", Existing::refused)) << "the name is free";
}

TEST(AtomicFile, OneThatStandsThereAlthoughItFailedIsToldToStandThere) {
  const test::TemporaryFolder folder;
  const std::string path = folder.write("a", "old", 0644);
  g_fault = {.is_folder_unsynchronised = true};
  const auto replaced = write_file_atomically(path, "new", Existing::replaced);
  g_fault = {.is_folder_unsynchronised = true, .is_nothing_removed = true};
  const auto unremoved = write_file_atomically(folder.file("b"), "new", Existing::refused);
  g_fault = {};
  for (const auto& written : {replaced, unremoved}) {
    EXPECT_EQ(written.status(), Status::file_invalid);
    ASSERT_NE(written.error().hint, nullptr);
    EXPECT_NE(std::string(written.error().hint).find("the new file stands there"), std::string::npos);
  }
  EXPECT_EQ(read_file(path), "new");
  EXPECT_EQ(read_file(folder.file("b")), "new");
  EXPECT_EQ(entries_in(folder), 2U);
}

TEST(AtomicFile, APathWithoutAFileNameIsRefused) {
  for (const char* path : {"", "name", "/tmp/"}) {
    EXPECT_EQ(write_file_atomically(path, "", Existing::replaced).status(), Status::invalid_argument) << path;
  }
  EXPECT_EQ(write_file_atomically(std::string("/tmp/a\0b", 8), "", Existing::replaced).status(),
            Status::invalid_argument);
}

TEST(AtomicFile, OfManyWhoMayNotReplaceExactlyOneWins) {
  const test::TemporaryFolder folder;
  std::atomic<int> winners{0};
  std::atomic<int> losers{0};
  std::vector<std::thread> writers;
  for (int i = 0; i < 8; ++i) {
    writers.emplace_back([&] {
      const auto written = write_file_atomically(folder.file("a"), "text", Existing::refused);
      if (written) ++winners;
      if (written.status() == Status::already_exists) ++losers;
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(winners, 1);
  EXPECT_EQ(losers, 7);
}

TEST(AtomicFile, AReaderSeesTheOldOrTheNewTextAndNothingElse) {
  const test::TemporaryFolder folder;
  const std::string old_text(20'000, 'o');
  const std::string new_text(30'000, 'n');
  const std::string path = folder.write("a", old_text, 0644);
  std::atomic<bool> is_done{false};
  std::thread writer([&] {
    for (int i = 0; i < 50; ++i) {
      EXPECT_TRUE(write_file_atomically(path, (i % 2) == 0 ? new_text : old_text, Existing::replaced));
    }
    is_done = true;
  });
  while (!is_done) {
    const std::string seen = read_file(path);
    EXPECT_TRUE(seen == old_text || seen == new_text) << seen.size();
  }
  writer.join();
}

}  // namespace
}  // namespace holdfast
