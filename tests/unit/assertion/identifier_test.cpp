// SPDX-License-Identifier: Apache-2.0
#include "holdfast/assertion.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <type_traits>

namespace holdfast {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kUnreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

std::string reason(std::string_view text) {
  const auto id = RuntimeId::parse(text);
  if (id) return "accepted";
  EXPECT_EQ(id.status(), Status::invalid_identifier);
  return std::string(id.error().detail.view());
}

TEST(Identifier, TakesExactlyTheUnreservedCharactersAtEveryPosition) {
  for (int value = 0; value < 256; ++value) {
    const char character = static_cast<char>(value);
    const bool is_allowed = kUnreserved.find(character) != std::string_view::npos;
    for (const std::size_t position : {0U, 1U, 63U, 127U}) {
      std::string text(128, 'x');
      text[position] = character;
      EXPECT_EQ(RuntimeId::parse(text).has_value(), is_allowed) << value << " at " << position;
      EXPECT_EQ(TaskId::parse(text).has_value(), is_allowed) << value << " at " << position;
    }
    const bool is_dot = character == '.';
    EXPECT_EQ(TaskId::parse({&character, 1}).has_value(), is_allowed && !is_dot) << value;
  }
}

TEST(Identifier, HasOneTo128Characters) {
  EXPECT_EQ(reason(""), "it is empty");
  for (std::size_t size = 1; size <= 128; ++size) {
    const std::string text(size, '-');
    const auto id = TaskId::parse(text);
    ASSERT_TRUE(id) << size;
    EXPECT_EQ(id->view(), text);
  }
  EXPECT_THAT(reason(std::string(129, 'a')), HasSubstr("129 characters, more than 128"));
  EXPECT_THAT(reason(std::string(100000, 'a')), HasSubstr("100000 characters"));
}

TEST(Identifier, IsNoPathSegmentThatAUrlFolds) {
  EXPECT_THAT(reason("."), HasSubstr("'.' or '..'"));
  EXPECT_THAT(reason(".."), HasSubstr("'.' or '..'"));
  EXPECT_EQ(reason("..."), "accepted");
  EXPECT_EQ(reason(".a"), "accepted");
  EXPECT_EQ(reason("a."), "accepted");
  EXPECT_EQ(reason("..a"), "accepted");
}

TEST(Identifier, NamesTheCharacterInsteadOfShowingIt) {
  EXPECT_THAT(reason("agent:123"), HasSubstr("character 6 (0x3a)"));
  EXPECT_THAT(reason("a/b"), HasSubstr("character 2 (0x2f)"));
  EXPECT_THAT(reason("a b"), HasSubstr("character 2 (0x20)"));
  EXPECT_THAT(reason(std::string_view("a\0b", 3)), HasSubstr("character 2 (0x00)"));
  EXPECT_THAT(reason("\x1b[31m"), HasSubstr("character 1 (0x1b)"));
  EXPECT_THAT(reason("%2e"), HasSubstr("character 1 (0x25)"));
}

TEST(Identifier, KeepsRuntimeAndTaskApart) {
  EXPECT_STREQ(RuntimeId::parse("").error().doing, "reading a runtime id");
  EXPECT_STREQ(TaskId::parse("").error().doing, "reading a task id");
  static_assert(!std::is_convertible_v<RuntimeId, TaskId> && !std::is_default_constructible_v<TaskId>);
  EXPECT_EQ(*TaskId::parse("a"), *TaskId::parse("a"));
  EXPECT_FALSE(*TaskId::parse("a") == *TaskId::parse("A"));
}

}  // namespace
}  // namespace holdfast
