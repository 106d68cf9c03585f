// SPDX-License-Identifier: Apache-2.0
// What is left of a testbed when its command ends, in whatever way, or the testbed itself: the built program as a
// process.
#include "tests/support/softhsm.hpp"
#include "tests/support/swtpm.hpp"
#include "tests/support/terminal_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace holdfast::test {
namespace {

using std::chrono::steady_clock;
using testing::HasSubstr;

constexpr std::chrono::seconds kLongest{50};
constexpr std::chrono::milliseconds kPoll{2};

// Asks the authority of the testbed whether it accepts a header of the identity.
constexpr const char* kUse =
    "holdfast header --register --identity-file \"$HOLDFAST_IDENTITY_FILE\" | curl --silent --noproxy '*' "
    "--cacert \"$HOLDFAST_CA_FILE\" -H @- -o /dev/null -w '%{http_code}' \"$HOLDFAST_VERIFY_URL\"";

struct End {
  int exit_code = -1;
  int signal = 0;
  friend bool operator==(const End&, const End&) = default;
};
void PrintTo(const End& end, std::ostream* out) { *out << "exit " << end.exit_code << ", signal " << end.signal; }

End end_of(int status) {
  if (WIFSIGNALED(status)) return {-1, WTERMSIG(status)};
  return {WEXITSTATUS(status), 0};
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> found;
  const std::string id = std::to_string(parent);
  std::ifstream list("/proc/" + id + "/task/" + id + "/children");
  for (pid_t child = 0; list >> child;) found.push_back(child);
  return found;
}

class TestbedTest : public testing::Test {
 protected:
  void SetUp() override {
    HOLDFAST_SKIP_WITHOUT_SOFTHSM();
    std::filesystem::create_directory(temporary());
    // Whoever loses its parent comes to this process, which so knows of everything that is left.
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    setenv("TMPDIR", temporary().c_str(), 1);
    setenv("MARKS", folder_.path().c_str(), 1);
    setenv("PATH", HOLDFAST_BINARIES ":/usr/sbin:/usr/bin:/sbin:/bin", 1);
  }
  void TearDown() override { unsetenv("TMPDIR"); }  // its folder is gone with the test

  [[nodiscard]] std::string temporary() const { return folder_.file("tmp"); }
  [[nodiscard]] std::string mark(std::string_view name) const { return folder_.file(name); }

  [[nodiscard]] static std::function<bool()> testbed(std::vector<std::string> words) {
    words.insert(words.begin(), {HOLDFAST_BINARIES "/holdfast", "testbed"});
    return becoming(std::move(words));
  }

  // In a process group of its own, with what it says in the marks `name`.out and `name`.err.
  pid_t start(std::vector<std::string> words, const std::string& name = "run") {
    const std::function<bool()> body = testbed(std::move(words));
    const std::string out = mark(name + ".out");
    const std::string err = mark(name + ".err");
    const pid_t child = fork();
    if (child == 0) {
      setpgid(0, 0);
      const int outfd = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      const int errfd = open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      if (outfd < 0 || errfd < 0 || dup2(outfd, 1) < 0 || dup2(errfd, 2) < 0) _exit(1);
      for (const int fd : {outfd, errfd}) close(fd);
      body();
      _exit(1);
    }
    setpgid(child, child);
    return child;
  }
  pid_t start_shell(const std::string& line, const std::string& name = "run") {
    return start({"--", "sh", "-c", line}, name);
  }

  // A command that says `words` and then waits for ever. No shell: one that is just starting a program takes SIGINT
  // otherwise than one that waits for it.
  [[nodiscard]] std::vector<std::string> saying(const std::string& words) const {
    std::ofstream(mark("words")) << words;
    return {"--quiet", "--", "tail", "-f", mark("words")};
  }

  static End wait_for(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return end_of(status);
  }
  End run(std::vector<std::string> words) { return wait_for(start(std::move(words))); }
  End run_shell(const std::string& line) { return wait_for(start_shell(line)); }

