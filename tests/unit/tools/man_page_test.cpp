// SPDX-License-Identifier: Apache-2.0
#include "tools/command_line/man_page.hpp"

#include <gtest/gtest.h>

namespace holdfast::command_line {
namespace {

Program sample() {
  Program program;
  program.name = "tool";
  program.version = "1.2";
  program.summary = "does things";
  program.options = {{.name = "json", .value_name = "", .help = "as JSON", .kind = OptionKind::flag}};
  program.exit_codes = "  0  done\n  1  failed";
  Command make;
  make.words = "thing make";
  make.summary = "makes a thing";
  make.description = ".hidden is no request\n\na second paragraph";
  make.positionals = {{.name = "URI", .help = "which"}, {.name = "MORE", .help = "what else", .is_required = false}};
  make.options = {{.name = "size", .value_name = "N", .help = "how big", .is_required = true},
                  {.name = "tag", .value_name = "NAME", .help = "a name", .kind = OptionKind::repeated}};
  make.examples = {{.purpose = "Make one", .command_line = "tool thing make 'a:b' --size ~1 \\"}};
  program.commands = {make};
  return program;
}

const ManPage& page(const std::vector<ManPage>& pages, std::string_view name) {
  for (const ManPage& one : pages) {
    if (one.name == name) return one;
  }
  throw std::out_of_range("no such page");
}

TEST(ManPage, OneForTheProgramAndOneForEachCommand) {
  const auto pages = man_pages(sample());
  ASSERT_EQ(pages.size(), 2U);
  EXPECT_NE(page(pages, "tool").text.find("tool\\-thing\\-make (1)"), std::string::npos);
  EXPECT_NE(page(pages, "tool-thing-make").text.find(".BR tool (1)"), std::string::npos);
}

TEST(ManPage, OfAProgramWithoutNounsIsOne) {
  Program program = sample();
  program.commands.front().words = "";
  const auto pages = man_pages(program);
  ASSERT_EQ(pages.size(), 1U);
  EXPECT_EQ(pages.front().name, "tool");
  EXPECT_NE(pages.front().text.find("\\-\\-size"), std::string::npos);
}

TEST(ManPage, AForeignCommandLineStandsLast) {
  Program program = sample();
  Command& command = program.commands.front();
  command.positionals = {{.name = "COMMAND", .help = "what to run", .takes_rest = true}};
  const auto pages = man_pages(program);
  const std::string& text = page(pages, "tool-thing-make").text;
  EXPECT_NE(text.find("]... \\fB\\-\\-\\fR \\fICOMMAND\\fR...\n"), std::string::npos) << text;
}

TEST(ManPage, WhatIsTypedKeepsItsCharacters) {
  const auto pages = man_pages(sample());
  const std::string& text = page(pages, "tool-thing-make").text;
  EXPECT_NE(text.find("tool thing make \\(aqa:b\\(aq \\-\\-size \\(ti1 \\e\n"), std::string::npos) << text;
}

TEST(ManPage, NoLineOfProseIsTakenForARequest) {
  const auto pages = man_pages(sample());
  const std::string& text = page(pages, "tool-thing-make").text;
  EXPECT_NE(text.find("\n\\&.hidden is no request\n.PP\na second paragraph\n"), std::string::npos) << text;
}

TEST(ManPage, SaysWhatIsRequiredOptionalAndRepeated) {
  const auto pages = man_pages(sample());
  const std::string& text = page(pages, "tool-thing-make").text;
  EXPECT_NE(text.find("\\fIURI\\fR [\\fIMORE\\fR] \\fB\\-\\-size\\fR \\fIN\\fR [\\fB\\-\\-tag\\fR \\fINAME\\fR]..."),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("how big (required)"), std::string::npos);
  EXPECT_NE(text.find(".B 1\nfailed\n"), std::string::npos);
}

TEST(ManPage, NamesWhatTheCommandLooksAtUnasked) {
  Program program = sample();
  program.environment = {{.name = "TOOL_COLOUR", .help = "which colour"},
                         {.name = "TOOL_SIZE", .help = "how big", .with_option = "size"},
                         {.name = "TOOL_SHAPE", .help = "which shape", .with_option = "shape"}};
  program.files = {{.name = "/etc/tool", .help = "what it does"}};
  const auto pages = man_pages(program);
  const std::string& whole = page(pages, "tool").text;
  EXPECT_NE(whole.find(".SH ENVIRONMENT\n.TP\n\\fBTOOL_COLOUR\\fR\nwhich colour\n"), std::string::npos) << whole;
  EXPECT_NE(whole.find("TOOL_SHAPE"), std::string::npos) << whole;
  EXPECT_NE(whole.find(".SH FILES\n.TP\n\\fB/etc/tool\\fR\nwhat it does\n"), std::string::npos) << whole;
  const std::string& text = page(pages, "tool-thing-make").text;
  EXPECT_NE(text.find("TOOL_COLOUR"), std::string::npos) << text;
  EXPECT_NE(text.find("TOOL_SIZE"), std::string::npos) << text;
  EXPECT_EQ(text.find("TOOL_SHAPE"), std::string::npos) << "no command has that option";
}

TEST(ManPage, HasNoSectionWithNothingInIt) {
  const auto pages = man_pages(sample());
  const std::string& text = page(pages, "tool").text;
  EXPECT_EQ(text.find("ENVIRONMENT"), std::string::npos);
  EXPECT_EQ(text.find(".SH FILES"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::command_line
