// SPDX-License-Identifier: Apache-2.0
#include "hal/pin_source.hpp"

#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <functional>

namespace holdfast::hal {
namespace {

using test::TemporaryFolder;

std::string text_of(const SecretBytes& pin) {
  const auto bytes = pin.reveal({});
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<SecretBytes> read_from(std::string_view source) {
  const auto parsed = PinSource::parse(source);
  if (!parsed) return parsed.error();
  return read_pin(*parsed, "PIN");
}

TEST(PinSource, ReadsAFile) {
  const TemporaryFolder folder;
  const auto pin = read_from("file:" + folder.write("pin", "1234"));
  ASSERT_TRUE(pin) << pin.error().detail.view();
  EXPECT_EQ(text_of(*pin), "1234");
}

TEST(PinSource, RemovesOneTrailingLineEnd) {
  const TemporaryFolder folder;
  EXPECT_EQ(text_of(*read_from("file:" + folder.write("pin", "1234\n"))), "1234");
  EXPECT_EQ(text_of(*read_from("file:" + folder.write("pin", "1234\r\n"))), "1234");
  EXPECT_EQ(text_of(*read_from("file:" + folder.write("pin", "1234\n\n"))), "1234\n");
  EXPECT_EQ(text_of(*read_from("file:" + folder.write("pin", "1234 "))), "1234 ");
  EXPECT_EQ(text_of(*read_from("file:" + folder.write("pin", "1234\r"))), "1234\r");
}

TEST(PinSource, RefusesAFileOthersMayRead) {
  const TemporaryFolder folder;
  EXPECT_EQ(read_from("file:" + folder.write("pin", "1234", 0644)).status(), Status::file_untrusted);
}

TEST(PinSource, RefusesAnEmptyLongOrBinaryPin) {
  const TemporaryFolder folder;
  EXPECT_EQ(read_from("file:" + folder.write("pin", "")).status(), Status::file_invalid);
  EXPECT_EQ(read_from("file:" + folder.write("pin", "\n")).status(), Status::file_invalid);
  EXPECT_EQ(read_from("file:" + folder.write("pin", std::string("12\0"
                                                                "34",
                                                                5)))
                .status(),
            Status::file_invalid);
  EXPECT_TRUE(read_from("file:" + folder.write("pin", std::string(kMaxPinSize, 'x') + "\n")));
  EXPECT_EQ(read_from("file:" + folder.write("pin", std::string(kMaxPinSize + 1, 'x'))).status(),
            Status::file_invalid);
  EXPECT_EQ(read_from("file:" + folder.write("pin", std::string(5000, 'x'))).status(), Status::file_invalid);
  EXPECT_EQ(read_from("file:" + folder.file("missing")).status(), Status::file_invalid);
}

TEST(PinSource, ReadsADescriptorOnce) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  ASSERT_EQ(write(ends[1], "1234\n", 5), 5);
  close(ends[1]);
  const std::string source = "fd:" + std::to_string(ends[0]);
  EXPECT_EQ(text_of(*read_from(source)), "1234");
  EXPECT_EQ(read_from(source).status(), Status::file_invalid);
  close(ends[0]);
  EXPECT_EQ(read_from(source).status(), Status::file_invalid);
}

TEST(PinSource, ReadsTheEnvironmentOnlyByName) {
  ASSERT_EQ(setenv("HOLDFAST_TEST_PIN", "1234", 1), 0);
  EXPECT_EQ(text_of(*read_from("env:HOLDFAST_TEST_PIN")), "1234");
  ASSERT_EQ(unsetenv("HOLDFAST_TEST_PIN"), 0);
  EXPECT_EQ(read_from("env:HOLDFAST_TEST_PIN").status(), Status::pin_required);
}

TEST(PinSource, ReadsASystemdCredential) {
  const TemporaryFolder folder;
  folder.write("pin", "1234\n");
  ASSERT_EQ(setenv("CREDENTIALS_DIRECTORY", folder.path().c_str(), 1), 0);
  EXPECT_EQ(text_of(*read_from("credential:pin")), "1234");
  EXPECT_EQ(read_from("credential:other").status(), Status::file_invalid);
  EXPECT_EQ(read_from("credential:../pin").status(), Status::invalid_argument);
  ASSERT_EQ(unsetenv("CREDENTIALS_DIRECTORY"), 0);
  EXPECT_EQ(read_from("credential:pin").status(), Status::pin_required);
}

TEST(PinSource, RefusesEverythingElseAndNeverEchoesIt) {
  for (const std::string_view text :
       {"1234", "|cat /etc/passwd", "file:relative", "file:", "fd:", "fd:x", "fd:-1", "fd:1", "fd:2", "fd:3x",
        "env:", "env:A=B", "credential:.", "credential:..", "prompt:", "PROMPT", "pin:1234", "file"}) {
    const auto source = PinSource::parse(text);
    EXPECT_EQ(source.status(), Status::invalid_argument) << text;
    ASSERT_FALSE(source);
    EXPECT_EQ(source.error().detail.view().find("1234"), std::string_view::npos);
    EXPECT_NE(source.error().hint, nullptr);
  }
  EXPECT_EQ(PinSource::parse("file:/" + std::string(2000, 'x')).status(), Status::invalid_argument);
}

TEST(PinSource, WithoutASourceAPinIsRequired) { EXPECT_EQ(read_from("").status(), Status::pin_required); }

// Runs `body` in a child whose controlling terminal is a new pseudo terminal, types `keys` once it prompts, and
// returns {exit code, all the child wrote to the terminal, whether echo is on afterwards}.
struct TerminalRun {
  int exit_code;
  std::string shown;
  bool echo_after;
};

TerminalRun run_on_terminal(const std::string& keys, const std::function<bool()>& body) {
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, nullptr);
  if (child == 0) _exit(body() ? 0 : 1);
  std::string shown;
  std::array<char, 256> chunk{};
  while (shown.find(": ") == std::string::npos) {
    const ssize_t got = read(terminal, chunk.data(), chunk.size());
    if (got <= 0) break;
    shown.append(chunk.data(), static_cast<std::size_t>(got));
  }
  EXPECT_EQ(write(terminal, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  termios settings{};
  int status = 0;
  // The slave's settings live on while the master is open.
  while (waitpid(child, &status, WNOHANG) == 0) {
    pollfd ready{.fd = terminal, .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, 10) > 0) {
      const ssize_t got = read(terminal, chunk.data(), chunk.size());
      if (got > 0) shown.append(chunk.data(), static_cast<std::size_t>(got));
    }
  }
  const bool echo_after = tcgetattr(terminal, &settings) == 0 && (settings.c_lflag & ECHO) != 0;
  close(terminal);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), shown, echo_after};
}

TEST(PinPrompt, ReadsFromTheTerminalWithoutEcho) {
  const auto run = run_on_terminal(
      "12x\x7f"
      "34\n",
      [] {
        const auto pin = read_from("prompt");
        return pin && text_of(*pin) == "1234";
      });
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.shown.find("12"), std::string::npos) << run.shown;
  EXPECT_TRUE(run.echo_after);
}

TEST(PinPrompt, CtrlCGivesUpAndRestoresTheTerminal) {
  const auto run = run_on_terminal("12\x03", [] { return read_from("prompt").status() == Status::pin_required; });
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_TRUE(run.echo_after);
}

TEST(PinPrompt, WithoutATerminalItSaysSo) {
  const pid_t child = fork();
  if (child == 0) {
    setsid();  // leaves the controlling terminal
    _exit(read_from("prompt").status() == Status::pin_required ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace holdfast::hal
