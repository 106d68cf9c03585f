// SPDX-License-Identifier: Apache-2.0
#include "holdfast/identity.hpp"

#include "tests/support/child_process.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/unit/identity/sample_identity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace holdfast {
namespace {

using test::edited;
using test::kSmallestDocument;
using test::read_file;
using test::run_in_child;
using test::sample_identity;
using testing::HasSubstr;

std::size_t entries_in(const std::string& folder) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
}

class IdentityFile : public testing::Test {
 protected:
  test::TemporaryFolder folder_;
  std::string path_ = folder_.file("identity.json");
};

TEST_F(IdentityFile, IsStoredAndLoaded) {
  ASSERT_TRUE(store_identity(sample_identity(), path_, false));
  const auto loaded = load_identity(path_);
  ASSERT_TRUE(loaded) << loaded.error().detail.view();
  EXPECT_EQ(loaded->runtime_id, sample_identity().runtime_id);
  EXPECT_EQ(entries_in(folder_.path()), 1U);
}

TEST_F(IdentityFile, HasMode0644WhateverTheUmask) {
  const mode_t before = umask(0077);
  EXPECT_TRUE(store_identity(sample_identity(), path_, false));
  umask(before);
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0644U);
}

TEST_F(IdentityFile, IsFoundFromWhereThePersonStands) {
  ASSERT_TRUE(store_identity(sample_identity(), path_, false));
  EXPECT_EQ(run_in_child([&] { return chdir(folder_.path().c_str()) == 0 && load_identity("identity.json"); }), 0);
}

TEST_F(IdentityFile, AnExistingOneIsOnlyReplacedOnRequest) {
  const std::string before = std::string(kSmallestDocument);
  folder_.write("identity.json", before, 0644);
  const auto refused = store_identity(sample_identity(), path_, false);
  EXPECT_EQ(refused.status(), Status::already_exists);
  EXPECT_EQ(read_file(path_), before);
  EXPECT_EQ(entries_in(folder_.path()), 1U);
  ASSERT_TRUE(store_identity(sample_identity(), path_, true));
  EXPECT_EQ(load_identity(path_)->key_uri, sample_identity().key_uri);
  EXPECT_EQ(entries_in(folder_.path()), 1U);
}

TEST_F(IdentityFile, ADanglingLinkCountsAsExisting) {
  std::filesystem::create_symlink(folder_.file("nowhere"), path_);
  EXPECT_EQ(store_identity(sample_identity(), path_, false).status(), Status::already_exists);
}

TEST_F(IdentityFile, ReplacingKeepsUnknownMembers) {
  folder_.write("identity.json", edited(R"("version":1)", R"("version":1,"x-site":{"rack":[7]})"), 0644);
  ASSERT_TRUE(store_identity(sample_identity(), path_, true));
  EXPECT_THAT(read_file(path_), HasSubstr("x-site"));
  EXPECT_TRUE(load_identity(path_));
}

TEST_F(IdentityFile, OneOfAnUnknownVersionIsNeitherReadNorReplaced) {
  const std::string future = edited(R"("version":1)", R"("version":2)");
  folder_.write("identity.json", future, 0644);
  const auto loaded = load_identity(path_);
  EXPECT_EQ(loaded.status(), Status::file_invalid);
  EXPECT_THAT(std::string(loaded.error().detail.view()), HasSubstr("version 2"));
  EXPECT_EQ(store_identity(sample_identity(), path_, true).status(), Status::file_invalid);
  EXPECT_EQ(read_file(path_), future);
}

TEST_F(IdentityFile, ATruncatedOneIsRefusedByName) {
  folder_.write("identity.json", kSmallestDocument.substr(0, 100), 0644);
  const auto loaded = load_identity(path_);
  EXPECT_EQ(loaded.status(), Status::file_invalid);
  EXPECT_THAT(std::string(loaded.error().detail.view()), HasSubstr("cut off"));
}

TEST_F(IdentityFile, AMissingOneIsNamed) {
  const auto loaded = load_identity(path_);
  EXPECT_EQ(loaded.status(), Status::file_invalid);
  EXPECT_THAT(std::string(loaded.error().detail.view()), HasSubstr(path_));
  EXPECT_EQ(load_identity("").status(), Status::invalid_argument);
  EXPECT_EQ(load_identity(folder_.path()).status(), Status::file_invalid);
}

