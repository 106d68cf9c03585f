// SPDX-License-Identifier: Apache-2.0
#include "src/identity/secret_json.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace holdfast {
namespace {

using Kind = SecretJsonValue::Kind;

struct Read {
  Status status = Status::ok;
  std::string detail;
  SecretJsonValue value;
};
Read read_one(std::string& text, std::string_view name) {
  std::array wanted{WantedMember{name}};
  const auto result = read_json_members(text, wanted);
  return {result.status(), result ? "" : std::string(result.error().detail.view()), wanted[0].value};
}

TEST(SecretJson, MembersOfEveryKindAreFound) {
  std::string text = R"( {"s":"x","n":-1.5e+3,"t":true,"z":null,"a":[1,{"s":2},[]],"o":{"s":"inner"},"":0} )";
  std::array wanted{WantedMember{"s"}, WantedMember{"n"}, WantedMember{"t"},      WantedMember{"z"},
                    WantedMember{"a"}, WantedMember{"o"}, WantedMember{"missing"}};
  ASSERT_TRUE(read_json_members(text, wanted));
  EXPECT_EQ(wanted[0].value.view(), "x");
  EXPECT_EQ(wanted[1].value.view(), "-1.5e+3");
  EXPECT_EQ(wanted[2].value.kind, Kind::boolean);
  EXPECT_FALSE(wanted[3].value.is_there());
  EXPECT_EQ(wanted[4].value.view(), R"([1,{"s":2},[]])");
  EXPECT_EQ(wanted[6].value.kind, Kind::absent);
  std::array inner{WantedMember{"s"}};
  ASSERT_TRUE(read_json_members(wanted[5].value.text, inner));
  EXPECT_EQ(inner[0].value.view(), "inner");
}

TEST(SecretJson, EscapesAreResolvedWhereTheyStand) {
  std::string text = R"({"\u006bey":"a\/b\"\\\n\u00e4\u20ac\ud83d\ude00","next":"n"})";
  const char* const begin = text.data();
  std::array wanted{WantedMember{"key"}, WantedMember{"next"}};
  ASSERT_TRUE(read_json_members(text, wanted));
  EXPECT_EQ(wanted[0].value.view(), "a/b\"\\\n\u00e4\u20ac\U0001F600");
  EXPECT_EQ(wanted[1].value.view(), "n");
  EXPECT_GE(wanted[0].value.text.data(), begin);
  EXPECT_LT(wanted[0].value.text.data(), begin + text.size());
}

TEST(SecretJson, HexadecimalIsReadInBothCasesAndUtf8OfEveryLength) {
  std::string text =
      "{\"k\":\"\\u00E4\\u00e4\\uABCD \xc3\xa4 \xe2\x82\xac \xed\x9f\xbf \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf\"}";
  EXPECT_EQ(read_one(text, "k").value.view(),
            "\u00e4\u00e4\uabcd \xc3\xa4 \xe2\x82\xac \xed\x9f\xbf \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf");
}

TEST(SecretJson, WhatIsNoJsonIsRefused) {
  const std::string deep = "{\"k\":" + std::string(40, '[') + std::string(40, ']') + "}";
  for (const std::string& bad : {std::string(),
                                 std::string("[]"),
                                 std::string("{"),
                                 std::string("{\"k\"}"),
                                 std::string("{\"k\":}"),
                                 std::string("{\"k\":1,}"),
                                 std::string("{\"k\":01}"),
                                 std::string("{\"k\":1.}"),
                                 std::string("{\"k\":tru}"),
                                 std::string("{\"k\":-}"),
                                 std::string("{\"k\":1e}"),
                                 std::string("{\"k\":1e+}"),
                                 std::string("{\"k\":\"\\ud83dx\"}"),
                                 std::string("{\"k\":\"\\ud83d\\n\"}"),
                                 std::string("{\"k\":\"\\ud83d\\u0041\"}"),
                                 std::string("{\"k\":\"\\ud83d\\ue000\"}"),
                                 std::string("{\"k\":\"\\u00g0\"}"),
                                 std::string("{\"k\":\"\xe0\x80\x80\"}"),
                                 std::string("{\"k\":\"\xc3\"}"),
                                 std::string("{\"k\":\"\xe2\x82\"}"),
                                 std::string("{\"k\":\"\xf0\x80\x80\x80\"}"),
                                 std::string("{\"k\":\"\xf0\x9f\x98\"}"),
                                 std::string("{\"k\":\"\xf5\x80\x80\x80\"}"),
                                 std::string("{\"k\":\"a"),
                                 std::string("{\"k\":\"\\x\"}"),
                                 std::string("{\"k\":\"\\ud800\"}"),
                                 std::string("{\"k\":\"\\udc00\"}"),
                                 std::string("{\"k\":\"\\u12\"}"),
                                 std::string("{\"k\":\"\n\"}"),
                                 std::string("{\"k\":\"\x80\"}"),
                                 std::string("{\"k\":\"\xc0\xaf\"}"),
                                 std::string("{\"k\":\"\xed\xa0\x80\"}"),
                                 std::string("{\"k\":\"\xf4\x90\x80\x80\"}"),
                                 std::string("{} x"),
                                 std::string("{\"k\":1 \"l\":2}"),
                                 deep}) {
    std::string text = bad;
    EXPECT_EQ(read_one(text, "k").status, Status::file_invalid) << bad;
  }
}

TEST(SecretJson, EveryCutIsRefused) {
  const std::string whole = R"({"k":"v\u0041","o":{"a":[1,2,{"b":null}]},"t":false})";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::string text = whole.substr(0, size);
    EXPECT_EQ(read_one(text, "k").status, Status::file_invalid) << size;
  }
}

TEST(SecretJson, AWantedMemberStandsOnce) {
  std::string text = R"({"k":1,"\u006b":2})";
  const Read read = read_one(text, "k");
  EXPECT_EQ(read.status, Status::file_invalid);
  EXPECT_NE(read.detail.find("twice"), std::string::npos);
}

TEST(SecretJson, NoErrorRepeatsTheText) {
  std::string text = R"({"k":"very-secret" oops})";
  EXPECT_EQ(read_one(text, "k").detail.find("very"), std::string::npos);
}

TEST(SecretJson, AnArrayOfStringsIsSearched) {
  std::string text = R"(["a","b\u0063"])";
  EXPECT_EQ(*json_array_holds(text, "bc"), true);
  text = R"(["a"])";
  EXPECT_EQ(*json_array_holds(text, "b"), false);
  text = "[]";
  EXPECT_EQ(*json_array_holds(text, "b"), false);
  text = "[1]";
  EXPECT_EQ(json_array_holds(text, "b").status(), Status::file_invalid);
}

}  // namespace
}  // namespace holdfast
