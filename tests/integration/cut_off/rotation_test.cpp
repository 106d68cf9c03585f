// SPDX-License-Identifier: Apache-2.0
// What a host sees of a rotation, and what is left when the tool is killed at any moment of a rotation: a key that
// signs, and nothing the next run does not put in order.
#include "holdfast/session.hpp"

#include "src/json/json.hpp"
#include "tests/integration/cut_off/agent_ground.hpp"
#include "tests/support/authority_process.hpp"

#include <gtest/gtest.h>

#include <signal.h>

#include <array>
#include <filesystem>
#include <memory>
#include <optional>

namespace holdfast::test {
namespace {

bool has(std::string_view text, std::string_view what) { return text.find(what) != std::string_view::npos; }

std::string text_member(const std::string& report, std::string_view name) {
  const auto json = Json::parse(report);
  const auto member = json ? json->member(name) : std::nullopt;
  return member ? member->as_string().value_or("") : std::string();
}

class Rotation : public testing::TestWithParam<GroundKind> {
 protected:
  void SetUp() override {
    ground_ = make_ground(GetParam());
    if (ground_ == nullptr) return;
    tool_.emplace(ground_->folder().file("output"));
    ASSERT_TRUE(authority_.is_ready()) << authority_.log();
    std::vector<std::string> making{"key", "generate", ground_->key_uri(), "--no-probe"};
    if (ground_->has_twins())
      making.insert(making.end(), {"--scheme", "ed25519", "--with-twin", "--profile", "imported"});
    const ToolRun made = tool_->run(making);
    ASSERT_EQ(made.exit_code, 0) << made.output;
    std::vector<std::string> registering{"agent",
                                         "register",
                                         "--no-probe",
                                         "--key",
                                         text_member(made.output, "key_uri"),
                                         "--authority",
                                         authority_.url(),
                                         "--ca-file",
                                         authority_.certificate(),
                                         "--access-token-source",
                                         bearer(),
                                         "--identity-file",
                                         ground_->identity()};
    if (ground_->has_twins()) {
      registering.insert(registering.end(),
                         {"--profile", "imported", "--twin", text_member(made.output, "twin_uri")});
    }
    const ToolRun registered = tool_->run(registering);
    ASSERT_EQ(registered.exit_code, 0) << registered.output;
  }

  [[nodiscard]] std::string bearer() const { return "file:" + authority_.token_file(); }
  [[nodiscard]] std::vector<std::string> rotating() const { return rotating_with(bearer()); }
  [[nodiscard]] std::vector<std::string> rotating_with(const std::string& token_source) const {
    return {"agent", "rotate", "--access-token-source", token_source, "--identity-file", ground_->identity()};
  }
  [[nodiscard]] std::vector<std::string> undoing() const {
    return {"agent", "rotate", "--undo", "--identity-file", ground_->identity()};
  }
  [[nodiscard]] std::vector<std::string> retiring() const {
    return {"agent", "retire", "--now", "--identity-file", ground_->identity()};
  }
  // The authority verifies a registration made with it.
  [[nodiscard]] ToolRun sign() const {
    return tool_->run({"header", "--register", "--identity-file", ground_->identity()});
  }
  [[nodiscard]] testing::AssertionResult signs() const {
    const ToolRun run = sign();
    return run.exit_code == 0 ? testing::AssertionSuccess() : testing::AssertionFailure() << run.output;
  }
  void attend_to(const std::string& saved) const {
    if (GetParam() == GroundKind::swtpm) return ground_->attend_to("", saved);
    ground_->attend_to(sign().output, saved);
  }
  /// In the authority's log, once there are `least`.
  [[nodiscard]] std::size_t registrations(std::size_t least) const {
    return authority_.times_logged("agent_registered", least);
  }
  [[nodiscard]] bool has_journal() const { return std::filesystem::exists(ground_->journal()); }

  void kill_rotation_at(std::size_t call) {
    ground_->restore("before");
    const std::size_t registrations_before = registrations(0);
    ASSERT_TRUE(tool_->killed_at(call, rotating()).was_killed);
    attend_to("before");
    ASSERT_TRUE(signs()) << "at once";

    const ToolRun next = tool_->run(rotating());
    const auto report = Json::parse(next.output);
    ASSERT_TRUE(report) << next.output;
    // Killed at its very end, it was done; the next one says how long the old key is kept.
    const bool was_done = next.exit_code == 3 && next.output.find("the old key is kept until") != std::string::npos;
    ASSERT_TRUE(next.exit_code == 0 || was_done) << next.exit_code << ": " << next.output;
    EXPECT_TRUE(ground_->holds_keys_of(2)) << "the new one and the old one, and no half of another";
    EXPECT_TRUE(signs());
    const std::size_t made = registrations(registrations_before + 1) - registrations_before;
    const auto unused = static_cast<std::int64_t>(made) - 1;
    EXPECT_TRUE(unused == 0 || unused == 1) << made << " registrations";
    if (!was_done) {
      EXPECT_GE(report->integer_member("unused_registrations").value_or(-1), unused) << "told";
    }

    const ToolRun retired = tool_->run(retiring());
    EXPECT_EQ(retired.exit_code, 0) << retired.output;
    expect_one_agent_at_rest();
  }

