// SPDX-License-Identifier: Apache-2.0
#include "src/identity/identity_location.hpp"

#include "holdfast/identity.hpp"

#include "tests/support/child_process.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/unit/identity/sample_identity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

namespace holdfast {
namespace {

using test::run_in_child;
using testing::HasSubstr;

// Each case runs in a process of its own, so the environment is the case's own too.
class IdentityLocation : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(setenv("XDG_CONFIG_HOME", configuration_.c_str(), 1), 0);
    ASSERT_EQ(setenv("HOME", home_.c_str(), 1), 0);
  }

  void put(const std::string& path) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    ASSERT_TRUE(store_identity(test::sample_identity(), path, false));
  }

  test::TemporaryFolder folder_;
  std::string configuration_ = folder_.file("configuration");
  std::string home_ = folder_.file("home");
};

TEST_F(IdentityLocation, TheConfigurationFolderComesFirst) {
  put(configuration_ + "/holdfast/identity.json");
  put(home_ + "/.config/holdfast/identity.json");
  EXPECT_EQ(find_identity_file().value(), configuration_ + "/holdfast/identity.json");
}

TEST_F(IdentityLocation, WithoutAnAbsoluteXdgFolderTheHomeIsUsed) {
  put(home_ + "/.config/holdfast/identity.json");
  ASSERT_EQ(setenv("XDG_CONFIG_HOME", "relative", 1), 0);
  EXPECT_EQ(find_identity_file().value(), home_ + "/.config/holdfast/identity.json");
  ASSERT_EQ(setenv("XDG_CONFIG_HOME", "", 1), 0);
  EXPECT_EQ(find_identity_file().value(), home_ + "/.config/holdfast/identity.json");
}

TEST_F(IdentityLocation, WhenNoneExistsBothAreNamed) {
  if (std::filesystem::exists("/etc/holdfast/identity.json")) GTEST_SKIP() << "this machine has an identity";
  const auto found = find_identity_file();
  ASSERT_EQ(found.status(), Status::file_invalid);
  EXPECT_THAT(std::string(found.error().detail.view()), HasSubstr(configuration_));
  EXPECT_THAT(std::string(found.error().detail.view()), HasSubstr("/etc/holdfast/identity.json"));
}

TEST_F(IdentityLocation, AnUnreadableOneIsStillTheOneFound) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  put(configuration_ + "/holdfast/identity.json");
  ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
  ASSERT_EQ(chmod((configuration_ + "/holdfast").c_str(), 0700), 0);
  EXPECT_EQ(run_in_child(
                [&] {
                  const auto found = find_identity_file();
                  return found && load_identity(*found).status() == Status::permission_denied;
                },
                test::kNobody),
            0);
}

TEST_F(IdentityLocation, RootsDefaultIsTheSystems) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_EQ(default_identity_file().value(), "/etc/holdfast/identity.json");
}

class IdentityLocationOfAUser : public IdentityLocation {
 protected:
  void SetUp() override {
    IdentityLocation::SetUp();
    if (geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
    ASSERT_EQ(chown(folder_.path().c_str(), test::kNobody, test::kNobody), 0);
    ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
  }
};

TEST_F(IdentityLocationOfAUser, TheDefaultIsMadeWithItsFolders) {
  EXPECT_EQ(run_in_child(
                [&] {
                  umask(0077);
                  const auto path = default_identity_file();
                  return path && *path == configuration_ + "/holdfast/identity.json" &&
                         store_identity(test::sample_identity(), *path, false) && find_identity_file() &&
                         load_identity(*path);
                },
                test::kNobody),
            0);
  struct stat info {};
  ASSERT_EQ(stat(configuration_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0700U);
  ASSERT_EQ(stat((configuration_ + "/holdfast").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0755U);
}

TEST_F(IdentityLocationOfAUser, AFailedWriteTakesTheFoldersAwayAgain) {
  EXPECT_EQ(run_in_child(
                [&] {
                  std::signal(SIGXFSZ, SIG_IGN);
                  const rlimit limit{100, 100};
                  if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
                  return store_identity(test::sample_identity(), *default_identity_file(), false).status() ==
                         Status::resource_exhausted;
                },
                test::kNobody),
            0);
  EXPECT_FALSE(std::filesystem::exists(configuration_));
}

TEST_F(IdentityLocationOfAUser, WithoutAHomeThereIsNoDefault) {
  unsetenv("XDG_CONFIG_HOME");
  unsetenv("HOME");
  EXPECT_EQ(run_in_child([] { return default_identity_file().status() == Status::invalid_argument; }, test::kNobody),
            0);
}

}  // namespace
}  // namespace holdfast
