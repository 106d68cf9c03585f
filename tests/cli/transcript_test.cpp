// SPDX-License-Identifier: Apache-2.0
#include "tests/cli/transcript.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Transcript, TellsProseFromCommandsAndOutput) {
  const Transcript read = parse_transcript(
      "Some prose.\nneeds: softhsm curl\n\n  $ one\n  > more\n  out \u2026\n\n  2| note\n  [exit 3]\nProse\n  $ "
      "two\n");
  EXPECT_THAT(read.needs, ElementsAre("softhsm", "curl"));
  ASSERT_EQ(read.steps.size(), 2U);
  EXPECT_EQ(read.steps[0].command, "one\nmore");
  EXPECT_THAT(read.steps[0].output, ElementsAre("out \u2026"));
  EXPECT_THAT(read.steps[0].errors, ElementsAre("note"));
  EXPECT_EQ(read.steps[0].exit_code, 3);
  EXPECT_EQ(read.steps[0].line, 4);
  EXPECT_EQ(read.steps[1].command, "two");
  EXPECT_THAT(read.steps[1].output, IsEmpty());
  EXPECT_EQ(read.steps[1].exit_code, 0);
}

TEST(Transcript, MatchesLinesAndGaps) {
  EXPECT_TRUE(matches({"a\u2026c", "\u2026", "z"}, {"abc", "1", "2", "z"}));
  EXPECT_TRUE(matches({"\u2026"}, {}));
  EXPECT_TRUE(matches({}, {}));
  EXPECT_TRUE(matches({"a\u2026b\u2026"}, {"a--b-b"}));
  EXPECT_FALSE(matches({"a\u2026c"}, {"abd"}));
  EXPECT_FALSE(matches({"a"}, {"a", "b"}));
  EXPECT_FALSE(matches({"a", "b"}, {"a"}));
  EXPECT_FALSE(matches({}, {"a"}));
  EXPECT_FALSE(matches({"\u2026", "z"}, {"z", "y"}));
}

}  // namespace
}  // namespace holdfast::test
