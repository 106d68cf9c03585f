// SPDX-License-Identifier: Apache-2.0
#include "hal/display.hpp"

#include <gtest/gtest.h>

namespace holdfast::hal {
namespace {

std::string_view shown(std::string_view text) {
  static FixedText<64> room;
  room.clear();
  append_printable(room, text);
  return room.view();
}

TEST(Display, leaves_text_as_it_is) { EXPECT_EQ(shown("Schlüssel 鍵 🔑"), "Schlüssel 鍵 🔑"); }

TEST(Display, shows_control_characters_as_question_marks) {
  EXPECT_EQ(shown("a\x1b[31mb\n\x7f"), "a?[31mb??");
  EXPECT_EQ(shown(std::string_view("a\0b", 3)), "a?b");
  EXPECT_EQ(shown("\xc2\x9b"
                  "31m"),
            "??31m")
      << "a C1 control is an escape to some terminals";
}

TEST(Display, shows_broken_utf8_as_question_marks) {
  EXPECT_EQ(shown("\xff\xfe"), "??");
  EXPECT_EQ(shown("\xc0\xaf"), "??") << "overlong";
  EXPECT_EQ(shown("\xed\xa0\x80"), "???") << "a surrogate";
  EXPECT_EQ(shown("\xf4\x90\x80\x80"), "????") << "beyond U+10FFFF";
  EXPECT_EQ(shown("a\xc3"), "a?") << "cut short";
}

TEST(Display, stops_before_a_character_that_does_not_fit) {
  FixedText<4> room;
  append_printable(room, "abcü");
  EXPECT_EQ(room.view(), "abc");
}

TEST(Display, knows_what_is_printable) {
  EXPECT_TRUE(is_printable("agents ü"));
  EXPECT_FALSE(is_printable("a\tb"));
  EXPECT_FALSE(is_printable("\xff"));
}

TEST(Display, writes_hex) {
  FixedText<8> room;
  const std::byte bytes[] = {std::byte{0x00}, std::byte{0x9f}, std::byte{0xff}};
  append_hex(room, bytes);
  EXPECT_EQ(room.view(), "009fff");
}

}  // namespace
}  // namespace holdfast::hal