  void kill_retirement_at(std::size_t call) {
    ground_->restore("rotated");
    ASSERT_TRUE(tool_->killed_at(call, retiring()).was_killed);
    attend_to("rotated");
    ASSERT_TRUE(signs()) << "at once";
    const ToolRun again = tool_->run(retiring());
    EXPECT_EQ(again.exit_code, 0) << again.output;
    expect_one_agent_at_rest();
  }

  void kill_undoing_at(std::size_t call) {
    ground_->restore("waiting");
    ASSERT_TRUE(tool_->killed_at(call, undoing()).was_killed);
    attend_to("waiting");
    ASSERT_TRUE(signs()) << "at once";
    const ToolRun again = tool_->run(undoing());
    // Killed at its very end, it was done.
    const bool was_done = again.output.find("no rotation is under way") != std::string::npos;
    EXPECT_TRUE(again.exit_code == 0 || was_done) << again.output;
    expect_one_agent_at_rest();
  }

  // A person reads what it says: whenever a journal is left, it is told how to go on.
  void interrupt_rotation_at(std::size_t call, const ToolRunner& people) {
    ground_->restore("before");
    const TracedRun cut = people.interrupted_at(call, rotating());
    const std::string said = people.output();
    // TLS may come in fewer pieces than before: then that call was never made.
    EXPECT_EQ(cut.exit_code, cut.changes < call ? 0 : 128 + SIGINT) << said;
    attend_to("before");
    ASSERT_TRUE(signs()) << "at once";
    const bool is_told = has(said, "agent rotate goes on") || has(said, "agent rotate records that") ||
                         has(said, "holdfast agent retire");
    EXPECT_EQ(is_told, has_journal()) << said;

    const ToolRun next = tool_->run(rotating());
    const bool was_done = next.exit_code == 3 && next.output.find("the old key is kept until") != std::string::npos;
    ASSERT_TRUE(next.exit_code == 0 || was_done) << next.exit_code << ": " << next.output;
    EXPECT_TRUE(ground_->holds_keys_of(2)) << "the new one and the old one, and no half of another";
    EXPECT_EQ(tool_->run(retiring()).exit_code, 0);
    expect_one_agent_at_rest();
  }

  // A removal that was begun is ended, and told; one that was not leaves everything as it was.
  void interrupt_removal_at(std::size_t call, const std::string& saved, const std::vector<std::string>& arguments,
                            const ToolRunner& people) {
    ground_->restore(saved);
    const TracedRun cut = people.interrupted_at(call, arguments);
    const std::string said = people.output();
    EXPECT_EQ(cut.exit_code, 128 + SIGINT) << said;
    attend_to(saved);
    EXPECT_TRUE(signs()) << said;
    EXPECT_TRUE(ground_->holds_keys_of(has_journal() ? 2 : 1)) << said;
    const bool is_told = has(said, "retired ") || has(said, "undone ");
    EXPECT_EQ(is_told, !has_journal()) << said;
  }
  void walk_interrupted_removal(const std::string& saved, const std::vector<std::string>& arguments) {
    ground_->save(saved);
    const ToolRunner people(ground_->folder().file("said"), ToolSpeech::words);
    const TracedRun whole = people.interrupted_at(0, arguments);
    ASSERT_EQ(whole.exit_code, 0) << people.output();
    for (const std::size_t call : some_of(whole.changes, 3)) {
      SCOPED_TRACE("interrupted at call " + std::to_string(call) + " of " + std::to_string(whole.changes));
      interrupt_removal_at(call, saved, arguments, people);
      if (HasFailure()) return;
    }
  }

  void walk_interruption(std::size_t cases) {
    ground_->save("before");
    const ToolRunner people(ground_->folder().file("said"), ToolSpeech::words);
    const TracedRun whole = people.interrupted_at(0, rotating());
    ASSERT_EQ(whole.exit_code, 0) << people.output();
    ASSERT_GT(whole.changes, 5U);
    for (const std::size_t call : some_of(whole.changes, cases)) {
      SCOPED_TRACE("interrupted at call " + std::to_string(call) + " of " + std::to_string(whole.changes));
      interrupt_rotation_at(call, people);
      if (HasFailure()) return;
    }
  }

  void expect_one_agent_at_rest() const {
    EXPECT_TRUE(ground_->holds_keys_of(1));
    EXPECT_TRUE(signs());
    EXPECT_FALSE(has_journal());
  }

