// SPDX-License-Identifier: Apache-2.0
#include "hal/pin_source.hpp"

#include "tests/support/temporary_folder.hpp"
#include "tests/support/terminal_run.hpp"

#include <gtest/gtest.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

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

TEST(PinSource, IsToldInWords) {
  const std::pair<const char*, const char*> kSources[] = {{"file:/etc/holdfast/pin", "/etc/holdfast/pin"},
                                                          {"fd:12", "descriptor 12"},
                                                          {"credential:pin", "the credential pin"},
                                                          {"env:PIN", "the environment variable PIN"},
                                                          {"prompt", "what was typed"}};
  for (const auto& [source, words] : kSources) EXPECT_EQ(PinSource::parse(source)->in_words().view(), words);
}

TEST(PinSource, WhatADescriptorHandsOnFromAPromptIsStillWhatWasTyped) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  ASSERT_EQ(write(ends[1], "1234", 4), 4);
  close(ends[1]);
  PinSource source = *PinSource::parse("prompt");
  source.origin = source.kind;
  source.kind = PinSource::Kind::descriptor;
  source.descriptor = ends[0];
  EXPECT_EQ(source.in_words().view(), "what was typed");
  SourceIdentity identity;
  EXPECT_EQ(text_of(*read_pin(source, "PIN", &identity)), "1234");
  EXPECT_EQ(identity.kind, SourceIdentity::Kind::asked);
  close(ends[0]);
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
  EXPECT_EQ(read_from("file:" + folder.write("pin", "")).status(), Status::pin_required);
  EXPECT_EQ(read_from("file:" + folder.write("pin", "\n")).status(), Status::pin_required);
  EXPECT_EQ(read_from("file:" + folder.write("pin", "\r\n")).status(), Status::pin_required);
  EXPECT_EQ(read_from("file:" + folder.write("pin", std::string("12\0"
                                                                "34",
                                                                5)))
                .status(),
            Status::file_invalid);
  EXPECT_TRUE(read_from("file:" + folder.write("pin", std::string(kMaxPinSize, 'x') + "\n")));
  EXPECT_EQ(read_from("file:" + folder.write("pin", std::string(kMaxPinSize + 1, 'x'))).status(),
            Status::file_invalid);
  EXPECT_EQ(read_from("file:" + folder.write("pin", std::string(5000, 'x'))).status(), Status::file_invalid);
}

TEST(PinSource, NamesTheSourceThatHoldsNoPin) {
  const TemporaryFolder folder;
  const auto detail_of = [](const std::string& source) {
    const auto pin = read_from(source);
    EXPECT_EQ(pin.status(), Status::pin_required) << source;
    return pin ? std::string() : std::string(pin.error().detail.view());
  };
  const std::string missing = folder.file("missing");
  EXPECT_EQ(detail_of("file:" + missing), missing + " does not exist");
  EXPECT_STREQ(read_from("file:" + missing).error().native_name, "ENOENT");
  EXPECT_EQ(detail_of("file:" + folder.path()), folder.path() + " is not a regular file");
  const std::string empty = folder.write("empty", "");
  EXPECT_EQ(detail_of("file:" + empty), empty + " is empty");
  EXPECT_EQ(detail_of("env:HOLDFAST_TEST_UNSET"), "the environment variable HOLDFAST_TEST_UNSET is not set");
  ASSERT_EQ(setenv("HOLDFAST_TEST_PIN", "", 1), 0);
  EXPECT_EQ(detail_of("env:HOLDFAST_TEST_PIN"), "the environment variable HOLDFAST_TEST_PIN is empty");
  const std::string too_long = folder.write("long", std::string(kMaxPinSize + 1, 'x'));
  EXPECT_EQ(read_from("file:" + too_long).error().detail.view(), too_long + " holds too long a PIN");
}

TEST(PinSource, NamesADescriptorThatIsNotOpen) {
  const auto pin = read_from("fd:77");
  ASSERT_EQ(pin.status(), Status::pin_required);
  EXPECT_EQ(pin.error().detail.view(), "descriptor 77 cannot be read");
  EXPECT_EQ(pin.error().native, std::uint64_t{EBADF});
  EXPECT_STREQ(pin.error().native_name, "EBADF");
}

TEST(PinSource, ReadsADescriptorOnce) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  ASSERT_EQ(write(ends[1], "1234\n", 5), 5);
  close(ends[1]);
  const std::string source = "fd:" + std::to_string(ends[0]);
  EXPECT_EQ(text_of(*read_from(source)), "1234");
  EXPECT_EQ(read_from(source).status(), Status::pin_required);
  close(ends[0]);
  EXPECT_EQ(read_from(source).status(), Status::pin_required);
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
  EXPECT_EQ(read_from("credential:other").status(), Status::pin_required);
  folder.write("of-root", "5678\n", 0440);
  EXPECT_EQ(read_from("file:" + folder.file("of-root")).status(), Status::file_untrusted);
  if (geteuid() == 0) {
    EXPECT_EQ(text_of(*read_from("credential:of-root")), "5678");
  }
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
    EXPECT_EQ(std::string_view(source.error().doing).find("PIN"), std::string_view::npos);  // may be a bearer's
  }
  EXPECT_EQ(PinSource::parse("file:/" + std::string(2000, 'x')).status(), Status::invalid_argument);
}

TEST(PinSource, WithoutASourceAPinIsRequired) { EXPECT_EQ(read_from("").status(), Status::pin_required); }

TEST(PinPrompt, ReadsFromTheTerminalWithoutEcho) {
  const auto run = test::run_on_terminal({"12x\x7f"
                                          "34\n"},
                                         [] {
                                           const auto pin = read_from("prompt");
                                           return pin && text_of(*pin) == "1234";
                                         });
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.shown.find("12"), std::string::npos) << run.shown;
  EXPECT_TRUE(run.is_echo_on_after);
}

TEST(PinPrompt, CtrlCGivesUpAndRestoresTheTerminal) {
  const auto run =
      test::run_on_terminal({"12\x03"}, [] { return read_from("prompt").status() == Status::pin_required; });
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_TRUE(run.is_echo_on_after);
}

TEST(PinPrompt, ANewPinIsTypedTwice) {
  const auto read_new = [] { return read_new_pin(*PinSource::parse("prompt"), "New PIN"); };
  const auto same = test::run_on_terminal({"1234\n", "1234\n"}, [&] {
    const auto pin = read_new();
    return pin && text_of(*pin) == "1234";
  });
  EXPECT_EQ(same.exit_code, 0);
  EXPECT_EQ(same.shown, "New PIN: \r\nNew PIN, once more: \r\n");
  for (const char* second : {"1235\n", "123\n", "12345\n"}) {
    const auto other =
        test::run_on_terminal({"1234\n", second}, [&] { return read_new().status() == Status::invalid_argument; });
    EXPECT_EQ(other.exit_code, 0) << second;
  }
}

TEST(PinPrompt, ASignalFindsTheTerminalRestored) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const auto run = test::signal_on_terminal(signal, [] { return read_from("prompt").has_value(); });
    EXPECT_TRUE(run.is_echo_off_before);
    EXPECT_EQ(run.ended_by, signal);
    EXPECT_TRUE(run.is_echo_on_after) << signal;
  }
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
