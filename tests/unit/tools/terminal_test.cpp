// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/terminal.hpp"

#include "tests/support/child_process.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

namespace holdfast::tool {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::internal::CaptureStderr;
using ::testing::internal::CaptureStdout;
using ::testing::internal::GetCapturedStderr;
using ::testing::internal::GetCapturedStdout;

Error wrong_pin() {
  Error error = failure(Status::pin_incorrect, Layer::pkcs11, "logging in").about("token 'a'");
  error.native = 0xA0;
  error.native_name = "CKR_PIN_INCORRECT";
  return error;
}

TEST(Terminal, SaysWhatFailedAndWhatToDo) {
  Terminal terminal;
  terminal.configure(false, false);
  CaptureStderr();
  const int code = terminal.fail(wrong_pin());
  const std::string said = GetCapturedStderr();
  EXPECT_EQ(code, 3);
  EXPECT_THAT(said,
              HasSubstr("holdfast: error: the token refused the PIN: token 'a' (pkcs11: CKR_PIN_INCORRECT while "
                        "logging in)\nholdfast: hint: "));
  EXPECT_THAT(said, Not(HasSubstr("\x1b")));
}

TEST(Terminal, SaysErrorsToProgramsAsOneObject) {
  Terminal terminal;
  terminal.configure(true, false);
  terminal.remember_answer("no \"such\" agent");
  CaptureStderr();
  const int code = terminal.fail(wrong_pin());
  const auto said = Json::parse(GetCapturedStderr());
  EXPECT_EQ(code, 3);
  ASSERT_TRUE(said);
  const auto error = said->member("error");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->string_member("status"), "pin_incorrect");
  EXPECT_EQ(error->string_member("layer"), "pkcs11");
  EXPECT_EQ(error->integer_member("native"), 0xA0);
  EXPECT_EQ(error->string_member("native_name"), "CKR_PIN_INCORRECT");
  EXPECT_EQ(error->string_member("doing"), "logging in");
  EXPECT_EQ(error->string_member("answer"), "no \"such\" agent");
  EXPECT_FALSE(error->string_member("hint").value_or("").empty());
}

TEST(Terminal, ShowsAReportInColumnsOrAsAnObject) {
  Report report;
  report.text("label", "token", "agents").row("count", "keys held", "two", Json::integer(2));
  report.for_programs("extra", Json::boolean(true));
  // One process shows one result: standard output is closed at the end.
  for (const bool is_json : {false, true}) {
    const int saved = dup(STDOUT_FILENO);
    CaptureStdout();
    Terminal terminal;
    terminal.configure(is_json, false);
    terminal.show(report);
    EXPECT_EQ(terminal.finish(0), 0);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    EXPECT_EQ(GetCapturedStdout(), is_json ? "{\"label\":\"agents\",\"count\":2,\"extra\":true}\n"
                                           : "token      agents\nkeys held  two\n");
  }
}

TEST(Terminal, QuietDropsNotesAndNextSteps) {
  Terminal terminal;
  terminal.configure(false, true);
  CaptureStderr();
  terminal.note("for CI only");
  terminal.next_step("Next", "holdfast");
  EXPECT_EQ(GetCapturedStderr(), "");
}

TEST(Terminal, AFullDiskIsAnError) {
  EXPECT_EQ(test::run_in_child([] {
              const int full = open("/dev/full", O_WRONLY);
              const int nowhere = open("/dev/null", O_WRONLY);
              dup2(full, STDOUT_FILENO);
              dup2(nowhere, STDERR_FILENO);
              Terminal terminal;
              terminal.configure(false, false);
              terminal.show_line("task_id", "task-1");
              return terminal.finish(0) == 1;
            }),
            0);
}

TEST(WithoutControls, LeavesNothingThatDrivesATerminal) {
  EXPECT_EQ(without_controls("plain text"), "plain text");
  EXPECT_EQ(without_controls("gr\u00fc\u00df \u20ac \U0001F511"), "gr\u00fc\u00df \u20ac \U0001F511");
  EXPECT_EQ(without_controls("\x1b[2J\r\n\t\x7f"), "?[2J????");
  EXPECT_EQ(without_controls("\xc2\x9b"
                             "2J"),
            "?2J");                                                   // CSI as a C1 control
  EXPECT_EQ(without_controls("\xff\xc0\xaf\xed\xa0\x80"), "??????");  // no UTF-8, overlong, surrogate
  EXPECT_EQ(without_controls("\xe2\x82"), "??");
}

TEST(ShellQuoted, QuotesWhatAShellWouldRead) {
  EXPECT_EQ(shell_quoted("file:/run/pin"), "file:/run/pin");
  EXPECT_EQ(shell_quoted("pkcs11:token=a;object=b"), "'pkcs11:token=a;object=b'");
  EXPECT_EQ(shell_quoted("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_quoted(""), "''");
}

}  // namespace
}  // namespace holdfast::tool
