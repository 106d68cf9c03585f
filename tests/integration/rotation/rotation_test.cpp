// SPDX-License-Identifier: Apache-2.0
// What a host sees of a rotation, and what is left when the tool is killed at any moment of a rotation: a key that
// signs, and nothing the next run does not put in order.
#include "holdfast/session.hpp"

#include "src/json/json.hpp"
#include "tests/support/authority_process.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/softhsm.hpp"
#include "tests/support/traced_run.hpp"

#include <gtest/gtest.h>

#include <sys/wait.h>

#include <array>
#include <cstdlib>
#include <filesystem>

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

struct ToolRun {
  int exit_code = -1;
  std::string output;
};

std::size_t count_of(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

class Rotation : public testing::Test {
 protected:
  void SetUp() override {
    HOLDFAST_SKIP_WITHOUT_SOFTHSM();
    hsm_.emplace();
    ASSERT_TRUE(authority_.is_ready()) << authority_.log();
    const std::string uri = hsm_->uri("agent", SoftHsm::module_path());
    ASSERT_EQ(tool({"key", "generate", uri, "--no-probe"}).exit_code, 0);
    const ToolRun registered =
        tool({"agent", "register", "--key", uri, "--no-probe", "--authority", authority_.url(), "--ca-file",
              authority_.certificate(), "--access-token-source", bearer(), "--identity-file", identity()});
    ASSERT_EQ(registered.exit_code, 0) << registered.output;
  }

  [[nodiscard]] std::string identity() const { return hsm_->folder().file("identity.json"); }
  [[nodiscard]] std::string bearer() const { return "file:" + authority_.token_file(); }
  [[nodiscard]] std::vector<std::string> rotating() const {
    return {"agent", "rotate", "--access-token-source", bearer(), "--identity-file", identity()};
  }
  [[nodiscard]] std::vector<std::string> retiring() const {
    return {"agent", "retire", "--now", "--identity-file", identity()};
  }
  [[nodiscard]] std::string output_file() const { return hsm_->folder().file("output"); }

  static std::vector<std::string> words(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), HOLDFAST_PROGRAM);
    arguments.emplace_back("--json");
    return arguments;
  }
  // Not traced, in the usual way of a shell.
  [[nodiscard]] ToolRun tool(const std::vector<std::string>& arguments) const {
    std::string line;
    for (const std::string& word : words(arguments)) line += "'" + word + "' ";
    const int status = std::system((line + "> " + output_file() + " 2>&1 < /dev/null").c_str());  // NOLINT
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(output_file())};
  }
  [[nodiscard]] TracedRun traced(const std::vector<std::string>& arguments, std::size_t kill_at) const {
    return run_traced(words(arguments), kill_at, output_file());
  }

  // Copies of everything that a run changes on this machine.
  void save(const std::string& name) {
    fs::copy(hsm_->token_folder(), hsm_->folder().file(name), fs::copy_options::recursive);
    for (const std::string& file : {identity(), identity() + ".rotation"}) {
      if (fs::exists(file)) fs::copy_file(file, hsm_->folder().file(name + fs::path(file).filename().string()));
    }
  }
  void restore(const std::string& name) {
    fs::remove_all(hsm_->token_folder());
    fs::copy(hsm_->folder().file(name), hsm_->token_folder(), fs::copy_options::recursive);
    for (const std::string& file : {identity(), identity() + ".rotation"}) {
      fs::remove(file);
      const std::string saved = hsm_->folder().file(name + fs::path(file).filename().string());
      if (fs::exists(saved)) fs::copy_file(saved, file);
    }
  }

  // In a child: the module must read the token's folder afresh.
  [[nodiscard]] bool holds_keys(std::size_t count) const {
    return run_in_child([&] {
             const std::string uri = hsm_->uri("", SoftHsm::module_path());
             for (const auto access : {hal::DeviceAccess::provision, hal::DeviceAccess::browse}) {
               const auto device = open_for_test(uri, access, 1);
               const auto found = device->key_inventory()->list({});
               if (!found || *found != count) {
                 std::fprintf(stderr, "%s: %zu, not %zu\n",
                              access == hal::DeviceAccess::browse ? "public" : "private", found ? *found : 999,
                              count);
                 return false;
               }
             }
             return true;
           }) == 0;
  }
  [[nodiscard]] std::string listed() const {
    return tool({"key", "list", hsm_->uri("", SoftHsm::module_path())}).output;
  }
  // The authority verifies a registration made with it.
  [[nodiscard]] bool signs() const {
    const ToolRun run = tool({"header", "--register", "--identity-file", identity()});
    if (run.exit_code != 0) std::fprintf(stderr, "%s\n", run.output.c_str());
    return run.exit_code == 0;
  }
  // What a kill costs that is not the tool's doing, put right as a person would.
  void attend_to_token(const std::string& saved) const {
    const auto said = [this] { return tool({"header", "--register", "--identity-file", identity()}).output; };
    // SoftHSM 2.6 truncates and rewrites the token's own file at every login.
    if (said().find("token_not_found") != std::string::npos) put_back("token.object", hsm_->folder().file(saved));
    // Killed while the token judged the PIN, nobody knows whether it was refused: it is not sent again before
    // somebody has touched its file (docs/pins.md).
    if (said().find("pin_refused_before") != std::string::npos) hsm_->write_pin(SoftHsm::kUserPin);
  }
  void put_back(const std::string& name, const std::string& saved) const {
    for (const auto& entry : fs::recursive_directory_iterator(saved)) {
      if (entry.path().filename() != name) continue;
      fs::copy_file(entry.path(), fs::path(hsm_->token_folder()) / fs::relative(entry.path(), saved),
                    fs::copy_options::overwrite_existing);
    }
  }
  [[nodiscard]] std::size_t registrations() const { return count_of(authority_.log(), "agent_registered"); }

  void kill_rotation_at(std::size_t call) {
    restore("before");
    const std::size_t registrations_before = registrations();
    const TracedRun cut = traced(rotating(), call);
    ASSERT_TRUE(cut.was_killed);
    attend_to_token("before");
    ASSERT_TRUE(signs()) << "at once";

    const ToolRun next = tool(rotating());
    const auto report = Json::parse(next.output);
    ASSERT_TRUE(report) << next.output;
    // Killed at its very end, it was done; the next one says how long the old key is kept.
    const bool was_done = next.exit_code == 3 && next.output.find("the old key is kept until") != std::string::npos;
    ASSERT_TRUE(next.exit_code == 0 || was_done) << next.exit_code << ": " << next.output;
    EXPECT_TRUE(holds_keys(2)) << "the new key and the old one, and no half of another: " << listed();
    EXPECT_TRUE(signs());
    const std::size_t made = registrations() - registrations_before;
    const auto unused = static_cast<std::int64_t>(made) - 1;
    EXPECT_TRUE(unused == 0 || unused == 1) << made << " registrations";
    if (!was_done) {
      EXPECT_GE(report->integer_member("unused_registrations").value_or(-1), unused) << "told";
    }

    const ToolRun retired = tool(retiring());
    EXPECT_EQ(retired.exit_code, 0) << retired.output;
    EXPECT_TRUE(holds_keys(1));
    EXPECT_TRUE(signs());
    EXPECT_FALSE(fs::exists(identity() + ".rotation"));
  }

  void kill_retirement_at(std::size_t call) {
    restore("rotated");
    ASSERT_TRUE(traced(retiring(), call).was_killed);
    attend_to_token("rotated");
    ASSERT_TRUE(signs()) << "at once";
    const ToolRun again = tool(retiring());
    EXPECT_EQ(again.exit_code, 0) << again.output;
    EXPECT_TRUE(holds_keys(1));
    EXPECT_FALSE(fs::exists(identity() + ".rotation"));
  }

  void walk_rotation(std::size_t step) {
    save("before");
    const TracedRun whole = traced(rotating(), 0);
    ASSERT_EQ(whole.exit_code, 0) << read_file(output_file());
    ASSERT_GT(whole.changes, 20U);
    for (std::size_t call = 1; call <= whole.changes - 1 && !HasFatalFailure(); call += step) {
      SCOPED_TRACE("killed at call " + std::to_string(call) + " of " + std::to_string(whole.changes));
      kill_rotation_at(call);
    }
  }
  void walk_retirement(std::size_t step) {
    ASSERT_EQ(tool(rotating()).exit_code, 0);
    save("rotated");
    const TracedRun whole = traced(retiring(), 0);
    ASSERT_EQ(whole.exit_code, 0) << read_file(output_file());
    ASSERT_GT(whole.changes, 5U);
    for (std::size_t call = 1; call <= whole.changes - 1 && !HasFatalFailure(); call += step) {
      SCOPED_TRACE("killed at call " + std::to_string(call) + " of " + std::to_string(whole.changes));
      kill_retirement_at(call);
    }
  }

  AuthorityProcess authority_;
  std::optional<SoftHsm> hsm_;
};

