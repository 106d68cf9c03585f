// SPDX-License-Identifier: Apache-2.0
#include "hal/percent_encoding.hpp"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::hal {
namespace {

using Kind = DecodedOctet::Kind;

TEST(PercentEncoding, every_octet_comes_back_as_it_was) {
  for (int value = 0; value < 256; ++value) {
    const FixedText<3> encoded = percent_encoded(static_cast<std::byte>(value));
    std::string_view text = encoded.view();
    ASSERT_EQ(text.size(), 3U);
    const DecodedOctet octet = take_octet(text);
    EXPECT_EQ(octet.kind, Kind::encoded);
    EXPECT_EQ(static_cast<unsigned char>(octet.octet), value);
    EXPECT_TRUE(text.empty());
  }
  EXPECT_EQ(percent_encoded(std::byte{0xAF}).view(), "%AF");
}

TEST(PercentEncoding, takes_one_octet_at_a_time) {
  std::string_view text = "a%c3%BC%2";
  std::string octets;
  std::string kinds;
  while (!text.empty()) {
    const DecodedOctet octet = take_octet(text);
    octets += octet.octet;
    kinds += octet.kind == Kind::plain ? 'p' : octet.kind == Kind::encoded ? 'e' : 'm';
  }
  EXPECT_EQ(octets, "a\xc3\xbc%2");
  EXPECT_EQ(kinds, "peemp");
}

TEST(PercentEncoding, a_percent_sign_needs_two_hexadecimal_digits) {
  for (const std::string_view malformed : {"%", "%a", "%zz", "%1g", "%g1", "%+1", "% 1", "%%20"}) {
    std::string_view text = malformed;
    const DecodedOctet octet = take_octet(text);
    EXPECT_EQ(octet.kind, Kind::malformed) << malformed;
    EXPECT_EQ(text, malformed.substr(1)) << malformed;
  }
}

}  // namespace
}  // namespace holdfast::hal
