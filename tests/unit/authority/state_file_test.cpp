// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/state_file.hpp"

#include "tests/support/child_process.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace holdfast::authority {
namespace {

TEST(StateFileTest, HasItsModeWhateverTheUmaskAndReplacesWhatWasThere) {
  const holdfast::test::TemporaryFolder folder;
  const std::string path = folder.write("state", "old and longer", 0666);
  const mode_t before = umask(0);
  EXPECT_TRUE(write_state_file(path, "new", kOwnerOnly));
  umask(0777);
  EXPECT_TRUE(write_state_file(folder.file("public"), "x", kReadableByAll));
  umask(before);
  EXPECT_EQ(holdfast::test::read_file(path), "new");
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
  ASSERT_EQ(stat(folder.file("public").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0644U);
}

TEST(StateFileTest, LeavesNothingBehindWhenItFails) {
  const holdfast::test::TemporaryFolder folder;
  ASSERT_TRUE(std::filesystem::create_directory(folder.file("taken")));
  const Result<void> written = write_state_file(folder.file("taken"), "x", kOwnerOnly);
  EXPECT_EQ(written.status(), Status::file_invalid);
  EXPECT_EQ(written.error().detail.view(), folder.file("taken") + " is no regular file");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(StateFileTest, NothingIsPutInThePlaceOfADevice) {
  for (const char* path : {"/dev/null", "/dev/stdout"}) {
    const auto written = write_state_file(path, "x", kReadableByAll);
    EXPECT_EQ(written.status(), Status::file_invalid) << path;
  }
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  EXPECT_TRUE(std::filesystem::is_symlink("/dev/stdout"));
}

TEST(StateFileTest, SaysWhichFolderIsMissingOrForbidden) {
  const holdfast::test::TemporaryFolder folder;
  EXPECT_STREQ(write_state_file(folder.file("none/state"), "x", kOwnerOnly).error().native_name, "ENOENT");
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  const auto is_denied = [&folder] {
    return write_state_file(folder.file("state"), "x", kOwnerOnly).status() == Status::permission_denied;
  };
  EXPECT_EQ(holdfast::test::run_in_child(is_denied, holdfast::test::kNobody), 0);
}

}  // namespace
}  // namespace holdfast::authority
