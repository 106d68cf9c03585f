// SPDX-License-Identifier: Apache-2.0
#include "hal/terminal_prompt.hpp"

#include "tests/support/terminal_run.hpp"

#include <gtest/gtest.h>

#include <errno.h>
#include <signal.h>

#include <array>

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
    return size.status() == Status::permission_denied && size.error().native == EINTR &&
           std::string_view(size.error().native_name) == "EINTR";
  });
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_TRUE(run.is_echo_on_after);
}

}  // namespace
}  // namespace holdfast::hal
