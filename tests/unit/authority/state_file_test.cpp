// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/state_file.hpp"

#include "hal/trusted_file.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <sys/sysmacros.h>
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

TEST(StateFileTest, NothingIsPutInThePlaceOfAPipeOrADevice) {
  const holdfast::test::TemporaryFolder folder;
  const std::string pipe = folder.file("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(write_state_file(pipe, "x", kReadableByAll).status(), Status::file_invalid);
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  // /dev/null once more, where root may make it.
  const std::string device = folder.file("null");
  if (mknod(device.c_str(), S_IFCHR | 0666, makedev(1, 3)) != 0) return;
  EXPECT_EQ(write_state_file(device, "x", kReadableByAll).status(), Status::file_invalid);
  EXPECT_TRUE(std::filesystem::is_character_file(device));
}

// Asked and not tried: were it allowed, root would be left without its devices.
TEST(StateFileTest, WhatIsInDevIsNobodysToReplace) {
  for (const char* path : {"/dev/null", "/dev/stdout"}) {
    EXPECT_EQ(hal::check_replaceable(path, "writing a file").status(), Status::file_invalid) << path;
  }
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
