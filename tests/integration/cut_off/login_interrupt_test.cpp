// SPDX-License-Identifier: Apache-2.0
// Ctrl-C at any moment of a login: the token is there afterwards, and the PIN is not taken for a refused one.
#include "tests/integration/cut_off/agent_ground.hpp"

#include <gtest/gtest.h>

#include <signal.h>

namespace holdfast::test {
namespace {

TEST(Login, InterruptedAtAnyCallItLeavesTheTokenAndThePinAsTheyWere) {
  const auto ground = make_ground(GroundKind::softhsm);
  if (ground == nullptr) return;
  const ToolRunner tool(ground->folder().file("output"));
  const std::vector<std::string> words{"key", "list", ground->key_uri()};
  const TracedRun whole = tool.interrupted_at(0, words);
  ASSERT_EQ(whole.exit_code, 0) << tool.output();
  ASSERT_GT(whole.changes, 5U) << "a record of the attempt, and SoftHSM's token file";
  for (std::size_t call = 1; call <= whole.changes; ++call) {
    SCOPED_TRACE("interrupted at call " + std::to_string(call) + " of " + std::to_string(whole.changes));
    EXPECT_EQ(tool.interrupted_at(call, words).exit_code, 128 + SIGINT) << tool.output();
    const ToolRun after = tool.run(words);
    ASSERT_EQ(after.exit_code, 0) << after.output;
  }
}

}  // namespace
}  // namespace holdfast::test
