// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/plain_text.hpp"

#include "holdfast/registrar.hpp"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(PlainText, ControlCharactersAreGone) {
  EXPECT_EQ(plain_text("a\x1b[2Jb\x07\x7f"
                       "c"),
            "a[2Jbc");
  EXPECT_EQ(plain_text(std::string_view("a\0b", 3)), "ab");
  EXPECT_EQ(plain_text("a\xC2\x9B"
                       "31mb"),
            "a31mb");  // C1: CSI in one character
  EXPECT_EQ(plain_text("a\xE2\x80\xAE"
                       "b\xE2\x81\xA6"),
            "ab");  // right-to-left override, isolate
}

TEST(PlainText, LineEndsBecomeOneSpace) { EXPECT_EQ(plain_text("\r\na\r\n\t\nb\n"), "a b "); }

TEST(PlainText, WhatIsNoUtf8IsMarked) {
  EXPECT_EQ(plain_text("a\xFF"
                       "b"),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(plain_text("\xC0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD");                  // overlong
  EXPECT_EQ(plain_text("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // surrogate
  EXPECT_EQ(plain_text("\xF4\x90\x80\x80").size(), 12U);                          // above U+10FFFF
  EXPECT_EQ(plain_text("\xE0\x9F\xBF").size(), 9U);                               // overlong
  EXPECT_EQ(plain_text("caf\xC3"), "caf\xEF\xBF\xBD");                            // cut
  EXPECT_EQ(plain_text("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"), "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
}

TEST(PlainText, ASecretIsRemovedWherever) {
  EXPECT_EQ(plain_text("token s3cret, again s3cret", "s3cret"), "token [removed], again [removed]");
  EXPECT_EQ(plain_text("s3\x01"
                       "cret",
                       "s3cret"),
            "[removed]");
  EXPECT_EQ(plain_text("nothing", ""), "nothing");
}

TEST(PlainText, AnEchoThatIsEscapedOrCutShortIsRemovedToo) {
  constexpr const char* kSecret = "0123456789/abcdefghij+KLMNOPQRST";
  EXPECT_EQ(plain_text(R"({"bearer":"0123456789\/abcdefghij+KLMNOPQRST"})", kSecret),
            R"({"bearer":"[removed]\[removed]"})");
  EXPECT_EQ(plain_text("0123456789%2Fabcdefghij%2BKLMNOPQRST", kSecret), "[removed]%2F[removed]%2B[removed]");
  EXPECT_EQ(plain_text("bearer 01234567...", kSecret), "bearer [removed]...");
  EXPECT_EQ(plain_text("...MNOPQRST", kSecret), "...[removed]");
  EXPECT_EQ(plain_text("bearer 0123456... is unknown", kSecret), "bearer 0123456... is unknown")
      << "seven tell little";
}

TEST(PlainText, AnExcerptIsCutBetweenCharacters) {
  const AnswerExcerpt excerpt(plain_text(std::string(511, 'a') + "\xC3\xA9"));
  EXPECT_EQ(excerpt.size(), 511U);
  const AnswerExcerpt fits(plain_text(std::string(510, 'a') + "\xC3\xA9"
                                                              "b"));
  EXPECT_EQ(fits.size(), 512U);
}

}  // namespace
}  // namespace holdfast
