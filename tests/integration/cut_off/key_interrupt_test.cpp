// SPDX-License-Identifier: Apache-2.0
// Ctrl-C at any moment while a key is made: there is no key, or the person was told of it.
#include "tests/integration/cut_off/agent_ground.hpp"

#include <gtest/gtest.h>

#include <signal.h>

#include <memory>
#include <optional>

namespace holdfast::test {
namespace {

class KeyMaking : public testing::TestWithParam<GroundKind> {
 protected:
  void SetUp() override {
    ground_ = make_ground(GetParam());
    if (ground_ == nullptr) return;
    tool_.emplace(ground_->folder().file("output"), ToolSpeech::words);
    ground_->save("before");
  }

  [[nodiscard]] std::vector<std::string> making() const {
    std::vector<std::string> words{"key", "generate", ground_->key_uri(), "--no-probe"};
    if (ground_->has_twins()) words.insert(words.end(), {"--scheme", "ed25519", "--with-twin"});
    return words;
  }

  void interrupt_at(std::size_t call) {
    ground_->restore("before");
    const TracedRun cut = tool_->interrupted_at(call, making());
    const std::string said = tool_->output();
    EXPECT_EQ(cut.exit_code, 128 + SIGINT) << said;
    const bool is_told = said.find("What the token says of it:") != std::string::npos;
    const ToolRunner programs(ground_->folder().file("list"));
    ground_->attend_to(programs.run({"key", "list", ground_->key_uri()}).output, "before");
    ASSERT_TRUE(ground_->holds_keys_of(is_told ? 1 : 0)) << said;
  }

  // The last moments are those in which it speaks, the key being made.
  void walk(std::size_t cases) {
    constexpr std::size_t kLast = 4;
    ground_->restore("before");
    const TracedRun whole = tool_->interrupted_at(0, making());
    ASSERT_EQ(whole.exit_code, 0) << tool_->output();
    ASSERT_GT(whole.changes, 2 * kLast);
    std::vector<std::size_t> moments = some_of(whole.changes - kLast, cases);
    for (std::size_t i = 0; i < kLast; ++i) moments.push_back(whole.changes - i);
    for (const std::size_t call : moments) {
      SCOPED_TRACE("interrupted at call " + std::to_string(call) + " of " + std::to_string(whole.changes));
      interrupt_at(call);
      if (HasFailure()) return;
    }
  }

  std::unique_ptr<AgentGround> ground_;
  std::optional<ToolRunner> tool_;
};

TEST_P(KeyMaking, InterruptedAtAFewMomentsItLeavesNoKeyThatNobodyWasToldOf) {
  if (ground_ != nullptr) walk(4);
}
TEST_P(KeyMaking, InterruptedAtEveryCall) {
  if (ground_ != nullptr) walk(kEach);
}

INSTANTIATE_TEST_SUITE_P(Tokens, KeyMaking,
                         testing::Values(GroundKind::softhsm, GroundKind::softhsm_with_twin, GroundKind::swtpm),
                         [](const testing::TestParamInfo<GroundKind>& kind) { return ground_name(kind.param); });

}  // namespace
}  // namespace holdfast::test
