// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/salt.hpp"

#include "hal/tpm2/key_derivation.hpp"

#include <gtest/gtest.h>

namespace holdfast::hal::tpm2 {
namespace {

// SEC 2 §2.4.2: the base point of P-256, whose secret scalar is 1.
constexpr std::array<unsigned char, 65> kBasePoint{
    0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
    0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f,
    0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce,
    0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};

PublicKey base_point() { return PublicKey::from_bytes(Scheme::es256, std::as_bytes(std::span(kBasePoint))).value(); }

// With a root whose secret is 1 the shared point is our own point, which stands in the encrypted salt.
TEST(Salt, IsWhatTheRootWillCompute) {
  const auto salt = Salt::make(base_point());
  ASSERT_TRUE(salt);
  ByteReader in(salt->encrypted.view());
  const auto x = in.sized();
  const auto y = in.sized();
  ASSERT_TRUE(in.is_exact());
  ASSERT_EQ(x.size(), 32U);
  ASSERT_EQ(y.size(), 32U);
  const Digest expected = kdf_e(x, "SECRET", x, base_point().bytes().subspan(1, 32));
  EXPECT_TRUE(std::ranges::equal(salt->secret.reveal({}), expected));
}

TEST(Salt, IsAnotherEachTime) {
  const auto first = Salt::make(base_point());
  const auto second = Salt::make(base_point());
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(std::ranges::equal(first->secret.reveal({}), second->secret.reveal({})));
}

// A host that has locked itself down may get no other page locked.
TEST(Salt, TakesTheMemoryOfTheOneBefore) {
  auto first = Salt::make(base_point());
  ASSERT_TRUE(first);
  const auto* page = first->secret.reveal({}).data();
  SecretBytes none;
  const auto refused =
      Salt::make(*PublicKey::from_bytes(Scheme::ed25519, std::array<std::byte, 32>{}), "SECRET", &first->secret);
  EXPECT_FALSE(refused);
  EXPECT_EQ(first->secret.reveal({}).data(), page) << "not by one that failed";
  const auto second = Salt::make(base_point(), "SECRET", &first->secret);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->secret.reveal({}).data(), page);
  EXPECT_EQ(second->secret.size(), 32U);
  EXPECT_EQ(first->secret.capacity(), 0U);
  EXPECT_TRUE(Salt::make(base_point(), "SECRET", &none)) << "one that owns nothing";
}

TEST(Salt, APointBesideTheCurveIsRefused) {
  auto bytes = kBasePoint;
  bytes[64] ^= 1;
  const auto point = PublicKey::from_bytes(Scheme::es256, std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(point);
  EXPECT_EQ(Salt::make(*point).status(), Status::invalid_argument);
}

}  // namespace
}  // namespace holdfast::hal::tpm2
