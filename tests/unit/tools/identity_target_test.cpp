// SPDX-License-Identifier: Apache-2.0
// Where an identity cannot be written, the option that names another place is told.
#include "tools/holdfast/identity_target.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

namespace holdfast::tool {
namespace {

using testing::HasSubstr;

// Whoever is not root, as a service is, in whatever way the tests are run.
class ServiceUser {
 public:
  ServiceUser() {
    constexpr uid_t kNobody = 65534;
    if (before_ == 0) is_other_ = seteuid(kNobody) == 0;
  }
  ~ServiceUser() {
    if (is_other_) {
      EXPECT_EQ(seteuid(before_), 0);
    }
  }
  ServiceUser(const ServiceUser&) = delete;
  ServiceUser& operator=(const ServiceUser&) = delete;

 private:
  const uid_t before_ = geteuid();
  bool is_other_ = false;
};

TEST(IdentityTarget, AUserWhoseHomeIsNotThereIsToldTheOption) {
  const ServiceUser user;
  ASSERT_NE(geteuid(), 0U);
  unsetenv("XDG_CONFIG_HOME");        // NOLINT(concurrency-mt-unsafe)
  setenv("HOME", "/nonexistent", 1);  // NOLINT(concurrency-mt-unsafe)
  const auto target = prepare_identity_target("");
  ASSERT_EQ(target.status(), Status::file_invalid);
  EXPECT_EQ(target.error().native, static_cast<std::uint64_t>(ENOENT));
  EXPECT_THAT(target.error().detail.view(), HasSubstr("/nonexistent/.config"));
  EXPECT_THAT(hint_of(target.error()), HasSubstr("--identity-file"));
}

TEST(IdentityTarget, AFolderThatTakesNoFileIsToldWithTheOption) {
  const auto target = prepare_identity_target("/sys/identity.json");  // not even root's
  ASSERT_EQ(target.status(), Status::permission_denied);
  EXPECT_THAT(target.error().detail.view(), HasSubstr("/sys takes no new file"));
  EXPECT_THAT(hint_of(target.error()), HasSubstr("--identity-file"));
}

}  // namespace
}  // namespace holdfast::tool
