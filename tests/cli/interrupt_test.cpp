// SPDX-License-Identifier: Apache-2.0
// What is left when a person, or somebody else, interrupts the tool while it asks: the built program on a terminal.
#include "tests/support/softhsm.hpp"
#include "tests/support/terminal_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

namespace holdfast::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class Interrupt : public testing::Test {
 protected:
  void SetUp() override { HOLDFAST_SKIP_WITHOUT_SOFTHSM(); }

  [[nodiscard]] std::function<bool()> holdfast(std::vector<std::string> words) const {
    words.insert(words.begin(), HOLDFAST_PROGRAM);
    words.emplace_back("--quiet");  // what it says of its progress looks like a question
    setenv("HOME", hsm_.folder().path().c_str(), 1);
    setenv("XDG_CONFIG_HOME", hsm_.folder().file("config").c_str(), 1);
    setenv("TERM", "dumb", 1);
    return becoming(std::move(words));
  }
  [[nodiscard]] std::vector<std::string> making_a_key() const {
    return {"key",          "generate", "pkcs11:token=agents;object=new?module-path=" + SoftHsm::module_path(),
            "--pin-source", "prompt",   "--scheme",
            "es256"};
  }
  [[nodiscard]] std::size_t files() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(hsm_.folder().path())) {
      count += entry.is_regular_file() || entry.is_directory() ? 1U : 0U;
    }
    return count;
  }

  const SoftHsm hsm_{SoftHsm::is_installed() ? SoftHsm::kLabel : ""};
};

TEST_F(Interrupt, AKeyAtThePinPromptEndsTheToolByItsSignal) {
  const std::size_t before = files();
  for (const auto& [keys, signal] : {std::pair{"12\x03", SIGINT}, std::pair{"12\x1c", SIGQUIT}}) {
    const TerminalRun run = run_on_terminal({keys}, holdfast(making_a_key()));
    EXPECT_EQ(run.ended_by, signal) << "exit " << run.exit_code << ": " << run.shown;
    EXPECT_TRUE(run.is_echo_off_before);
    EXPECT_TRUE(run.is_restored);
    EXPECT_THAT(run.shown, Not(HasSubstr("error")));
    EXPECT_EQ(files(), before) << "nothing was made";
  }
}

TEST_F(Interrupt, ASignalAtThePinPromptTakesItsCourseOnceTheTerminalIsRestored) {
  const std::size_t before = files();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    const TerminalRun run = signal_on_terminal(signal, holdfast(making_a_key()));
    EXPECT_EQ(run.ended_by, signal) << "exit " << run.exit_code << ": " << run.shown;
    EXPECT_TRUE(run.is_restored) << signal;
    EXPECT_EQ(files(), before) << "nothing was made";
  }
}

TEST_F(Interrupt, ANewPinThatIsNotConfirmedChangesNothing) {
  const std::size_t before = files();
  const TerminalRun run =
      run_on_terminal({"654321\n", "6543\x03"},
                      holdfast({"token", "init", "--module", SoftHsm::module_path(), "--label", "other",
                                "--so-pin-source", "file:" + hsm_.so_pin_file(), "--pin-source", "prompt"}));
  EXPECT_EQ(run.ended_by, SIGINT) << "exit " << run.exit_code << ": " << run.shown;
  EXPECT_TRUE(run.is_restored);
  EXPECT_EQ(files(), before);
}

TEST_F(Interrupt, AtTheAccessTokenPromptNothingIsRegisteredAndNoFileWritten) {
  const std::string uri = hsm_.uri("agent", SoftHsm::module_path());
  {
    const auto device = open_for_test(uri, hal::DeviceAccess::provision);
    ASSERT_TRUE(
        device->key_generator()->generate({.scheme = Scheme::es256, .label = "agent", .id = {}}, hal::kNoDeadline));
  }
  const std::size_t before = files();
  // Nobody listens there: had it gone on, it would have failed of that.
  const TerminalRun run = run_on_terminal(
      {"abc\x03"},
      holdfast({"agent", "register", "--key", uri, "--authority", "http://127.0.0.1:1", "--no-probe",
                "--access-token-source", "prompt", "--identity-file", hsm_.folder().file("identity.json")}));
  EXPECT_EQ(run.ended_by, SIGINT) << "exit " << run.exit_code << ": " << run.shown;
  EXPECT_TRUE(run.is_restored);
  EXPECT_THAT(run.shown, HasSubstr("Access token: "));
  EXPECT_EQ(files(), before);
}

TEST_F(Interrupt, ATokensCheckAsksBeforeItMakesAnythingOrSendsAPin) {
  const std::string token = "pkcs11:token=agents?module-path=" + SoftHsm::module_path();
  const std::vector<std::string> check{"token",    "check", token, "--pin-source", "file:" + hsm_.pin_file(),
                                       "--scheme", "es256"};
  const std::size_t before = files();
  const TerminalRun refused = run_on_terminal({"n\n"}, holdfast(check));
  EXPECT_EQ(refused.exit_code, 3) << refused.shown;
  EXPECT_THAT(refused.shown, HasSubstr("make throwaway keys (es256)"));
  EXPECT_THAT(refused.shown, HasSubstr("its PIN is sent"));
  EXPECT_THAT(refused.shown, HasSubstr("nothing was made"));
  EXPECT_EQ(files(), before);

  const TerminalRun interrupted = run_on_terminal({"\x03"}, holdfast(check));
  EXPECT_EQ(interrupted.ended_by, SIGINT) << "exit " << interrupted.exit_code << ": " << interrupted.shown;
  EXPECT_EQ(files(), before);

  const TerminalRun agreed = run_on_terminal({"y\n"}, holdfast(check));
  EXPECT_EQ(agreed.exit_code, 0) << agreed.shown;
  EXPECT_THAT(agreed.shown, HasSubstr("the throwaway key is gone"));
  EXPECT_EQ(files(), before) << "and nothing is left of it";
}

}  // namespace
}  // namespace holdfast::test
