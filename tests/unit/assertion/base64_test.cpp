// SPDX-License-Identifier: Apache-2.0
#include "src/assertion/base64.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <array>
#include <random>
#include <string>
#include <vector>

namespace holdfast {
namespace {

using ::testing::HasSubstr;

std::string encode(Base64 form, std::string_view bytes) {
  std::string text(base64_size(form, bytes.size()), '?');
  EXPECT_EQ(encode_base64(form, std::as_bytes(std::span(bytes)), text), text.size());
  return text;
}

Result<std::size_t> decode(Base64 form, std::string_view text) {
  std::array<std::byte, 64> out{};
  return decode_base64(form, text, out);
}

std::string reason(Base64 form, std::string_view text) {
  const auto result = decode(form, text);
  return result ? "accepted" : std::string(result.error().detail.view());
}

int sodium_variant(Base64 form) {
  return form == Base64::standard ? sodium_base64_VARIANT_ORIGINAL : sodium_base64_VARIANT_URLSAFE_NO_PADDING;
}

TEST(Base64, EncodesTheVectorsOfRfc4648) {
  EXPECT_EQ(encode(Base64::standard, ""), "");
  EXPECT_EQ(encode(Base64::standard, "f"), "Zg==");
  EXPECT_EQ(encode(Base64::standard, "fo"), "Zm8=");
  EXPECT_EQ(encode(Base64::standard, "foo"), "Zm9v");
  EXPECT_EQ(encode(Base64::standard, "foob"), "Zm9vYg==");
  EXPECT_EQ(encode(Base64::standard, "fooba"), "Zm9vYmE=");
  EXPECT_EQ(encode(Base64::standard, "foobar"), "Zm9vYmFy");
  EXPECT_EQ(encode(Base64::url, "f"), "Zg");
  EXPECT_EQ(encode(Base64::url, "fo"), "Zm8");
  EXPECT_EQ(encode(Base64::url, "\xFB\xFF\xBF"), "-_-_");
  EXPECT_EQ(encode(Base64::standard, "\xFB\xFF\xBF"), "+/+/");
}

TEST(Base64, EncodesAndDecodesAsLibsodiumDoesAtEveryLength) {
  std::mt19937 random(1);
  for (const Base64 form : {Base64::standard, Base64::url}) {
    for (std::size_t size = 0; size <= 450; ++size) {
      std::vector<std::byte> bytes(size);
      for (std::byte& b : bytes) b = static_cast<std::byte>(random());
      std::string text(base64_size(form, size), '?');
      ASSERT_EQ(encode_base64(form, bytes, text), text.size());
      std::vector<char> expected(sodium_base64_encoded_len(size, sodium_variant(form)));
      sodium_bin2base64(expected.data(), expected.size(), reinterpret_cast<const unsigned char*>(bytes.data()), size,
                        sodium_variant(form));
      ASSERT_EQ(text, expected.data());
      std::vector<std::byte> back(size);
      const auto decoded = decode_base64(form, text, back);
      ASSERT_TRUE(decoded) << decoded.error().detail.view();
      ASSERT_EQ(*decoded, size);
      ASSERT_EQ(back, bytes);
    }
  }
}

// Every text of up to five of these characters, which stand for every class: accepted exactly when encoding gives it.
TEST(Base64, AcceptsExactlyWhatItWrites) {
  constexpr std::string_view kCharacters = "ABgw/+-_=9 \n";
  for (const Base64 form : {Base64::standard, Base64::url}) {
    std::size_t accepted = 0;
    for (std::size_t size = 0; size <= 5; ++size) {
      std::size_t count = 1;
      for (std::size_t i = 0; i < size; ++i) count *= kCharacters.size();
      for (std::size_t number = 0; number < count; ++number) {
        std::string text;
        for (std::size_t i = 0, rest = number; i < size; ++i, rest /= kCharacters.size()) {
          text.push_back(kCharacters[rest % kCharacters.size()]);
        }
        std::array<std::byte, 8> out{};
        const auto decoded = decode_base64(form, text, out);
        std::array<unsigned char, 8> sodium_out{};
        std::size_t sodium_size = 0;
        const bool sodium_accepts = sodium_base642bin(sodium_out.data(), sodium_out.size(), text.data(), text.size(),
                                                      nullptr, &sodium_size, nullptr, sodium_variant(form)) == 0;
        ASSERT_EQ(decoded.has_value(), sodium_accepts) << '"' << text << '"';
        if (!decoded) continue;
        ++accepted;
        std::string again(base64_size(form, *decoded), '?');
        ASSERT_EQ(encode_base64(form, std::span(out).first(*decoded), again), again.size());
        ASSERT_EQ(again, text);
      }
    }
    EXPECT_GT(accepted, 1000U);
  }
}

TEST(Base64, SaysWhichRuleWasBroken) {
  EXPECT_THAT(reason(Base64::standard, "Zg"), HasSubstr("multiple of four"));
  EXPECT_THAT(reason(Base64::standard, "Zh=="), HasSubstr("behind the last byte"));
  EXPECT_THAT(reason(Base64::standard, "Zm9="), HasSubstr("behind the last byte"));
  EXPECT_THAT(reason(Base64::standard, "Z==="), HasSubstr("padding where none belongs, at character 2"));
  EXPECT_THAT(reason(Base64::standard, "===="), HasSubstr("padding where none belongs"));
  EXPECT_THAT(reason(Base64::standard, "Zm=v"), HasSubstr("padding where none belongs, at character 3"));
  EXPECT_THAT(reason(Base64::standard, "-_-_"), HasSubstr("character 1 (0x2d)"));
  EXPECT_THAT(reason(Base64::standard, "Zm9\n"), HasSubstr("character 4 (0x0a)"));
  EXPECT_THAT(reason(Base64::url, "Zg=="), HasSubstr("padding where none belongs"));
  EXPECT_THAT(reason(Base64::url, "Zh"), HasSubstr("behind the last byte"));
  EXPECT_THAT(reason(Base64::url, "Z"), HasSubstr("length"));
  EXPECT_THAT(reason(Base64::url,
                     "Zm9v\xFF"
                     "AAA"),
              HasSubstr("character 5 (0xff)"));
  EXPECT_THAT(reason(Base64::url, "+/+/"), HasSubstr("character 1 (0x2b)"));
}

TEST(Base64, WritesNothingIntoTooSmallABuffer) {
  std::array<char, 4> text{'a', 'b', 'c', 'd'};
  const std::array<std::byte, 3> bytes{};
  EXPECT_EQ(encode_base64(Base64::url, bytes, std::span(text).first(3)), 0U);
  EXPECT_EQ(std::string_view(text.data(), text.size()), "abcd");
  std::array<std::byte, 2> out{};
  EXPECT_EQ(decode_base64(Base64::url, "AAAA", out).status(), Status::buffer_too_small);
  EXPECT_EQ(decode_base64(Base64::url, "AAA", out).status(), Status::ok);
}

}  // namespace
}  // namespace holdfast
