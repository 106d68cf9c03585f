// SPDX-License-Identifier: Apache-2.0
#include "hal/fake/clock.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace holdfast::hal::fake {
namespace {

using namespace std::chrono_literals;

TEST(FakeClock, StandsStillUntilItIsMoved) {
  FakeClock clock;
  const BootTime start = clock.boot();
  EXPECT_EQ(clock.wall(), kVectorTime);
  EXPECT_EQ(clock.boot(), start);
  clock.advance(1500ms);
  EXPECT_EQ(clock.wall().value, kVectorTime.value + 1);
  EXPECT_EQ(clock.boot(), start.after(1500ms));
}

TEST(FakeClock, TheWallClockCanBeSetAndIsRoundedDown) {
  FakeClock clock;
  const BootTime start = clock.boot();
  clock.set_wall({-1});
  EXPECT_EQ(clock.wall().value, -1);
  clock.advance(500ms);
  EXPECT_EQ(clock.wall().value, -1);
  EXPECT_EQ(clock.boot(), start.after(500ms));
}

TEST(FakeClock, AWaitEndsWhenTheWordDiffersIsWokenOrTheDeadlinePasses) {
  FakeClock clock;
  std::atomic<std::uint32_t> word{1};
  EXPECT_TRUE(clock.wait(word, 0, kNoDeadline));
  EXPECT_FALSE(clock.wait(word, 1, clock.boot()));
  std::atomic<bool> was_woken{false};
  std::thread woken([&] { was_woken = clock.wait(word, 1, kNoDeadline); });
  std::atomic<bool> timed_out{false};
  std::atomic<std::uint32_t> other{0};
  std::thread late([&] { timed_out = !clock.wait(other, 0, clock.boot().after(2s)); });
  clock.await_blocked(2);
  word = 2;
  clock.wake_all(word);
  woken.join();
  EXPECT_TRUE(was_woken);
  clock.advance(1s);
  EXPECT_EQ(clock.blocked(), 1U);
  clock.advance(1s);
  late.join();
  EXPECT_TRUE(timed_out);
  EXPECT_EQ(clock.blocked(), 0U);
}

TEST(FakeClock, MovesByItselfToTheEarliestDeadlineWhenEverybodyIsBlocked) {
  FakeClock clock;
  const BootTime start = clock.boot();
  clock.jump_when_blocked(2);
  std::atomic<bool> is_done{false};
  std::thread sleeper([&] {
    clock.sleep_until(start.after(3s));
    clock.sleep_until(start.after(10s));
    is_done = true;
    clock.jump_when_blocked(1);
  });
  std::atomic<std::uint32_t> word{0};
  EXPECT_FALSE(clock.wait(word, 0, start.after(7s)));
  EXPECT_FALSE(is_done) << "10 s have not passed";
  EXPECT_EQ(clock.boot(), start.after(7s));
  clock.sleep_until(start.after(60s));
  sleeper.join();
  EXPECT_EQ(clock.boot(), start.after(60s));
}

}  // namespace
}  // namespace holdfast::hal::fake
