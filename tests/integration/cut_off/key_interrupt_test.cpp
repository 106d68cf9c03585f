// SPDX-License-Identifier: Apache-2.0
// Ctrl-C at any moment while a key is made or deleted: it is as before, or the person was told what it is now.
#include "tests/integration/cut_off/agent_ground.hpp"

#include <gtest/gtest.h>

#include <signal.h>

#include <memory>
#include <optional>

namespace holdfast::test {
namespace {

class Key : public testing::TestWithParam<GroundKind> {
 protected:
  void SetUp() override {
    ground_ = make_ground(GetParam());
    if (ground_ == nullptr) return;
    tool_.emplace(ground_->folder().file("output"), ToolSpeech::words);
  }

  [[nodiscard]] std::vector<std::string> making() const {
    std::vector<std::string> words{"key", "generate", ground_->key_uri(), "--no-probe"};
    if (ground_->has_twins()) words.insert(words.end(), {"--scheme", "ed25519", "--with-twin"});
    return words;
  }

  [[nodiscard]] std::vector<std::string> deleting() const { return {"key", "delete", ground_->key_uri(), "--yes"}; }

  // `told` is said if, and only if, there are `keys_after` keys, and else as many as before.
  void interrupt_at(std::size_t call, const std::string& saved, const std::vector<std::string>& arguments,
                    std::string_view told, std::size_t keys_after) {
    ground_->restore(saved);
    const TracedRun cut = tool_->interrupted_at(call, arguments);
    const std::string said = tool_->output();
    EXPECT_EQ(cut.exit_code, 128 + SIGINT) << said;
    const bool is_told = said.find(told) != std::string::npos;
    const ToolRunner programs(ground_->folder().file("list"));
    ground_->attend_to(programs.run({"key", "list", ground_->key_uri()}).output, saved);
    ASSERT_TRUE(ground_->holds_keys_of(is_told ? keys_after : 1 - keys_after)) << said;
  }

  // The last moments are those in which it speaks, all being done.
  void walk(const std::string& saved, const std::vector<std::string>& arguments, std::string_view told,
            std::size_t keys_after, std::size_t cases) {
    constexpr std::size_t kLast = 4;
    ground_->save(saved);
    const TracedRun whole = tool_->interrupted_at(0, arguments);
    ASSERT_EQ(whole.exit_code, 0) << tool_->output();
    ASSERT_GT(whole.changes, kLast);
    std::vector<std::size_t> moments = some_of(whole.changes - kLast, cases);
    for (std::size_t i = 0; i < kLast; ++i) moments.push_back(whole.changes - i);
    for (const std::size_t call : moments) {
      SCOPED_TRACE("interrupted at call " + std::to_string(call) + " of " + std::to_string(whole.changes));
      interrupt_at(call, saved, arguments, told, keys_after);
      if (HasFailure()) return;
    }
  }
  void walk_making(std::size_t cases) { walk("before", making(), "What the token says of it:", 1, cases); }
  void walk_deletion(std::size_t cases) {
    const ToolRun made = tool_->run(making());
    ASSERT_EQ(made.exit_code, 0) << made.output;
    walk("made", deleting(), "deleted", 0, cases);
  }

  std::unique_ptr<AgentGround> ground_;
  std::optional<ToolRunner> tool_;
};

class KeyMaking : public Key {};
class KeyDeletion : public Key {};

TEST_P(KeyMaking, InterruptedAtAFewMomentsItLeavesNoKeyThatNobodyWasToldOf) {
  if (ground_ != nullptr) walk_making(4);
}
TEST_P(KeyMaking, InterruptedAtEveryCall) {
  if (ground_ != nullptr) walk_making(kEach);
}
TEST_P(KeyDeletion, InterruptedAtAFewMomentsItIsDoneAndToldOrNotBegun) {
  if (ground_ != nullptr) walk_deletion(8);
}
TEST_P(KeyDeletion, InterruptedAtEveryCall) {
  if (ground_ != nullptr) walk_deletion(kEach);
}

constexpr auto kNameOf = [](const testing::TestParamInfo<GroundKind>& kind) { return ground_name(kind.param); };
INSTANTIATE_TEST_SUITE_P(Tokens, KeyMaking,
                         testing::Values(GroundKind::softhsm, GroundKind::softhsm_with_twin, GroundKind::swtpm),
                         kNameOf);
INSTANTIATE_TEST_SUITE_P(Tokens, KeyDeletion, testing::Values(GroundKind::softhsm, GroundKind::swtpm), kNameOf);

}  // namespace
}  // namespace holdfast::test