  // False if it does not come.
  [[nodiscard]] static bool comes(const std::function<bool()>& is_there) {
    const auto deadline = steady_clock::now() + kLongest;
    while (!is_there()) {
      if (steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(kPoll);
    }
    return true;
  }
  [[nodiscard]] bool comes_mark(const std::string& name) const {
    return comes([path = mark(name)] { return std::filesystem::exists(path); });
  }
  // The file of a testbed's own folder.
  [[nodiscard]] bool comes_file(const std::string& name) const {
    return comes([this, &name] {
      for (const auto& entry : std::filesystem::directory_iterator(temporary())) {
        if (std::filesystem::exists(entry.path() / name)) return true;
      }
      return false;
    });
  }

  // Waits for whatever came to this process; who does not end is killed and counted.
  void expect_nothing_left() const {
    const bool is_empty = comes([] {
      while (waitpid(-1, nullptr, WNOHANG) > 0) continue;
      return waitpid(-1, nullptr, WNOHANG) < 0;
    });
    EXPECT_TRUE(is_empty) << "processes are left";
    if (!is_empty) {
      for (const pid_t child : children_of(getpid())) kill(child, SIGKILL);
    }
    EXPECT_TRUE(std::filesystem::is_empty(temporary())) << "a folder is left";
  }

  [[nodiscard]] std::string said(const std::string& name = "run") const {
    return read_file(mark(name + ".out")) + read_file(mark(name + ".err"));
  }

 private:
  const TemporaryFolder folder_;
};

TEST_F(TestbedTest, EndsWithTheCommandsExitCode) {
  for (const int code : {0, 1, 7, 255}) {
    EXPECT_EQ(run_shell("exit " + std::to_string(code)), (End{code, 0})) << said();
    EXPECT_EQ(said(), "");
    expect_nothing_left();
  }
}

TEST_F(TestbedTest, ACommandInItGetsHeadersThatItsAuthorityAccepts) {
  EXPECT_EQ(run_shell(kUse), (End{0, 0}));
  EXPECT_EQ(said(), "200");
  expect_nothing_left();
}

TEST_F(TestbedTest, TheSameWithATpm) {
  HOLDFAST_SKIP_WITHOUT_SWTPM();
  EXPECT_EQ(run({"--tpm", "--", "sh", "-c", kUse}), (End{0, 0}));
  EXPECT_EQ(said(), "200");
  expect_nothing_left();
}

TEST_F(TestbedTest, ACommandThatIsNotThereIs127AndOneThatCannotRunIs126) {
  EXPECT_EQ(run({"--", "no-such-command"}), (End{127, 0}));
  EXPECT_THAT(said(), HasSubstr("no-such-command (system: ENOENT while starting the command)"));
  EXPECT_EQ(run({"--", mark("no-such-command")}), (End{127, 0}));
  EXPECT_THAT(said(), HasSubstr("ENOENT while starting the command"));
  EXPECT_EQ(run({"--", temporary()}), (End{126, 0}));
  EXPECT_THAT(said(), HasSubstr("EACCES while starting the command"));
  expect_nothing_left();
}

TEST_F(TestbedTest, EndsBySignalAsItsCommandDoes) {
  for (const int signal : {SIGKILL, SIGTERM, SIGSEGV}) {
    EXPECT_EQ(run_shell("kill -" + std::to_string(signal) + " $$"), (End{-1, signal})) << said();
    expect_nothing_left();
  }
}

TEST_F(TestbedTest, WhatTheCommandLeavesBehindIsEnded) {
  // In the background; a daemon in a session of its own; and under a parent that is killed.
  EXPECT_EQ(
      run_shell("sleep 1000 & setsid sh -c 'sleep 1000 & sleep 1000' & sh -c 'sleep 1000 & kill -9 $$' ; exit 3"),
      (End{3, 0}));
  expect_nothing_left();
}

TEST_F(TestbedTest, ASignalIsPassedOnToTheCommand) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const pid_t front = start(saying("running"));
    ASSERT_TRUE(comes([this] { return said() == "running"; })) << said();
    kill(front, signal);
    EXPECT_EQ(wait_for(front), (End{-1, signal})) << said();
    expect_nothing_left();
  }
}

