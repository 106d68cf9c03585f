// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/lockout.hpp"

#include <gtest/gtest.h>

namespace holdfast::hal::tpm2 {
namespace {

TEST(Lockout, TheLastTryIsNeverSpent) {
  EXPECT_TRUE((Lockout{0, 3, 1000}.check_reserve()));
  EXPECT_TRUE((Lockout{1, 3, 1000}.check_reserve()));
  EXPECT_EQ((Lockout{2, 3, 1000}.check_reserve()).status(), Status::pin_locked);
  EXPECT_EQ((Lockout{3, 3, 1000}.check_reserve()).status(), Status::pin_locked);
  EXPECT_EQ((Lockout{0, 1, 1000}.check_reserve()).status(), Status::pin_locked) << "one try is all there ever is";
}

TEST(Lockout, SaysHowLongToWait) {
  EXPECT_EQ((Lockout{3, 3, 600}.explain("").detail.view()),
            "3 of 3 wrong auth values: the TPM is locked out; it forgets one every 600 s");
  EXPECT_EQ((Lockout{2, 3, 0}.explain("").detail.view()),
            "2 of 3 wrong auth values: the next one would lock the TPM out");
}

}  // namespace
}  // namespace holdfast::hal::tpm2
