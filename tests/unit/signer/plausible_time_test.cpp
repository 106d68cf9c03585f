// SPDX-License-Identifier: Apache-2.0
#include "src/signer/plausible_time.hpp"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(PlausibleTime, IsWrittenAsItIsSigned) {
  const auto text = plausible_timestamp(kEarliestPlausible, "testing");
  ASSERT_TRUE(text);
  EXPECT_EQ(text->view(), "2020-01-01T00:00:00Z");
  EXPECT_TRUE(plausible_timestamp(WallSeconds{253'402'300'799}, "testing"));
}

TEST(PlausibleTime, OfAClockThatWasNeverSetIsRefusedWithWhatItSays) {
  const auto early = plausible_timestamp(WallSeconds{kEarliestPlausible.value - 1}, "testing");
  ASSERT_EQ(early.status(), Status::clock_implausible);
  EXPECT_EQ(early.error().detail.view(), "it says 2019-12-31T23:59:59Z");
  const auto late = plausible_timestamp(WallSeconds{253'402'300'800}, "testing");
  ASSERT_EQ(late.status(), Status::clock_implausible);
  EXPECT_EQ(late.error().detail.view(), "it says a year beyond 9999");
}

}  // namespace
}  // namespace holdfast
