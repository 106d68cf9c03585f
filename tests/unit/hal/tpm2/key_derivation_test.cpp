// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/key_derivation.hpp"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::hal::tpm2 {
namespace {

std::string hex(std::span<const std::byte> bytes) {
  std::string out;
  for (const std::byte byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    out += kDigits[std::to_integer<unsigned>(byte) >> 4U];
    out += kDigits[std::to_integer<unsigned>(byte) & 15U];
  }
  return out;
}

// FIPS 180-2 appendix B.1.
TEST(KeyDerivation, HashesItsPartsAsOne) {
  EXPECT_EQ(hex(hash({octets_of("a"), octets_of(""), octets_of("bc")})),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// RFC 4231 test case 2.
TEST(KeyDerivation, MacsItsPartsAsOne) {
  EXPECT_EQ(hex(hmac(octets_of("Jefe"), {octets_of("what do ya want "), octets_of("for nothing?")})),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

// The construction written out by hand, block by block.
TEST(KeyDerivation, KdfAIsSp800108InCounterMode) {
  const auto key = octets_of("key");
  const std::array one{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}};
  const std::array two{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{2}};
  const std::array bits{std::byte{0}, std::byte{0}, std::byte{1}, std::byte{0x80}};  // 384
  const auto label = octets_of(std::string_view("ATH\0", 4));
  std::array<std::byte, 48> out{};
  kdf_a(key, "ATH", octets_of("u"), octets_of("v"), out);
  EXPECT_EQ(hex(std::span(out).first(32)), hex(hmac(key, {one, label, octets_of("u"), octets_of("v"), bits})));
  EXPECT_EQ(hex(std::span(out).subspan(32)),
            hex(hmac(key, {two, label, octets_of("u"), octets_of("v"), bits})).substr(0, 32));
}

TEST(KeyDerivation, KdfEIsTheConcatenation) {
  const std::array one{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}};
  EXPECT_EQ(
      hex(kdf_e(octets_of("z"), "SECRET", octets_of("u"), octets_of("v"))),
      hex(hash({one, octets_of("z"), octets_of(std::string_view("SECRET\0", 7)), octets_of("u"), octets_of("v")})));
}

TEST(KeyDerivation, ComparesSizeAndContent) {
  EXPECT_TRUE(is_equal(octets_of("ab"), octets_of("ab")));
  EXPECT_FALSE(is_equal(octets_of("ab"), octets_of("ac")));
  EXPECT_FALSE(is_equal(octets_of("ab"), octets_of("abc")));
}

}  // namespace
}  // namespace holdfast::hal::tpm2
