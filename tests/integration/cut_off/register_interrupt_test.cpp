// SPDX-License-Identifier: Apache-2.0
// Ctrl-C at any moment of a registration: the authority has no agent, or the identity file is there and it is told.
#include "tests/integration/cut_off/agent_ground.hpp"
#include "tests/support/authority_process.hpp"
#include "tests/support/raw_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>

namespace holdfast::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class Registration : public testing::TestWithParam<GroundKind> {
 protected:
  void SetUp() override {
    ground_ = make_ground(GetParam());
    if (ground_ == nullptr) return;
    tool_.emplace(ground_->folder().file("output"), ToolSpeech::words);
    ASSERT_TRUE(authority_.is_ready()) << authority_.log();
    const ToolRun made = tool_->run({"key", "generate", ground_->key_uri(), "--no-probe"});
    ASSERT_EQ(made.exit_code, 0) << made.output;
    ground_->save("before");
  }

  [[nodiscard]] std::vector<std::string> registering_with(const std::string& authority) const {
    return {"agent",
            "register",
            "--no-probe",
            "--key",
            ground_->key_uri(),
            "--authority",
            authority,
            "--access-token-source",
            "file:" + authority_.token_file(),
            "--identity-file",
            ground_->identity()};
  }
  [[nodiscard]] std::vector<std::string> registering() const {
    std::vector<std::string> words = registering_with(authority_.url());
    words.insert(words.end(), {"--ca-file", authority_.certificate()});
    return words;
  }
  [[nodiscard]] bool is_written() const { return std::filesystem::exists(ground_->identity()); }
  /// That the authority has registered as many agents as identity files were written.
  void expect_as_many_registrations(const std::string& said) const {
    EXPECT_EQ(authority_.times_logged("agent_registered", written_), written_) << said;
  }

  void interrupt_at(std::size_t call) {
    ground_->restore("before");
    const TracedRun cut = tool_->interrupted_at(call, registering());
    const std::string said = tool_->output();
    // TLS may come in fewer pieces than before: then that call was never made.
    EXPECT_EQ(cut.exit_code, cut.changes < call ? 0 : 128 + SIGINT) << said;
    if (is_written()) ++written_;
    EXPECT_EQ(said.find(ground_->identity()) != std::string::npos, is_written()) << said;
    for (const auto& entry : std::filesystem::directory_iterator(ground_->folder().path())) {
      EXPECT_FALSE(entry.path().filename().string().starts_with(".identity")) << entry.path() << " is left";
    }
    const ToolRunner programs(ground_->folder().file("list"));
    ground_->attend_to(programs.run({"key", "list", ground_->key_uri()}).output, "before");
    // The last of all, so that one which nobody was told of is in the log by now as well.
    expect_as_many_registrations(said);
  }

  /// What the tool says that is interrupted twice while its authority is silent, which has `answered` some requests.
  [[nodiscard]] std::string said_when_interrupted_twice(int answered) const;

  void walk(std::size_t cases) {
    constexpr std::size_t kLast = 4;
    ground_->restore("before");
    const TracedRun whole = tool_->interrupted_at(0, registering());
    ASSERT_EQ(whole.exit_code, 0) << tool_->output();
    ASSERT_GT(whole.changes, 2 * kLast);
    written_ = 1;
    std::vector<std::size_t> moments = some_of(whole.changes - kLast, cases);
    for (std::size_t i = 0; i < kLast; ++i) moments.push_back(whole.changes - i);
    moments.push_back(1);  // the trial of the folder
    for (const std::size_t call : moments) {
      SCOPED_TRACE("interrupted at call " + std::to_string(call) + " of " + std::to_string(whole.changes));
      interrupt_at(call);
      if (HasFailure()) return;
    }
  }

  AuthorityProcess authority_;
  std::unique_ptr<AgentGround> ground_;
  std::optional<ToolRunner> tool_;
  std::size_t written_ = 0;
};

