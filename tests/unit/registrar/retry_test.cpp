// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/retry.hpp"

#include <gtest/gtest.h>

#include <set>

namespace holdfast {
namespace {

using namespace std::chrono_literals;

TEST(RetrySchedule, EndsAfterTheAttemptsGiven) {
  RetrySchedule schedule(3, 1);
  EXPECT_TRUE(schedule.next({}));
  EXPECT_TRUE(schedule.next({}));
  EXPECT_FALSE(schedule.next({}));
  EXPECT_FALSE(schedule.next({}));
  EXPECT_FALSE(RetrySchedule(1, 1).next({}));
  EXPECT_FALSE(RetrySchedule(0, 1).next({}));
}

TEST(RetrySchedule, DoublesWithinItsBoundsForEverySeed) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    RetrySchedule schedule(10, seed);
    std::chrono::nanoseconds most = 500ms;
    for (int i = 0; i < 9; ++i) {
      const auto wait = schedule.next({});
      ASSERT_TRUE(wait);
      EXPECT_GE(*wait, most / 2);
      EXPECT_LE(*wait, most);
      most = std::min<std::chrono::nanoseconds>(most * 2, 8s);
    }
    EXPECT_EQ(most, 8s);
  }
}

TEST(RetrySchedule, JitterDiffersBetweenSeeds) {
  std::set<std::chrono::nanoseconds> waits;
  for (std::uint64_t seed = 0; seed < 100; ++seed) waits.insert(*RetrySchedule(2, seed).next({}));
  EXPECT_GT(waits.size(), 90U);
}

TEST(RetrySchedule, NeverComesBackEarlierThanAsked) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const auto wait = RetrySchedule(2, seed).next(20s);
    ASSERT_TRUE(wait);
    EXPECT_GE(*wait, 20s);
    EXPECT_LE(*wait, 20s + 500ms);
  }
  EXPECT_LE(*RetrySchedule(2, 1).next(0s), 500ms);
  EXPECT_LE(*RetrySchedule(2, 1).next(-5s), 500ms);
}

TEST(RetrySchedule, GivesUpWhenAskedToWaitTooLong) { EXPECT_FALSE(RetrySchedule(3, 1).next(21s)); }

}  // namespace
}  // namespace holdfast