TEST_F(Rotation, AHostLearnsOfItAndASessionOpenedAgainHasTheNewKey) {
  const SessionOptions options{.identity_file = {}};
  const std::string path = identity();
  const auto open = [&] {
    SessionOptions with_path = options;
    with_path.identity_file = path;
    return AgentSession::open(with_path);
  };
  auto running = open();
  ASSERT_TRUE(running) << running.error().detail.view();
  ASSERT_TRUE(running->register_task());
  EXPECT_FALSE(running->identity_file_changed().value());

  const ToolRun rotated = tool(rotating());
  ASSERT_EQ(rotated.exit_code, 0) << rotated.output;
  EXPECT_TRUE(running->identity_file_changed().value());
  EXPECT_TRUE(running->register_task()) << "in the overlap the old key signs, and the authority knows it";

  const PublicKey old_key = running->identity()->public_key;
  { const AgentSession dropped = std::move(*running); }
  auto reopened = open();
  ASSERT_TRUE(reopened) << reopened.error().detail.view();
  EXPECT_NE(reopened->identity()->public_key, old_key);
  EXPECT_FALSE(reopened->identity_file_changed().value());
  EXPECT_TRUE(reopened->register_task());
}

TEST_F(Rotation, ARotationCutOffAtAFewMomentsIsFinishedByTheNextRun) { walk_rotation(61); }
TEST_F(Rotation, ARetirementCutOffAtAFewMomentsIsFinishedByTheNextRun) { walk_retirement(11); }
TEST_F(Rotation, ARotationAtEveryCall) { walk_rotation(1); }
TEST_F(Rotation, ARetirementAtEveryCall) { walk_retirement(1); }

}  // namespace
}  // namespace holdfast::test
