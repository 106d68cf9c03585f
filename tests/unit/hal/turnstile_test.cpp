// SPDX-License-Identifier: Apache-2.0
#include "hal/turnstile.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace holdfast::hal {
namespace {

TEST(Turnstile, lets_one_in_at_a_time) {
  Turnstile turnstile;
  int inside = 0;
  int total = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        const Turn turn(turnstile, system_clock(), kNoDeadline);
        ASSERT_TRUE(static_cast<bool>(turn));
        EXPECT_EQ(++inside, 1);
        ++total;
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(total, 12000);
}

TEST(Turnstile, gives_up_at_the_deadline_and_works_on) {
  Turnstile turnstile;
  Clock& clock = system_clock();
  {
    const Turn first(turnstile, clock, kNoDeadline);
    const Turn late(turnstile, clock, clock.boot().after(std::chrono::milliseconds(5)));
    EXPECT_FALSE(static_cast<bool>(late));
  }
  const Turn next(turnstile, clock, clock.boot().after(std::chrono::milliseconds(5)));
  EXPECT_TRUE(static_cast<bool>(next));
}

TEST(Turnstile, forgets_a_holder_that_a_fork_left_behind) {
  Turnstile turnstile;
  ASSERT_TRUE(turnstile.enter(system_clock(), kNoDeadline));
  turnstile.forget();
  EXPECT_TRUE(turnstile.enter(system_clock(), kNoDeadline));
}

}  // namespace
}  // namespace holdfast::hal
