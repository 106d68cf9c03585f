// SPDX-License-Identifier: Apache-2.0
#include "hal/clock.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <thread>

namespace holdfast::hal {
namespace {

using namespace std::chrono_literals;

TEST(Clock, WallIsTheSystemsTime) {
  const std::int64_t before = time(nullptr) - 1;  // the coarse clock may lag a tick
  const std::int64_t wall = system_clock().wall().value;
  EXPECT_GE(wall, before);
  EXPECT_LE(wall, time(nullptr));
}

TEST(Clock, WaitEndsAtTheDeadline) {
  std::atomic<std::uint32_t> word{1};
  const BootTime deadline = system_clock().boot().after(5ms);
  while (system_clock().wait(word, 1, deadline)) {
  }
  EXPECT_GE(system_clock().boot(), deadline);
  EXPECT_FALSE(system_clock().wait(word, 1, deadline));
}

TEST(Clock, WaitReturnsAtOnceWhenTheWordDiffers) {
  std::atomic<std::uint32_t> word{2};
  EXPECT_TRUE(system_clock().wait(word, 1, kNoDeadline));
}

TEST(Clock, WakeEndsAWait) {
  std::atomic<std::uint32_t> word{1};
  std::thread waker([&] {
    word.store(2);
    system_clock().wake_all(word);
  });
  while (word.load() == 1) system_clock().wait(word, 1, kNoDeadline);
  waker.join();
}

TEST(Clock, ADeadlineFarAwayDoesNotOverflow) {
  EXPECT_EQ(BootTime{INT64_MAX - 1}.after(10s), kNoDeadline);
  EXPECT_EQ(BootTime{1}.after(1s).ns, 1'000'000'001);
}

}  // namespace
}  // namespace holdfast::hal
