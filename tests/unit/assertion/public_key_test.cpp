// SPDX-License-Identifier: Apache-2.0
#include "holdfast/public_key.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace holdfast {
namespace {

TEST(PublicKey, TakesExactlyTheSizeOfItsScheme) {
  for (std::size_t size = 0; size <= 130; ++size) {
    std::vector<std::byte> bytes(size, std::byte{0x04});
    EXPECT_EQ(PublicKey::from_bytes(Scheme::ed25519, bytes).has_value(), size == 32) << size;
    EXPECT_EQ(PublicKey::from_bytes(Scheme::es256, bytes).has_value(), size == 65) << size;
  }
}

TEST(PublicKey, TakesOnlyUncompressedPoints) {
  for (int first = 0; first < 256; ++first) {
    std::vector<std::byte> bytes(65, std::byte{1});
    bytes[0] = static_cast<std::byte>(first);
    const auto key = PublicKey::from_bytes(Scheme::es256, bytes);
    ASSERT_EQ(key.has_value(), first == 4);
    if (!key) {
      EXPECT_EQ(key.status(), Status::invalid_argument);
    }
  }
}

TEST(PublicKey, RefusesASchemeThatDoesNotExist) {
  const std::vector<std::byte> bytes(65, std::byte{4});
  EXPECT_EQ(PublicKey::from_bytes(Scheme{0}, bytes).status(), Status::invalid_argument);
  EXPECT_EQ(PublicKey::from_bytes(Scheme{3}, bytes).status(), Status::invalid_argument);
}

TEST(PublicKey, ComparesSchemeAndBytes) {
  std::vector<std::byte> bytes(32, std::byte{4});
  const auto one = *PublicKey::from_bytes(Scheme::ed25519, bytes);
  EXPECT_EQ(one, *PublicKey::from_bytes(Scheme::ed25519, bytes));
  bytes[31] = std::byte{5};
  EXPECT_FALSE(one == *PublicKey::from_bytes(Scheme::ed25519, bytes));
  EXPECT_FALSE(one == *PublicKey::from_bytes(Scheme::es256, std::vector<std::byte>(65, std::byte{4})));
}

TEST(Scheme, HasOneNameEach) {
  EXPECT_EQ(scheme_name(Scheme::ed25519), "ed25519");
  EXPECT_EQ(scheme_name(Scheme::es256), "es256");
  EXPECT_EQ(*parse_scheme("ed25519"), Scheme::ed25519);
  EXPECT_EQ(*parse_scheme("es256"), Scheme::es256);
  for (const std::string_view name : {"", "Ed25519", "ES256", "es256 ", "es384", "ed2551"}) {
    EXPECT_EQ(parse_scheme(name).status(), Status::invalid_argument) << name;
  }
}

}  // namespace
}  // namespace holdfast