TEST_F(IdentityFile, MayBe64KiBAndNoMore) {
  std::string text(kSmallestDocument);
  text.append(64 * 1024 - text.size(), ' ');
  folder_.write("identity.json", text, 0644);
  EXPECT_TRUE(load_identity(path_));
  folder_.write("identity.json", text + " ", 0644);
  EXPECT_EQ(load_identity(path_).status(), Status::file_invalid);
}

TEST_F(IdentityFile, OneThatOthersMayWriteIsUntrusted) {
  folder_.write("identity.json", kSmallestDocument, 0664);
  EXPECT_EQ(load_identity(path_).status(), Status::file_untrusted);
}

TEST_F(IdentityFile, OneOfAForeignOwnerIsUntrusted) {
  folder_.write("identity.json", kSmallestDocument, 0644);
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(chown(path_.c_str(), 12345, 12345), 0);
  EXPECT_EQ(load_identity(path_).status(), Status::file_untrusted);
  EXPECT_EQ(store_identity(sample_identity(), path_, true).status(), Status::file_untrusted);
}

TEST_F(IdentityFile, NothingIsPutIntoAFolderThatOthersMayWrite) {
  ASSERT_EQ(chmod(folder_.path().c_str(), 0777), 0);
  EXPECT_EQ(store_identity(sample_identity(), path_, false).status(), Status::file_untrusted);
  EXPECT_EQ(entries_in(folder_.path()), 0U);
}

TEST_F(IdentityFile, AFolderThatIsNotThereIsNotMade) {
  const auto stored = store_identity(sample_identity(), folder_.file("absent/identity.json"), false);
  EXPECT_EQ(stored.status(), Status::file_invalid);
  EXPECT_THAT(std::string(stored.error().detail.view()), HasSubstr("absent"));
  EXPECT_STREQ(stored.error().native_name, "ENOENT");
  EXPECT_EQ(entries_in(folder_.path()), 0U);
}

TEST_F(IdentityFile, AUserWhoMayNotWriteIsTold) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  folder_.write("identity.json", kSmallestDocument, 0644);
  ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
  EXPECT_EQ(run_in_child(
                [&] {
                  return load_identity(path_) &&
                         store_identity(sample_identity(), path_, true).status() == Status::permission_denied;
                },
                test::kNobody),
            0);
  EXPECT_EQ(read_file(path_), kSmallestDocument);
}

TEST_F(IdentityFile, WhatCouldNotBeReadIsNotWritten) {
  Identity with_pin = sample_identity();
  with_pin.key_uri += "&pin-value=73519";
  const auto stored = store_identity(with_pin, path_, false);
  EXPECT_EQ(stored.status(), Status::invalid_argument);
  EXPECT_EQ(stored.error().detail.view().find("73519"), std::string_view::npos);
  Identity without_authority = sample_identity();
  without_authority.authority_url.clear();
  EXPECT_EQ(store_identity(without_authority, path_, false).status(), Status::invalid_argument);
  EXPECT_EQ(entries_in(folder_.path()), 0U);
}

// A file size limit stops the write half-way, as a full disk does.
TEST_F(IdentityFile, AWriteThatStopsHalfWayLeavesTheOldFile) {
  folder_.write("identity.json", kSmallestDocument, 0644);
  EXPECT_EQ(run_in_child([&] {
              signal(SIGXFSZ, SIG_IGN);
              const rlimit limit{100, 100};
              if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
              const auto stored = store_identity(sample_identity(), path_, true);
              return stored.status() == Status::resource_exhausted && stored.error().native == EFBIG;
            }),
            0);
  EXPECT_EQ(read_file(path_), kSmallestDocument);
  EXPECT_EQ(entries_in(folder_.path()), 1U);
}

TEST_F(IdentityFile, AFullDiskLeavesTheOldFile) {
  const int outcome = run_in_child([&] {
    constexpr int kCannotMount = 77;
    const std::string disk = folder_.file("disk");
    if (mkdir(disk.c_str(), 0755) != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=16k,mode=755") != 0) {
      _exit(kCannotMount);
    }
    const std::string path = disk + "/identity.json";
    if (!store_identity(sample_identity(), path, false)) return false;
    const std::string before = read_file(path);
    std::ofstream(disk + "/filler") << std::string(64 * 1024, 'x');
    const auto stored = store_identity(sample_identity(), path, true);
    return stored.status() == Status::resource_exhausted && stored.error().native == ENOSPC &&
           read_file(path) == before && entries_in(disk) == 2;
  });
  if (outcome == 77) GTEST_SKIP() << "mounting a tmpfs is not permitted here";
  EXPECT_EQ(outcome, 0);
}

}  // namespace
}  // namespace holdfast