TEST_F(TestbedTest, ACommandMayTakeASignalInItsOwnWay) {
  const pid_t front =
      start_shell("trap 'echo cleaned up; exit 5' TERM; touch \"$MARKS\"/started; while :; do sleep 0.05; done");
  ASSERT_TRUE(comes_mark("started"));
  kill(front, SIGTERM);
  EXPECT_EQ(wait_for(front), (End{5, 0}));
  EXPECT_EQ(said(), "cleaned up\n");
  expect_nothing_left();
}

TEST_F(TestbedTest, CtrlCEndsTheCommandAndTheTestbed) {
  const TerminalRun run = run_on_terminal({"\x03"}, testbed(saying("running: ")));
  EXPECT_EQ(run.ended_by, SIGINT) << "exit " << run.exit_code << ": " << run.shown;
  EXPECT_TRUE(run.is_restored);
  expect_nothing_left();
}

TEST_F(TestbedTest, AHangUpOfTheTerminalEndsTheCommandAndTheTestbed) {
  // The kernel tells the leader of the session alone, which here is the testbed.
  const pid_t holder = fork();
  if (holder == 0) {
    (void)run_on_terminal({"", ""}, testbed(saying("running: ")));  // waits for another question, until it is killed
    _exit(0);
  }
  ASSERT_TRUE(comes_file("identity.json"));
  ASSERT_TRUE(comes([holder] {
    const std::vector<pid_t> fronts = children_of(holder);
    return fronts.size() == 1 && children_of(fronts.front()).size() == 1 &&
           children_of(children_of(fronts.front()).front()).size() == 2;  // the authority and the command
  }));
  kill(holder, SIGKILL);
  expect_nothing_left();
}

TEST_F(TestbedTest, ACommandAtATerminalReadsFromIt) {
  const TerminalRun run = run_on_terminal(
      {"kelp\n"}, testbed({"--quiet", "--", "sh", "-c", "printf 'name: '; read name; echo \"got $name\""}));
  EXPECT_EQ(run.exit_code, 0) << run.shown;
  EXPECT_THAT(run.shown, HasSubstr("got kelp"));
  expect_nothing_left();
}

TEST_F(TestbedTest, OfAKilledTestbedNothingIsLeft) {
  const pid_t front = start_shell("sleep 1000 & setsid sleep 1000 & touch \"$MARKS\"/started; sleep 1000");
  ASSERT_TRUE(comes_mark("started"));
  kill(front, SIGKILL);
  EXPECT_EQ(wait_for(front), (End{-1, SIGKILL}));
  expect_nothing_left();
}

TEST_F(TestbedTest, OfAKilledProcessGroupNothingIsLeft) {
  const pid_t front = start_shell("sleep 1000 & touch \"$MARKS\"/started; sleep 1000");
  ASSERT_TRUE(comes_mark("started"));
  kill(-front, SIGKILL);
  EXPECT_EQ(wait_for(front), (End{-1, SIGKILL}));
  expect_nothing_left();
}

TEST_F(TestbedTest, OfAKilledKeeperNothingIsLeft) {
  const pid_t front = start_shell("setsid sleep 1000 & touch \"$MARKS\"/started; sleep 1000");
  ASSERT_TRUE(comes_mark("started"));
  const std::vector<pid_t> children = children_of(front);
  ASSERT_EQ(children.size(), 1U);
  kill(children.front(), SIGKILL);
  EXPECT_EQ(wait_for(front), (End{1, 0}));
  EXPECT_THAT(said(), HasSubstr("the process that keeps it was killed"));
  expect_nothing_left();
}

