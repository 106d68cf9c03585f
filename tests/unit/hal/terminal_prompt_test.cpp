// SPDX-License-Identifier: Apache-2.0
#include "hal/terminal_prompt.hpp"

#include "tests/support/terminal_run.hpp"

#include <gtest/gtest.h>

#include <signal.h>

#include <array>
#include <utility>

namespace holdfast::hal {
namespace {

constexpr SecretWording kSecret{"reading a secret", "the secret", Status::permission_denied, "say where it is"};

std::string answer(std::span<std::byte> room) {
  const auto size = ask_on_terminal("Secret", kSecret, room);
  if (!size) return std::string(status_name(size.status())) + " " + std::string(size.error().detail.view());
  return {reinterpret_cast<const char*>(room.data()), *size};
}

// {what was typed, what the caller is to get}
struct Line {
  const char* keys;
  const char* expected;
};

TEST(TerminalPrompt, TakesALineWithItsCorrections) {
  for (const Line line :
       {Line{"abc\n", "abc"}, Line{"abc\r", "abc"}, Line{"abc\x04", "abc"},
        Line{"abx\x7f"
             "c\n",
             "abc"},
        Line{"\x08"
             "abc\n",
             "abc"},
        Line{"xyz\x15"
             "abc\n",
             "abc"},
        Line{"12345678\n", "12345678"}, Line{"123456789\n", "file_invalid the secret typed is too long"},
        Line{"\n", "permission_denied nothing was typed"}, Line{"ab\x03", "permission_denied interrupted"}}) {
    const auto run = test::run_on_terminal({line.keys}, [&] {
      std::array<std::byte, 8> room{};
      return answer(room) == line.expected;
    });
    EXPECT_EQ(run.exit_code, 0) << line.expected;
    EXPECT_TRUE(run.is_echo_off_before);
    EXPECT_TRUE(run.is_echo_on_after) << line.expected;
    EXPECT_EQ(run.shown, "Secret: \r\n");
  }
}

TEST(TerminalPrompt, ASignalThatTheHostHandlesInterruptsTheQuestion) {
  const auto run = test::signal_on_terminal(SIGTERM, [] {
    signal(SIGTERM, [](int) {});
    std::array<std::byte, 8> room{};
    const auto size = ask_on_terminal("Secret", kSecret, room);
    return size.status() == Status::permission_denied && size.error().native == SIGTERM &&
           std::string_view(size.error().native_name) == "SIGTERM" && interrupting_signal(size.error()) == SIGTERM;
  });
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_TRUE(run.is_echo_on_after);
}

TEST(TerminalPrompt, TheKeysForSignalsInterruptTheQuestionWithoutRaisingOne) {
  for (const auto& [keys, signal] : {std::pair{"ab\x03", SIGINT}, std::pair{"ab\x1c", SIGQUIT}}) {
    const auto run = test::run_on_terminal({keys}, [signal = signal] {
      std::array<std::byte, 8> room{};
      const auto size = ask_on_terminal("Secret", kSecret, room);
      return size.status() == Status::permission_denied && interrupting_signal(size.error()) == signal;
    });
    EXPECT_EQ(run.exit_code, 0) << signal;
    EXPECT_TRUE(run.is_restored) << signal;
  }
}

// A session leader without a parent in its session cannot be stopped, so here the stop has no effect.
TEST(TerminalPrompt, AfterAStopTheQuestionIsAskedAgain) {
  const auto run = test::run_on_terminal({"ab\x1a", "cd\n"}, [] {
    std::array<std::byte, 8> room{};
    return answer(room) == "cd";
  });
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_TRUE(run.is_restored);
  EXPECT_EQ(run.shown, "Secret: \r\nSecret: \r\n");
}

TEST(TerminalPrompt, OtherErrorsAreOfNoSignal) {
  EXPECT_EQ(interrupting_signal(failure(Status::pin_required, Layer::system, "x")), 0);
  Error error = failure(Status::pin_required, Layer::system, "x");
  error.native = SIGINT;
  error.native_name = "EINTR";
  EXPECT_EQ(interrupting_signal(error), 0);
  error.native_name = "SIGINT";
  error.layer = Layer::pkcs11;
  EXPECT_EQ(interrupting_signal(error), 0);
}

}  // namespace
}  // namespace holdfast::hal
