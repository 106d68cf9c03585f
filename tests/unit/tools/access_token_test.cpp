// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/access_token.hpp"

#include "hal/terminal_prompt.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/terminal_run.hpp"

#include <gtest/gtest.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>

namespace holdfast::tool {
namespace {

std::string text_of(const Result<hal::SecretBytes>& token) {
  if (!token) return "(" + std::string(status_name(token.status())) + ")";
  const auto bytes = token->reveal({});
  std::string text;
  for (const std::byte byte : bytes) text += static_cast<char>(byte);
  return text;
}

Result<hal::SecretBytes> read_from(const std::string& source) {
  const Result<hal::PinSource> parsed = hal::PinSource::parse(source);
  if (!parsed) return parsed.error();
  return read_access_token(*parsed);
}

TEST(AccessToken, ComesFromAFileWithOrWithoutALineEnd) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(text_of(read_from("file:" + folder.write("a", "at-1.2_3~/+=="))), "at-1.2_3~/+==");
  EXPECT_EQ(text_of(read_from("file:" + folder.write("b", "abc\n"))), "abc");
  EXPECT_EQ(text_of(read_from("file:" + folder.write("c", "abc\r\n"))), "abc");
}

TEST(AccessToken, MayBeAsLongAsAJsonWebToken) {
  const test::TemporaryFolder folder;
  const std::string longest(kMaxAccessTokenSize, 'x');
  EXPECT_EQ(text_of(read_from("file:" + folder.write("a", longest + "\r\n"))), longest);
  EXPECT_EQ(text_of(read_from("file:" + folder.write("b", longest + "x"))), "(file_invalid)");
  EXPECT_EQ(text_of(read_from("file:" + folder.write("c", longest + longest))), "(file_invalid)");
}

TEST(AccessToken, CannotEndTheHeaderItIsSentIn) {
  const test::TemporaryFolder folder;
  for (const std::string text : {"a b", "a\nX-Other: b", "a\r\nb", "\"a\"", "a\n\n", "gr\u00fc\u00df"}) {
    EXPECT_EQ(text_of(read_from("file:" + folder.write("t", text))), "(file_invalid)") << text;
  }
  EXPECT_EQ(text_of(read_from("file:" + folder.write("n", std::string("a\0b", 3)))), "(file_invalid)");
  EXPECT_EQ(text_of(read_from("file:" + folder.write("e", "\n"))), "(permission_denied)");
  EXPECT_EQ(text_of(read_from("file:" + folder.write("f", ""))), "(permission_denied)");
  EXPECT_EQ(text_of(read_from("file:" + folder.file("missing"))), "(permission_denied)");
}

TEST(AccessToken, IsRefusedFromAFileThatOthersMayRead) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(text_of(read_from("file:" + folder.write("a", "abc", 0644))), "(file_untrusted)");
}

TEST(AccessToken, ComesFromADescriptorOrTheEnvironment) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], "abc\n", 4), 4);
  close(ends[1]);
  EXPECT_EQ(text_of(read_from("fd:" + std::to_string(ends[0]))), "abc");
  close(ends[0]);
  setenv("HOLDFAST_TEST_BEARER", "def", 1);
  EXPECT_EQ(text_of(read_from("env:HOLDFAST_TEST_BEARER")), "def");
  EXPECT_EQ(text_of(read_from("env:HOLDFAST_TEST_UNSET")), "(permission_denied)");
}

TEST(AccessToken, ComesFromACredential) {
  const test::TemporaryFolder folder;
  folder.write("bearer", "abc");
  unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_EQ(text_of(read_from("credential:bearer")), "(permission_denied)");
  setenv("CREDENTIALS_DIRECTORY", folder.path().c_str(), 1);
  EXPECT_EQ(text_of(read_from("credential:bearer")), "abc");
}

TEST(AccessTokenPrompt, ReadsALongTokenWithoutEcho) {
  const std::string token(5000, 'x');  // more than one line of a terminal in line mode (termios(3))
  const auto run = test::run_on_terminal({token + "\n"}, [&] { return text_of(read_from("prompt")) == token; });
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.shown.find('x'), std::string::npos) << run.shown;
  EXPECT_TRUE(run.is_echo_on_after);
}

TEST(AccessTokenPrompt, CtrlCIsNotAboutPins) {
  const auto run = test::run_on_terminal({"abc\x03"}, [] {
    const auto token = read_from("prompt");
    return token.status() == Status::permission_denied && hal::interrupting_signal(token.error()) == SIGINT &&
           std::string_view(token.error().hint).find("PIN") == std::string_view::npos;
  });
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_TRUE(run.is_echo_on_after);
}

TEST(AccessTokenPrompt, ASignalFindsTheTerminalRestored) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const auto run = test::signal_on_terminal(signal, [] { return read_from("prompt").has_value(); });
    EXPECT_TRUE(run.is_echo_off_before);
    EXPECT_EQ(run.ended_by, signal);
    EXPECT_TRUE(run.is_echo_on_after) << signal;
  }
}

TEST(AccessToken, NeedsASource) { EXPECT_EQ(text_of(read_from("")), "(permission_denied)"); }

}  // namespace
}  // namespace holdfast::tool
