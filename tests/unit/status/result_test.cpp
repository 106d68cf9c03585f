// SPDX-License-Identifier: Apache-2.0
#include "holdfast/result.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace holdfast {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return failure(Status::invalid_argument, Layer::core, "halving");
  return value / 2;
}

Result<int> quarter(int value) {
  const int once = HOLDFAST_TRY(half(value));
  return half(once);
}

Result<void> check(int value) {
  (void)HOLDFAST_TRY(half(value));
  return {};
}

TEST(Result, CarriesAValueOrAnError) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).status(), Status::invalid_argument);
  EXPECT_TRUE(check(2));
  EXPECT_STREQ(check(3).error().doing, "halving");
}

TEST(Result, MovesWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  Result<std::unique_ptr<int>> moved = std::move(result);
  EXPECT_EQ(**moved, 7);
  moved = Result<std::unique_ptr<int>>(failure(Status::forked, Layer::core, ""));
  EXPECT_EQ(moved.status(), Status::forked);
  moved = Result<std::unique_ptr<int>>(std::make_unique<int>(8));
  EXPECT_EQ(**moved, 8);
}

TEST(FixedText, CutsOnACharacterBoundary) {
  FixedText<4> text;
  text.append("abc");
  text.append("\xc3\xa9");  // é: two bytes, one fits
  EXPECT_EQ(text.view(), "abc");
  text.append("d");
  EXPECT_EQ(text.view(), "abcd");
  text.append("e");
  EXPECT_EQ(text.view(), "abcd");
  FixedText<3> three("\xe2\x82\xac\xe2\x82\xac");  // €€
  EXPECT_EQ(three.view(), "\xe2\x82\xac");
}

TEST(FixedText, TakesSingleCharactersWhileTheyFit) {
  FixedText<2> text;
  for (const char character : {'a', 'b', 'c'}) text.append(character);
  EXPECT_EQ(text.view(), "ab");
}

}  // namespace
}  // namespace holdfast