  // Kills `arguments` at calls that change something: at `cases` of them, evenly spread, or at each; every case
  // begins at what is saved as `saved`.
  void walk(const std::string& saved, const std::vector<std::string>& arguments, std::size_t cases,
            void (Rotation::*kill_at)(std::size_t)) {
    ground_->save(saved);
    const TracedRun whole = tool_->killed_at(0, arguments);
    ASSERT_EQ(whole.exit_code, 0) << tool_->output();
    ASSERT_GT(whole.changes, 5U);
    for (const std::size_t call : some_of(whole.changes - 1, cases)) {
      SCOPED_TRACE("killed at call " + std::to_string(call) + " of " + std::to_string(whole.changes));
      (this->*kill_at)(call);
      if (HasFailure()) return;
    }
  }
  void walk_rotation(std::size_t cases) { walk("before", rotating(), cases, &Rotation::kill_rotation_at); }
  void walk_retirement(std::size_t cases) {
    ASSERT_EQ(tool_->run(rotating()).exit_code, 0);
    walk("rotated", retiring(), cases, &Rotation::kill_retirement_at);
  }
  void stop_before_registration() {
    const std::string wrong = "file:" + ground_->folder().write("wrong-bearer", "nobody");
    ASSERT_EQ(tool_->run(rotating_with(wrong)).exit_code, 5) << "the new key is made, and not registered";
    ASSERT_TRUE(ground_->holds_keys_of(2));
  }
  void walk_undoing(std::size_t cases) {
    ASSERT_NO_FATAL_FAILURE(stop_before_registration());
    walk("waiting", undoing(), cases, &Rotation::kill_undoing_at);
  }

  AuthorityProcess authority_;
  std::unique_ptr<AgentGround> ground_;
  std::optional<ToolRunner> tool_;
};

TEST_P(Rotation, AHostLearnsOfItAndASecondSessionHasTheNewKey) {
  if (ground_ == nullptr) return;
  const std::string path = ground_->identity();
  const auto open = [&] {
    return AgentSession::open({.identity_file = path, .minimum_profile = KeyProfile::imported});
  };
  auto running = open();
  ASSERT_TRUE(running) << running.error().detail.view();
  ASSERT_TRUE(running->register_task());
  EXPECT_FALSE(running->identity_file_changed().value());
  const PublicKey old_key = running->identity()->public_key;
  // swtpm takes one client at a time; a resource manager, which a real TPM has before it, takes many.
  if (GetParam() == GroundKind::swtpm) {
    const AgentSession closed = std::move(*running);
  }

  const ToolRun rotated = tool_->run(rotating());
  ASSERT_EQ(rotated.exit_code, 0) << rotated.output;
  if (GetParam() != GroundKind::swtpm) {
    EXPECT_TRUE(running->identity_file_changed().value());
    EXPECT_TRUE(running->register_task()) << "in the overlap the old key signs, and the authority knows it";
  }

  auto reopened = open();
  ASSERT_TRUE(reopened) << reopened.error().detail.view();
  EXPECT_NE(reopened->identity()->public_key, old_key);
  EXPECT_FALSE(reopened->identity_file_changed().value());
  EXPECT_TRUE(reopened->register_task());
  if (GetParam() != GroundKind::swtpm) {
    std::array<char, kMaxAuthorizationSize> header{};
    EXPECT_TRUE(running->authorization(header)) << "requests that are under way go on";
  }
}

TEST_P(Rotation, ARotationCutOffAtAFewMomentsIsFinishedByTheNextRun) {
  if (ground_ != nullptr) walk_rotation(GetParam() == GroundKind::softhsm ? 8 : 4);
}
TEST_P(Rotation, ARetirementCutOffAtAFewMomentsIsFinishedByTheNextRun) {
  if (ground_ != nullptr) walk_retirement(2);
}
TEST_P(Rotation, AnUndoCutOffAtAFewMomentsIsFinishedByTheNextRun) {
  if (ground_ != nullptr) walk_undoing(2);
}
TEST_P(Rotation, ARotationInterruptedAtAFewMomentsSaysHowToGoOn) {
  if (ground_ != nullptr) walk_interruption(GetParam() == GroundKind::softhsm ? 8 : 4);
}
TEST_P(Rotation, ARetirementInterruptedAtAFewMomentsIsEndedAndTold) {
  if (ground_ == nullptr) return;
  ASSERT_EQ(tool_->run(rotating()).exit_code, 0);
  walk_interrupted_removal("rotated", retiring());
}
TEST_P(Rotation, AnUndoInterruptedAtAFewMomentsIsEndedAndTold) {
  if (ground_ == nullptr) return;
  ASSERT_NO_FATAL_FAILURE(stop_before_registration());
  walk_interrupted_removal("waiting", undoing());
}
TEST_P(Rotation, AnInterruptedRotationAtEveryCall) {
  if (ground_ != nullptr) walk_interruption(kEach);
}
TEST_P(Rotation, ARotationAtEveryCall) {
  if (ground_ != nullptr) walk_rotation(kEach);
}
TEST_P(Rotation, ARetirementAtEveryCall) {
  if (ground_ != nullptr) walk_retirement(kEach);
}
TEST_P(Rotation, AnUndoAtEveryCall) {
  if (ground_ != nullptr) walk_undoing(kEach);
}

INSTANTIATE_TEST_SUITE_P(Tokens, Rotation,
                         testing::Values(GroundKind::softhsm, GroundKind::softhsm_with_twin, GroundKind::swtpm),
                         [](const testing::TestParamInfo<GroundKind>& kind) { return ground_name(kind.param); });

}  // namespace
}  // namespace holdfast::test
