// SPDX-License-Identifier: Apache-2.0
// Ctrl-C at any moment of a token's check: no throwaway key is left, nor the folder of one.
#include "tests/integration/cut_off/agent_ground.hpp"

#include <gtest/gtest.h>

#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>

namespace holdfast::test {
namespace {

class TokenCheck : public testing::TestWithParam<GroundKind> {
 protected:
  void SetUp() override {
    ground_ = make_ground(GetParam());
    if (ground_ == nullptr) return;
    tool_.emplace(ground_->folder().file("output"));
    std::filesystem::create_directory(temporary());
    setenv("TMPDIR", temporary().c_str(), 1);
    ground_->save("before");
  }

  [[nodiscard]] std::string temporary() const { return ground_->folder().file("temporary"); }
  [[nodiscard]] std::vector<std::string> checking() const {
    const std::string key = ground_->key_uri();
    const bool is_tpm = key.starts_with("tpm2:");
    const std::size_t path = is_tpm ? key.find(':') + 1 : key.find(";object=");
    const std::string token = key.substr(0, path) + key.substr(key.find('?'));
    return {"token", "check", token, "--yes", "--scheme", "es256", "--signatures", "2"};
  }
  [[nodiscard]] bool is_nothing_left() const {
    return ground_->holds_keys_of(0) && std::filesystem::is_empty(temporary());
  }

  void walk(std::size_t cases) {
    const TracedRun whole = tool_->interrupted_at(0, checking());
    ASSERT_EQ(whole.exit_code, 0) << tool_->output();
    ASSERT_TRUE(is_nothing_left());
    ASSERT_GT(whole.changes, 10U);
    for (const std::size_t call : some_of(whole.changes, cases)) {
      SCOPED_TRACE("interrupted at call " + std::to_string(call) + " of " + std::to_string(whole.changes));
      const TracedRun cut = tool_->interrupted_at(call, checking());
      EXPECT_EQ(cut.exit_code, 128 + SIGINT) << tool_->output();
      // Before anything is made a signal ends the tool at once, and what is being written then is lost.
      ground_->attend_to(tool_->run({"key", "list", ground_->key_uri()}).output, "before");
      ASSERT_TRUE(is_nothing_left());
    }
  }

  std::unique_ptr<AgentGround> ground_;
  std::optional<ToolRunner> tool_;
};

TEST_P(TokenCheck, InterruptedAtAFewMomentsItLeavesNothing) {
  if (ground_ != nullptr) walk(5);
}
TEST_P(TokenCheck, InterruptedAtEveryCall) {
  if (ground_ != nullptr) walk(kEach);
}

INSTANTIATE_TEST_SUITE_P(Tokens, TokenCheck, testing::Values(GroundKind::softhsm, GroundKind::swtpm),
                         [](const testing::TestParamInfo<GroundKind>& kind) { return ground_name(kind.param); });

}  // namespace
}  // namespace holdfast::test
