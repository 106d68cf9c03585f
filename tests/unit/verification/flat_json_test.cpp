// SPDX-License-Identifier: Apache-2.0
#include "src/verification/flat_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace holdfast {
namespace {

using ::testing::HasSubstr;

// The members as `name=value;`, or what was refused.
std::string read(std::string_view text) {
  FlatJsonReader reader(text);
  std::string members;
  for (;;) {
    const auto member = reader.next();
    if (!member) {
      EXPECT_EQ(member.status(), Status::header_refused);
      return "refused: " + std::string(member.error().detail.view());
    }
    if (!*member) return members;
    members += std::string((*member)->name) + "=" + std::string((*member)->value) + ";";
  }
}

TEST(FlatJson, ReadsObjectsOfStrings) {
  EXPECT_EQ(read("{}"), "");
  EXPECT_EQ(read(R"({"a":"b"})"), "a=b;");
  EXPECT_EQ(read(R"({"a":"b","c":""})"), "a=b;c=;");
  EXPECT_EQ(read("\t{ \"a\"\n:\r\"b\" ,\"c\" : \"d\" } \n"), "a=b;c=d;");
  EXPECT_EQ(read(R"({"a":"1","a":"2"})"), "a=1;a=2;") << "who reads decides on duplicates";
  EXPECT_EQ(read(R"({"":"{\u007d"})").substr(0, 7), "refused");
  EXPECT_EQ(read(R"({"{[,:]}":"{[,:]}'"})"), "{[,:]}={[,:]}';");
}

TEST(FlatJson, RefusesEverythingElse) {
  for (const std::string_view text : {"",
                                      " ",
                                      "{",
                                      "}",
                                      "[]",
                                      "\"a\"",
                                      "null",
                                      "{\"a\"",
                                      "{\"a\":",
                                      "{\"a\":\"b\"",
                                      "{\"a\":\"b",
                                      "{\"a\":\"b\",",
                                      "{\"a\":\"b\",}",
                                      "{,\"a\":\"b\"}",
                                      "{\"a\":\"b\" \"c\":\"d\"}",
                                      "{\"a\" \"b\"}",
                                      "{\"a\":\"b\"}}",
                                      "{\"a\":\"b\"}{}",
                                      "{\"a\":\"b\"}x",
                                      "{\"a\":1}",
                                      "{\"a\":null}",
                                      "{\"a\":true}",
                                      "{\"a\":{}}",
                                      "{\"a\":[]}",
                                      "{a:\"b\"}",
                                      "{'a':'b'}",
                                      "{\"a\":'b'}",
                                      "{1:\"b\"}",
                                      "\xEF\xBB\xBF{}",
                                      "{}//",
                                      "/**/{}",
                                      "{\"a\"::\"b\"}",
                                      "{\"a\":\"b\",,\"c\":\"d\"}",
                                      "{\f}",
                                      "{\v}"}) {
    EXPECT_THAT(read(text), HasSubstr("refused: ")) << text;
  }
  EXPECT_THAT(read(std::string_view("{}\0", 3)), HasSubstr("byte 3 of the JSON is 0x00"));
}

TEST(FlatJson, SaysWhatBelongsWhere) {
  EXPECT_EQ(read("["), "refused: byte 1 of the JSON is 0x5b where '{' belongs");
  EXPECT_EQ(read("{\"a\":1}"), "refused: byte 6 of the JSON is 0x31 where a string belongs");
  EXPECT_EQ(read("{\"a\""), "refused: the JSON ends where ':' belongs");
  EXPECT_EQ(read("{\"a\":\"b"), "refused: a string does not end");
  EXPECT_EQ(read("{} {"), "refused: byte 4 of the JSON is 0x7b where nothing after the object belongs");
}

TEST(FlatJson, TakesPrintableAsciiWithoutEscapesInStrings) {
  for (int value = 0; value < 256; ++value) {
    const std::string text = std::string("{\"a\":\"x") + static_cast<char>(value) + "y\"}";
    const bool is_plain = value >= 0x20 && value <= 0x7E && value != '"' && value != '\\';
    EXPECT_EQ(!read(text).starts_with("refused"), is_plain) << value;
  }
  for (const char* escape : {R"(\")", R"(\\)", R"(\/)", R"(\n)", R"(\u0061)", R"(\u)", R"(\)"}) {
    EXPECT_THAT(read(std::string("{\"a\":\"") + escape + "\"}"), HasSubstr("an escape in a string, at byte 7"));
    EXPECT_THAT(read(std::string("{\"") + escape + "\":\"a\"}"), HasSubstr("an escape in a string, at byte 3"));
  }
}

}  // namespace
}  // namespace holdfast
