// SPDX-License-Identifier: Apache-2.0
#include "tools/command_line/command_line.hpp"

#include "tests/support/case_name.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <ostream>

namespace holdfast::command_line {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Program sample() {
  Program program;
  program.name = "anchor";
  program.version = "1.2.3";
  program.summary = "holds on";
  program.options = {{.name = "json", .value_name = "", .help = "print JSON", .kind = OptionKind::flag}};
  program.exit_codes = "  0  done";
  const auto run = [](const Arguments&) { return 7; };
  program.commands = {
      {.words = "key make",
       .summary = "makes a key",
       .description = "",
       .positionals = {{.name = "URI", .help = "which key"}},
       .options = {{.name = "label", .value_name = "NAME", .help = "its name", .is_required = true},
                   {.name = "pin-source", .value_name = "SOURCE", .help = "where the PIN comes from"},
                   {.name = "tag", .value_name = "TAG", .help = "a tag", .kind = OptionKind::repeated},
                   {.name = "force", .value_name = "", .help = "do it", .kind = OptionKind::flag}},
       .examples = {{.purpose = "Make one", .command_line = "anchor key make x: --label a"}},
       .run = run},
      {.words = "key list",
       .summary = "lists keys",
       .description = "",
       .positionals = {{.name = "URI", .help = "which", .is_required = false}},
       .options = {},
       .examples = {},
       .run = run},
      {.words = "cast",
       .summary = "casts",
       .description = "",
       .positionals = {},
       .options = {},
       .examples = {},
       .run = run},
  };
  return program;
}

Request read(const std::vector<std::string>& arguments) {
  static const Program program = sample();
  return parse(program, arguments);
}

TEST(CommandLine, BindsOptionsAndPositionalsInAnyOrder) {
  for (const std::vector<std::string>& line : std::vector<std::vector<std::string>>{
           {"key", "make", "pkcs11:a", "--label", "x", "--force", "--json"},
           {"--json", "key", "make", "--label=x", "--force", "pkcs11:a"},
           {"key", "--json", "make", "--force", "--label", "x", "--", "pkcs11:a"}}) {
    const Request request = read(line);
    ASSERT_EQ(request.kind, Request::Kind::run) << request.error;
    EXPECT_EQ(request.command->words, "key make");
    EXPECT_EQ(request.arguments.value("URI"), "pkcs11:a");
    EXPECT_EQ(request.arguments.value("label"), "x");
    EXPECT_TRUE(request.arguments.has("force"));
    EXPECT_TRUE(request.arguments.has("json"));
    EXPECT_FALSE(request.arguments.has("pin-source"));
  }
}

TEST(CommandLine, KeepsRepeatedValuesInOrder) {
  const Request request = read({"key", "make", "u", "--label", "x", "--tag", "one", "--tag=two"});
  ASSERT_EQ(request.kind, Request::Kind::run) << request.error;
  EXPECT_THAT(request.arguments.values("tag"), ElementsAre("one", "two"));
}

TEST(CommandLine, TellsAGivenOptionFromAnAbsentOne) {
  const Request request = read({"key", "make", "u", "--label", "x"});
  ASSERT_EQ(request.kind, Request::Kind::run) << request.error;
  EXPECT_EQ(request.arguments.given("label"), "x");
  EXPECT_EQ(request.arguments.given("pin-source"), std::nullopt);
}

TEST(CommandLine, TakesAnEmptyPositional) {
  const Request request = read({"key", "list", ""});
  ASSERT_EQ(request.kind, Request::Kind::run) << request.error;
  EXPECT_TRUE(request.arguments.has("URI"));
}

TEST(CommandLine, TakesAPositionalThatLooksLikeAnOptionAfterTwoDashes) {
  const Request request = read({"key", "make", "--label", "x", "--", "--label"});
  ASSERT_EQ(request.kind, Request::Kind::run) << request.error;
  EXPECT_EQ(request.arguments.value("URI"), "--label");
}

struct Mistake {
  std::vector<std::string> line;
  std::string error;
  std::string hint;
};

void PrintTo(const Mistake& mistake, std::ostream* out) { *out << ::testing::PrintToString(mistake.line); }

class CommandLineMistakes : public ::testing::TestWithParam<Mistake> {};

TEST_P(CommandLineMistakes, IsNamedWithAHint) {
  const Request request = read(GetParam().line);
  EXPECT_EQ(request.kind, Request::Kind::wrong_use);
  EXPECT_THAT(request.error, HasSubstr(GetParam().error));
  EXPECT_THAT(request.hint, HasSubstr(GetParam().hint));
  EXPECT_THAT(request.error + request.hint, Not(HasSubstr("1234")));
}

INSTANTIATE_TEST_SUITE_P(
    All, CommandLineMistakes,
    ::testing::Values(
        Mistake{{"kye", "make"}, "unknown command 'kye'", "did you mean: anchor key"},
        Mistake{{"key", "mkae"}, "unknown command 'mkae' after 'key'", "did you mean: anchor key make"},
        Mistake{{"zzzzzz"}, "unknown command 'zzzzzz'", "choose one of: key, cast"},
        Mistake{{"Zz-1"}, "unknown command", "choose one of: key, cast"},
        Mistake{{"key"}, "'key' is not a whole command", "choose one of: make, list"},
        Mistake{{"--json"}, "no command was given", "key, cast"},
        Mistake{{"--label", "1234", "key", "make"}, "unknown option before a command: --label", "anchor COMMAND"},
        Mistake{{"key", "make", "u", "--labl", "1234"},
                "unknown option of 'anchor key make': --labl",
                "did you mean: --label"},
        Mistake{{"key", "make", "u", "--label", "x", "--pin=1234"},
                "unknown option of 'anchor key make': --pin",
                "--pin-source"},
        Mistake{{"key", "make", "u", "-p1234"}, "unknown option of 'anchor key make': -p", "anchor key make --help"},
        Mistake{{"key", "make", "u", "--label"}, "--label needs a value: NAME", "--help"},
        Mistake{{"key", "make", "u", "--label="},
                "--label needs a value: NAME; it was given the empty text",
                "a variable"},
        Mistake{{"key", "make", "u", "--label", ""},
                "--label needs a value: NAME; it was given the empty text",
                "a variable"},
        Mistake{{"key", "make", "u", "--label", "x", "--tag", ""}, "--tag needs a value", "a variable"},
        Mistake{{"key", "make", "u", "--label", "--force"}, "--label needs a value", "--help"},
        Mistake{{"key", "make", "u", "--label=", "1234"}, "--label needs a value", "a variable"},
        Mistake{{"key", "make", "u", "--label", "x", "--label", "1234"}, "--label was given 2 times", "once"},
        Mistake{{"key", "make", "u", "--label", "x", "--force=1234"}, "--force takes no value", "--help"},
        Mistake{{"key", "make", "u", "--label", "x", "--json=1234"}, "--json takes no value", "--help"},
        Mistake{{"key", "make", "--label", "x"}, "'anchor key make' needs URI: which key", "--help"},
        Mistake{{"key", "make", "u"}, "'anchor key make' needs --label NAME", "--help"},
        Mistake{{"key", "make", "u", "--label", "x", "1234"}, "too many arguments", "quote"},
        Mistake{{"key", "list", "--", "u", "1234"}, "too many arguments", "quote"},
        Mistake{{"cast", "1234"}, "too many arguments for 'anchor cast'", "options only"}),
    [](const auto& mistake) { return test::case_name(mistake.index, mistake.param.error); });

TEST(CommandLine, HonoursJsonInAWrongLine) {
  EXPECT_TRUE(read({"nothing", "--json"}).arguments.has("json"));
  EXPECT_TRUE(read({"key", "make", "--wrong", "--json"}).arguments.has("json"));
}

TEST(CommandLine, HelpWinsOverMistakes) {
  for (const std::string help : {"--help", "-h"}) {
    const Request request = read({"key", "make", "--wrong", help});
    ASSERT_EQ(request.kind, Request::Kind::text);
    EXPECT_THAT(request.text, HasSubstr("Usage: anchor key make URI --label NAME [options]\n"));
    EXPECT_THAT(request.text, HasSubstr("anchor key make x: --label a"));
    EXPECT_THAT(request.text, HasSubstr("Exit codes:\n  0  done\n"));
  }
}

TEST(CommandLine, HelpOfANounListsItsVerbsOnly) {
  const Request request = read({"key", "--help"});
  ASSERT_EQ(request.kind, Request::Kind::text);
  EXPECT_THAT(request.text, HasSubstr("key list"));
  EXPECT_THAT(request.text, Not(HasSubstr("cast")));
}

TEST(CommandLine, HelpAfterTwoDashesOrAsAValueIsNoHelp) {
  EXPECT_EQ(read({"key", "make", "--label=--help", "u"}).kind, Request::Kind::run);
  EXPECT_EQ(read({"key", "make", "--label", "x", "--", "--help"}).kind, Request::Kind::run);
}

TEST(CommandLine, SaysItsVersion) {
  EXPECT_EQ(read({"--version"}).text, "anchor 1.2.3\n");
  EXPECT_EQ(read({"key", "make", "--version"}).text, "anchor 1.2.3\n");
}

TEST(CommandLine, AnEmptyLineGetsTheHelp) {
  const Request request = read({});
  EXPECT_EQ(request.kind, Request::Kind::no_command);
  EXPECT_THAT(request.text, HasSubstr("Usage: anchor COMMAND [options]"));
}

TEST(CommandLine, AProgramOfOneCommandNeedsNoWords) {
  Program program = sample();
  Command only = program.commands.front();
  only.words = "";
  program.commands = {only};
  const Request request = parse(program, {"u", "--label", "x"});
  ASSERT_EQ(request.kind, Request::Kind::run) << request.error;
  EXPECT_EQ(request.arguments.value("URI"), "u");
  EXPECT_EQ(parse(program, {}).kind, Request::Kind::wrong_use);
  EXPECT_THAT(parse(program, {"--help"}).text, HasSubstr("Usage: anchor URI --label NAME [options]\n"));
}

// A command that runs another program's command line.
Program wrapper() {
  Program program = sample();
  Command& cast = program.commands.back();
  cast.positionals = {{.name = "COMMAND", .help = "what to run", .takes_rest = true}};
  cast.options = {{.name = "force", .value_name = "", .help = "do it", .kind = OptionKind::flag}};
  return program;
}

TEST(CommandLine, WhatFollowsTwoDashesIsTakenWordForWord) {
  const Program program = wrapper();
  const std::vector<std::string> words{"sh", "-c", "[ -n a,b ]", "--json", "--help", "--", "", "{}"};
  std::vector<std::string> line{"cast", "--force", "--"};
  line.insert(line.end(), words.begin(), words.end());
  const Request request = parse(program, line);
  ASSERT_EQ(request.kind, Request::Kind::run) << request.error;
  EXPECT_TRUE(request.arguments.has("force"));
  EXPECT_FALSE(request.arguments.has("json"));
  EXPECT_EQ(request.arguments.values("COMMAND"), std::vector<std::string_view>(words.begin(), words.end()));
}

TEST(CommandLine, AForeignCommandLineBeginsAtTheFirstWordThatIsNoOption) {
  const Program program = wrapper();
  const Request request = parse(program, {"cast", "--json", "make", "-j2", "--force"});
  ASSERT_EQ(request.kind, Request::Kind::run) << request.error;
  EXPECT_TRUE(request.arguments.has("json"));
  EXPECT_FALSE(request.arguments.has("force"));
  EXPECT_THAT(request.arguments.values("COMMAND"), ElementsAre("make", "-j2", "--force"));
}

TEST(CommandLine, AForeignCommandLineIsNeeded) {
  const Program program = wrapper();
  for (const std::vector<std::string>& line :
       {std::vector<std::string>{"cast"}, {"cast", "--"}, {"cast", "--force", "--"}}) {
    const Request request = parse(program, line);
    EXPECT_EQ(request.kind, Request::Kind::wrong_use);
    EXPECT_THAT(request.error, HasSubstr("needs COMMAND"));
  }
  EXPECT_THAT(parse(program, {"cast", "--fore", "--", "make"}).hint, HasSubstr("--force"));
  EXPECT_THAT(parse(program, {"cast", "--help"}).text, HasSubstr("Usage: anchor cast [options] -- COMMAND...\n"));
}

TEST(CommandLine, RunReturnsTheCommandsExitCodeOrTwo) {
  const Program program = sample();
  const std::array good{"anchor", "cast"};
  const std::array bad{"anchor", "cats"};
  EXPECT_EQ(run(program, 2, good.data()), 7);
  EXPECT_EQ(run(program, 2, bad.data()), 2);
  EXPECT_EQ(run(program, 0, nullptr), 2);
}

TEST(NearestName, FindsSlipsAndPrefixesOnly) {
  const std::vector<std::string_view> names{"generate", "list", "pin-source"};
  EXPECT_EQ(nearest("genrate", names), "generate");
  EXPECT_EQ(nearest("lsit", names), "list");
  EXPECT_EQ(nearest("pin", names), "pin-source");
  EXPECT_EQ(nearest("delete", names), "");
  EXPECT_EQ(nearest("", names), "");
}

}  // namespace
}  // namespace holdfast::command_line
