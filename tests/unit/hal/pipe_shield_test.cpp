// SPDX-License-Identifier: Apache-2.0
#include "hal/pipe_shield.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <array>

namespace holdfast::hal {
namespace {

void write_into_broken_pipe() {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  close(ends[0]);
  EXPECT_EQ(write(ends[1], "x", 1), -1);
  close(ends[1]);
}

bool is_pending() {
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, SIGPIPE) == 1;
}

TEST(PipeShield, swallows_the_signal_of_a_helper_that_went_away) {
  {
    const PipeShield shield;
    write_into_broken_pipe();
    EXPECT_TRUE(is_pending());
  }
  EXPECT_FALSE(is_pending());
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGPIPE), 0);
}

TEST(PipeShield, leaves_a_signal_that_the_host_blocks_to_the_host) {
  sigset_t pipe_only;
  sigemptyset(&pipe_only);
  sigaddset(&pipe_only, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_only, nullptr);
  {
    const PipeShield shield;
    write_into_broken_pipe();
  }
  EXPECT_TRUE(is_pending());
}

TEST(PipeShield, is_down_where_the_process_ignores_the_signal) {
  EXPECT_FALSE(PipeShield::is_ignored_by_the_process());
  signal(SIGPIPE, SIG_IGN);
  EXPECT_TRUE(PipeShield::is_ignored_by_the_process());
  {
    const PipeShield shield(true);
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    EXPECT_EQ(sigismember(&mask, SIGPIPE), 0);
    write_into_broken_pipe();
  }
  signal(SIGPIPE, SIG_DFL);
  EXPECT_FALSE(is_pending());
}

}  // namespace
}  // namespace holdfast::hal
