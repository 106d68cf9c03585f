// SPDX-License-Identifier: Apache-2.0
#include "src/json/json.hpp"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

using std::string_view_literals::operator""sv;

std::string nested(int levels, std::string_view innermost) {
  std::string text;
  for (int i = 0; i < levels; ++i) text += R"({"a":)";
  text += innermost;
  text.append(static_cast<std::size_t>(levels), '}');
  return text;
}

TEST(Json, MembersStandInTheOrderInWhichTheyWereSet) {
  Json inner = Json::object();
  inner.set("z", "1").set("a", true);
  Json list = Json::array();
  list.append(Json::string("responsesapi")).append(Json::integer(-7));
  Json json;
  json.set("second", std::move(inner)).set("first", std::move(list)).set("none", Json());
  EXPECT_EQ(json.dump(), R"({"second":{"z":"1","a":true},"first":["responsesapi",-7],"none":null})");
  EXPECT_EQ(json.member_names(), (std::vector<std::string>{"second", "first", "none"}));
}

TEST(Json, SettingAMemberAgainKeepsItsPlace) {
  Json json = *Json::parse(R"({"a":1,"b":2,"c":3})");
  json.set("b", "new");
  json.remove("a");
  json.remove("absent");
  EXPECT_EQ(json.dump(), R"({"b":"new","c":3})");
}

TEST(Json, SettingAMemberHoldsWhateverTheValueWas) {
  for (const char* text : {"null", "\"text\"", "7", "true", "[1,2]", R"({"a":1})"}) {
    Json json = *Json::parse(text);
    json.set("a", "2");
    EXPECT_EQ(json.dump(), R"({"a":"2"})") << text;
  }
  for (const char* text : {"null", "\"text\"", "7", R"({"a":1})"}) {
    Json json = *Json::parse(text);
    json.append(Json::integer(2));
    EXPECT_EQ(json.dump(), "[2]") << text;
  }
}

TEST(Json, ReadsBackWhatItWrites) {
  const std::string text = R"({"a":[1,true,null,"é\n\u0001"],"b":{"c":"\"\\"}})";
  const auto json = Json::parse(text);
  ASSERT_TRUE(json);
  EXPECT_EQ(json->dump(), text);
  EXPECT_EQ(Json::parse(json->dump(2))->dump(), text);
}

TEST(Json, RefusesWhatIsNotOneText) {
  for (const std::string_view text : {""sv,
                                      " "sv,
                                      "{"sv,
                                      "{}x"sv,
                                      "{} {}"sv,
                                      "[1,]"sv,
                                      R"({"a":1,})"sv,
                                      "nul"sv,
                                      "'a'"sv,
                                      "01"sv,
                                      "NaN"sv,
                                      "1e999"sv,
                                      "// c\n{}"sv,
                                      "\"\x01\""sv,
                                      "\"\xC3\""sv,
                                      "\"\xED\xA0\x80\""sv,
                                      R"("\ud800")"sv,
                                      "{}\0"sv,
                                      "{}\0x"sv,
                                      "\0"sv,
                                      "\xEF\xBB\xBF{}"sv,
                                      "<html></html>"sv}) {
    EXPECT_FALSE(Json::parse(text)) << text;
  }
}

TEST(Json, RefusesDuplicateMembersAtEveryLevel) {
  EXPECT_FALSE(Json::parse(R"({"a":1,"a":1})"));
  EXPECT_FALSE(Json::parse(R"({"b":[{"a":1,"\u0061":2}]})"));
  EXPECT_TRUE(Json::parse(R"({"a":{"a":1},"b":[{"a":1},{"a":1}]})"));
}

TEST(Json, NestsThirtyTwoLevelsAndNoMore) {
  EXPECT_TRUE(Json::parse(nested(32, "1")));
  EXPECT_FALSE(Json::parse(nested(33, "1")));
  EXPECT_TRUE(Json::parse(nested(31, "[1]")));
  EXPECT_FALSE(Json::parse(nested(32, "[1]")));
  EXPECT_FALSE(Json::parse(std::string(60'000, '[')));
}

TEST(Json, SaysWhyATextIsRefused) {
  std::string_view why;
  EXPECT_FALSE(Json::parse(R"({"a":1,"a":1})", why));
  EXPECT_EQ(why, "has a member twice");
  EXPECT_FALSE(Json::parse(R"({"a":)", why));
  EXPECT_EQ(why, "is not JSON, or it is cut off");
  EXPECT_FALSE(Json::parse(std::string(33, '[') + std::string(33, ']'), why));
  EXPECT_EQ(why, "is nested deeper than 32");
  EXPECT_FALSE(Json::parse("\xEF\xBB\xBF{}", why));
  EXPECT_EQ(why, "begins with a byte order mark, or holds a NUL byte");
}

TEST(Json, AKindIsNeverTakenForAnother) {
  const Json json = *Json::parse(R"({"s":"1","b":true,"i":1,"f":1.0,"big":9223372036854775808,"n":null})");
  EXPECT_EQ(json.string_member("s"), "1");
  EXPECT_EQ(json.boolean_member("b"), true);
  EXPECT_EQ(json.integer_member("i"), 1);
  EXPECT_FALSE(json.integer_member("f"));
  EXPECT_FALSE(json.integer_member("big"));
  EXPECT_FALSE(json.integer_member("s"));
  EXPECT_FALSE(json.string_member("i"));
  EXPECT_FALSE(json.boolean_member("i"));
  EXPECT_FALSE(json.string_member("absent"));
  EXPECT_FALSE(json.string_member("n"));
  EXPECT_TRUE(json.member("n")->is_null());
  EXPECT_FALSE(Json::array().member("s"));
}

TEST(Json, ElementsAreReadByIndex) {
  const Json json = *Json::parse("[\"a\",\"b\"]");
  EXPECT_EQ(json.size(), 2U);
  EXPECT_EQ(json.element(1)->as_string(), "b");
  EXPECT_FALSE(json.element(2));
  EXPECT_FALSE(Json::object().element(0));
  EXPECT_EQ(Json::string("abc").size(), 0U);
}

TEST(Json, InvalidUtf8IsReplacedOnTheWayOut) { EXPECT_EQ(Json::string("a\xFF").dump(), "\"a\xEF\xBF\xBD\""); }

}  // namespace
}  // namespace holdfast