TEST_F(TestbedTest, WheneverItIsEndedWhileItIsMadeNothingIsLeft) {
  for (const int signal : {SIGKILL, SIGTERM}) {
    for (const char* moment : {"", "pin", "tokens", "authority/ready", "identity.json"}) {
      const pid_t front = start({"--", "sleep", "1000"});
      ASSERT_TRUE(comes_file(moment)) << moment << ": " << said();
      kill(front, signal);
      EXPECT_EQ(wait_for(front), (End{-1, signal})) << moment << ": " << said();
      expect_nothing_left();
    }
  }
}

TEST_F(TestbedTest, TwoAtOnceDoNotMeet) {
  const std::string line = "touch \"$MARKS\"/$0; until [ -e \"$MARKS\"/both ]; do sleep 0.05; done; ";
  const pid_t one = start({"--", "sh", "-c", line + kUse + "; echo \" $HOLDFAST_IDENTITY_FILE\"", "one"}, "first");
  const pid_t two = start({"--", "sh", "-c", line + kUse + "; echo \" $HOLDFAST_IDENTITY_FILE\"", "two"}, "second");
  ASSERT_TRUE(comes_mark("one"));
  ASSERT_TRUE(comes_mark("two"));
  std::ofstream(mark("both")).put('\n');
  EXPECT_EQ(wait_for(one), (End{0, 0}));
  EXPECT_EQ(wait_for(two), (End{0, 0}));
  EXPECT_THAT(said("first"), testing::StartsWith("200 /"));
  EXPECT_THAT(said("second"), testing::StartsWith("200 /"));
  EXPECT_NE(said("first"), said("second"));
  expect_nothing_left();
}

// docs/ci.md hands it out to be copied.
TEST_F(TestbedTest, TheCiOfAProjectThatNeedsAnAgentPasses) {
  HOLDFAST_SKIP_WITHOUT_SWTPM();
  for (const char* device : {"", " --tpm"}) {
    const std::string line = std::string(HOLDFAST_TESTBED_PROJECT "/ci/test") + device + " > " + mark("ci") + " 2>&1";
    EXPECT_EQ(end_of(std::system(line.c_str())), (End{0, 0})) << read_file(mark("ci"));  // NOLINT: a test's own line
    EXPECT_EQ(read_file(mark("ci")), "ok    the service knows the client\nok    the service turns others away\n");
    expect_nothing_left();
  }
}

TEST_F(TestbedTest, TheTestsOfAProjectThatNeedsAnAgentFailWhereTheyLearnNothing) {
  const std::string stand_ins = mark("bin");
  std::filesystem::create_directory(stand_ins);
  // An identity that cannot be shown; a service that answers its own client alone.
  const std::vector<std::pair<std::string, std::string>> failing{
      {"holdfast", "[ \"$1\" = agent ] || exec " HOLDFAST_BINARIES "/holdfast \"$@\"; exit 1"},
      {"curl", "case \"$*\" in *dump-header*) exec /usr/bin/curl \"$@\" ;; esac; exit 7"}};
  for (const auto& [program, script] : failing) {
    const std::string path = stand_ins + "/" + program;
    std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    EXPECT_EQ(run_shell("PATH=$MARKS/bin:$PATH " HOLDFAST_TESTBED_PROJECT "/check"), (End{1, 0}))
        << program << said();
    std::filesystem::remove(path);
    expect_nothing_left();
  }
}

TEST_F(TestbedTest, OneInAnotherIsAnother) {
  EXPECT_EQ(run_shell("first=$HOLDFAST_IDENTITY_FILE; export first; holdfast testbed -- sh -c '"
                      "[ \"$HOLDFAST_IDENTITY_FILE\" != \"$first\" ] && [ -e \"$first\" ]' && [ -e \"$first\" ]"),
            (End{0, 0}))
      << said();
  expect_nothing_left();
}

}  // namespace
}  // namespace holdfast::test
