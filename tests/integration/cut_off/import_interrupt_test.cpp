// SPDX-License-Identifier: Apache-2.0
// Ctrl-C at any moment of an import: all of it is done, or nothing of it is left, and the source is as it was.
#include "tests/integration/cut_off/agent_ground.hpp"

#include <gtest/gtest.h>

#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>

namespace holdfast::test {
namespace {

class Import : public testing::TestWithParam<GroundKind> {
 protected:
  void SetUp() override {
    ground_ = make_ground(GetParam());
    if (ground_ == nullptr) return;
    tool_.emplace(ground_->folder().file("output"));
    const std::string algorithm = ground_->has_twins() ? "ED25519" : "EC -pkeyopt ec_paramgen_curve:P-256";
    const std::string making = "umask 077; openssl genpkey -algorithm " + algorithm + " -out " + source() + " 2>&1";
    ASSERT_EQ(std::system(making.c_str()), 0);  // NOLINT: a test's own literal
    source_text_ = read_file(source());
    ground_->save("before");
  }

  [[nodiscard]] std::string source() const { return ground_->folder().file("agent-key.pem"); }
  [[nodiscard]] std::vector<std::string> importing() const {
    std::vector<std::string> words{
        "agent",      "import", "--from",           "file:" + source(), "--runtime-id",     "agent-1",
        "--no-probe", "--key",  ground_->key_uri(), "--identity-file",  ground_->identity()};
    if (ground_->has_twins()) words.emplace_back("--with-twin");
    return words;
  }
  [[nodiscard]] bool is_written() const { return std::filesystem::exists(ground_->identity()); }

  void interrupt_at(std::size_t call) {
    ground_->restore("before");
    const TracedRun cut = tool_->interrupted_at(call, importing());
    EXPECT_EQ(cut.exit_code, 128 + SIGINT) << tool_->output();
    EXPECT_EQ(read_file(source()), source_text_);
    ground_->attend_to(tool_->run({"key", "list", ground_->key_uri()}).output, "before");
    const bool is_done = is_written();
    ASSERT_TRUE(ground_->holds_keys_of(is_done ? 1 : 0)) << (is_done ? "done" : "nothing of it");

    const ToolRun again = tool_->run(importing());
    EXPECT_EQ(again.exit_code, is_done ? 1 : 0) << again.output;
    EXPECT_TRUE(ground_->holds_keys_of(1));
    EXPECT_TRUE(is_written());
  }

  void walk(std::size_t cases) {
    const TracedRun whole = tool_->interrupted_at(0, importing());
    ASSERT_EQ(whole.exit_code, 0) << tool_->output();
    ASSERT_GT(whole.changes, 5U);
    for (const std::size_t call : some_of(whole.changes, cases)) {
      SCOPED_TRACE("interrupted at call " + std::to_string(call) + " of " + std::to_string(whole.changes));
      interrupt_at(call);
      if (HasFailure()) return;
    }
  }

  std::unique_ptr<AgentGround> ground_;
  std::optional<ToolRunner> tool_;
  std::string source_text_;
};

TEST_P(Import, InterruptedAtAFewMomentsItLeavesAllOrNothing) {
  if (ground_ != nullptr) walk(5);
}
TEST_P(Import, InterruptedAtEveryCall) {
  if (ground_ != nullptr) walk(kEach);
}

INSTANTIATE_TEST_SUITE_P(Tokens, Import,
                         testing::Values(GroundKind::softhsm, GroundKind::softhsm_with_twin, GroundKind::swtpm),
                         [](const testing::TestParamInfo<GroundKind>& kind) { return ground_name(kind.param); });

}  // namespace
}  // namespace holdfast::test
