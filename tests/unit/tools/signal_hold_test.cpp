// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/signal_hold.hpp"

#include "hal/terminal_prompt.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

namespace holdfast::tool {
namespace {

TEST(SignalHold, ASignalWaitsAndIsToldOnce) {
  const SignalHold hold;
  EXPECT_TRUE(hold.check("waiting"));
  raise(SIGTERM);
  const Result<void> told = hold.check("waiting");
  ASSERT_FALSE(told);
  EXPECT_EQ(hal::interrupting_signal(told.error()), SIGTERM) << "the tool ends as by it";
  EXPECT_TRUE(hold.check("waiting"));
}

TEST(SignalHold, EachOfThemIsToldApart) {
  const SignalHold hold;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    raise(signal);
    const Result<void> told = hold.check("waiting");
    ASSERT_FALSE(told);
    EXPECT_EQ(hal::interrupting_signal(told.error()), signal);
  }
}

TEST(SignalHold, OneThatIsIgnoredIsNeitherToldNorTakesItsCourse) {
  EXPECT_EXIT(
      {
        signal(SIGHUP, SIG_IGN);
        bool is_calm = false;
        {
          const SignalHold hold;
          raise(SIGHUP);
          is_calm = hold.check("waiting").has_value();
        }
        _exit(is_calm ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(SignalHold, OneNobodyAskedForTakesItsCourseAtTheEnd) {
  EXPECT_EXIT(
      {
        {
          const SignalHold hold;
          raise(SIGINT);
        }
        _exit(0);
      },
      testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace holdfast::tool
