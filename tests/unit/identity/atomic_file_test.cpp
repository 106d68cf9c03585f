// SPDX-License-Identifier: Apache-2.0
#include "src/identity/atomic_file.hpp"

#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <thread>

namespace holdfast {
namespace {

using test::read_file;

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
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), std::filesystem::directory_iterator()),
            1);
}

TEST(AtomicFile, APipeUnderTheNameIsNotReplaced) {
  const test::TemporaryFolder folder;
  ASSERT_EQ(mkfifo(folder.file("a").c_str(), 0600), 0);
  EXPECT_EQ(write_file_atomically(folder.file("a"), "new", Existing::replaced).status(), Status::file_invalid);
  EXPECT_TRUE(std::filesystem::is_fifo(folder.file("a")));
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
