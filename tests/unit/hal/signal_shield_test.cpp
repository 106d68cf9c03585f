// SPDX-License-Identifier: Apache-2.0
#include "hal/signal_shield.hpp"

#include "hal/pipe_shield.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace holdfast::hal {
namespace {

bool is_held(int signal) {
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return sigismember(&mask, signal) == 1;
}

// A login that is judged ends its shield in the middle of the calls that another keeps SIGPIPE from.
TEST(SignalShield, IsTakenDownUnderAnotherThatStaysUp) {
  std::optional<SignalShield> judging(std::in_place);
  {
    const PipeShield calling;
    EXPECT_TRUE(is_held(SIGINT) && is_held(SIGPIPE));
    judging.reset();
    EXPECT_TRUE(is_held(SIGPIPE));
    EXPECT_FALSE(is_held(SIGINT) || is_held(SIGTERM) || is_held(SIGHUP));
  }
  EXPECT_FALSE(is_held(SIGPIPE) || is_held(SIGINT) || is_held(SIGTERM) || is_held(SIGHUP));
}

TEST(SignalShield, LeavesHeldWhatTheHostHolds) {
  sigset_t own;
  sigemptyset(&own);
  sigaddset(&own, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &own, nullptr);
  { const SignalShield shield; }
  EXPECT_TRUE(is_held(SIGTERM));
  EXPECT_FALSE(is_held(SIGINT));
}

}  // namespace
}  // namespace holdfast::hal
