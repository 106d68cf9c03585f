// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/option_values.hpp"

#include "tools/holdfast/commands.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace holdfast::tool {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class OptionValues : public testing::Test {
 protected:
  // What is said of `value` given to `option` of a command that has it; empty if nothing is.
  static std::string said(std::string_view option, std::string_view value,
                          command_line::OptionKind kind = command_line::OptionKind::value) {
    Command command;
    command.options = {{.name = option, .value_name = "VALUE", .help = "", .kind = kind}};
    Arguments arguments;
    arguments.add(option, value);
    const Result<void> verdict = check_option_values(command, arguments);
    return verdict ? "" : std::string(verdict.error().detail.view());
  }
};

TEST_F(OptionValues, ARefusalBeginsWithItsOption) {
  EXPECT_THAT(said("pin-source", "123456"), StartsWith("--pin-source: "));
  EXPECT_THAT(said("so-pin-source", "|cat"), StartsWith("--so-pin-source: "));
  EXPECT_THAT(said("access-token-source", "file:relative"), StartsWith("--access-token-source: "));
  EXPECT_THAT(said("scheme", "rsa"), StartsWith("--scheme: "));
  EXPECT_THAT(said("profile", "strictest"), StartsWith("--profile: "));
  EXPECT_THAT(said("task", "a:b"), StartsWith("--task: "));
  EXPECT_THAT(said("runtime-id", ""), StartsWith("--runtime-id: "));
  EXPECT_THAT(said("authority", "authority.example"), StartsWith("--authority: "));
  EXPECT_THAT(said("jwks-url", "ftp://authority.example"), StartsWith("--jwks-url: "));
  EXPECT_THAT(said("key", "pkcs11:objct=a"), StartsWith("--key: "));
}

TEST_F(OptionValues, WhatIsReadIsNotSaidAnythingOf) {
  for (const auto& [option, value] :
       {std::pair{"pin-source", "prompt"}, std::pair{"pin-source", ""}, std::pair{"access-token-source", "fd:3"},
        std::pair{"scheme", "es256"}, std::pair{"profile", "imported"}, std::pair{"task", "task-1"},
        std::pair{"authority", "https://authority.example/api"}, std::pair{"twin", "pkcs11:token=a;object=b"},
        std::pair{"label", "a|b"}}) {
    EXPECT_EQ(said(option, value), "") << option;
  }
}

TEST_F(OptionValues, AValueThatMayBeASecretIsNotRepeated) {
  for (const char* secret : {"hunter2", "file:hunter2", "fd:hunter2", "env:hunter2=", "hunter2:x"}) {
    EXPECT_THAT(said("pin-source", secret), Not(HasSubstr("hunter2"))) << secret;
  }
}

TEST_F(OptionValues, AFlagOfTheSameNameHasNoValue) { EXPECT_EQ(said("profile", "", OptionKind::flag), ""); }

// One that is spelt like an option that is read here, and read otherwise by its command, would be refused in vain.
TEST_F(OptionValues, EveryOptionThatIsReadHereTakesSuchAValueInEveryCommand) {
  const std::map<std::string_view, std::string_view> read_here{
      {"authority", "URL"}, {"jwks-url", "URL"},  {"key", "URI"},       {"twin", "URI"},
      {"task", "ID"},       {"runtime-id", "ID"}, {"scheme", "SCHEME"}, {"profile", "PROFILE"}};
  Terminal terminal;
  std::size_t count = 0;
  for (const Command& command : program(terminal).commands) {
    for (const Option& option : command.options) {
      const auto known = read_here.find(option.name);
      const bool is_source = option.name.ends_with("-source");
      if (known == read_here.end() && !is_source) continue;
      EXPECT_EQ(option.value_name, is_source ? "SOURCE" : known->second) << command.words << " --" << option.name;
      ++count;
    }
  }
  EXPECT_GT(count, 20U) << "the table of commands is read";
}

}  // namespace
}  // namespace holdfast::tool