TEST_P(Registration, InterruptedAtAFewMomentsItLeavesNoAgentThatNobodyWasToldOf) {
  if (ground_ != nullptr) walk(8);
}
TEST_P(Registration, InterruptedAtEveryCall) {
  if (ground_ != nullptr) walk(kEach);
}

/// The tool, begun and not waited for. What it says on standard error is read as it comes.
class Begun {
 public:
  explicit Begun(std::vector<std::string> words) {
    words.insert(words.begin(), ToolRunner::program());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC) != 0) return;
    reader_ = ends[0];
    process_ = fork();
    if (process_ == 0) {
      dup2(ends[1], STDERR_FILENO);
      execv(pointers.front(), pointers.data());
      _exit(127);
    }
    close(ends[1]);
  }
  ~Begun() {
    if (reader_ >= 0) close(reader_);
    if (process_ <= 0) return;
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  Begun(const Begun&) = delete;
  Begun& operator=(const Begun&) = delete;

  void interrupt() const { kill(process_, SIGINT); }
  /// Reads on until `what` was said; false if the tool ended without.
  bool says(std::string_view what) {
    while (said_.find(what) == std::string::npos) {
      char buffer[512];
      const ssize_t size = read(reader_, buffer, sizeof buffer);
      if (size <= 0) return false;
      said_.append(buffer, static_cast<std::size_t>(size));
    }
    return true;
  }
  /// The signal that ended it; 0 if none did.
  int ended_by() {
    (void)says(std::string_view("\0", 1));
    int status = 0;
    waitpid(process_, &status, 0);
    process_ = -1;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }
  [[nodiscard]] const std::string& said() const { return said_; }

 private:
  pid_t process_ = -1;
  int reader_ = -1;
  std::string said_;
};

/// An authority that answers the first `answered` requests with an agent's id, and to the next one nothing.
class Silence {
 public:
  explicit Silence(int answered) : answered_(answered) {}

  [[nodiscard]] std::string url() const { return server_.url("http"); }
  void await_silence() { asked_.get_future().wait(); }

 private:
  void answer(RawPeer& peer) {
    constexpr std::string_view kBody = R"({"agent_runtime_id":"agent-7"})";
    (void)peer.await_request();
    const int request = requests_++;
    if (request < answered_) {
      peer.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
                std::to_string(kBody.size()) + "\r\n\r\n" + std::string(kBody));
      return;
    }
    if (request == answered_) asked_.set_value();
    peer.hold();
  }

  int answered_;
  std::atomic<int> requests_{0};
  std::promise<void> asked_;
  RawServer server_{[this](RawPeer& peer) { answer(peer); }};
};

std::string Registration::said_when_interrupted_twice(int answered) const {
  Silence authority(answered);
  Begun tool(registering_with(authority.url()));
  authority.await_silence();
  tool.interrupt();
  EXPECT_TRUE(tool.says("it waits for the authority's answer")) << tool.said();
  tool.interrupt();
  EXPECT_EQ(tool.ended_by(), SIGINT) << tool.said();
  return tool.said();
}

TEST_P(Registration, ASecondSignalEndsTheWaitForAnAnswerAndSaysWhatNobodyKnows) {
  if (ground_ == nullptr) return;
  const std::string said = said_when_interrupted_twice(0);
  EXPECT_THAT(said, HasSubstr("done before it was interrupted: the public key was sent"));
  EXPECT_THAT(said, Not(HasSubstr("error")));
  EXPECT_FALSE(is_written());
}

TEST_P(Registration, ASecondSignalInTheTrialTaskSaysWhichAgentIsRegistered) {
  if (ground_ == nullptr) return;
  EXPECT_THAT(said_when_interrupted_twice(1),
              HasSubstr("done before it was interrupted: the key is registered as agent agent-7 and the identity "
                        "file"));
  EXPECT_TRUE(is_written());
}

INSTANTIATE_TEST_SUITE_P(Tokens, Registration, testing::Values(GroundKind::softhsm, GroundKind::swtpm),
                         [](const testing::TestParamInfo<GroundKind>& kind) { return ground_name(kind.param); });

}  // namespace
}  // namespace holdfast::test
