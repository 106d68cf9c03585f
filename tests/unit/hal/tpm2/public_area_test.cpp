// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/public_area.hpp"

#include <gtest/gtest.h>
#include <tss2/tss2_tpm2_types.h>

#include <vector>

namespace holdfast::hal::tpm2 {
namespace {

// A template with a point put into its empty unique field.
std::vector<std::byte> area(KeyUse use, bool has_auth, std::size_t x_size = 32, std::size_t y_size = 32) {
  std::array<std::byte, 128> buffer{};
  ByteWriter out(buffer);
  write_template(out, use, has_auth);
  std::vector<std::byte> bytes(out.written().begin() + 2, out.written().end() - 4);
  for (const std::size_t size : {x_size, y_size}) {
    bytes.push_back(std::byte{0});
    bytes.push_back(static_cast<std::byte>(size));
    bytes.insert(bytes.end(), size, std::byte{0x11});
  }
  return bytes;
}

TEST(PublicArea, OurSigningKeysAreAllThatStrictWants) {
  for (const bool has_auth : {false, true}) {
    const auto key = PublicArea::parse(area(KeyUse::signing, has_auth));
    ASSERT_TRUE(key);
    EXPECT_EQ(key->scheme(), Scheme::es256);
    EXPECT_TRUE(key->is_scheme_pinned());
    EXPECT_FALSE(key->is_storage_root());
    EXPECT_EQ(key->has(TPMA_OBJECT_NODA), !has_auth);
    EXPECT_EQ(key->attributes() & ~TPMA_OBJECT_NODA, TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                                         TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
                                                         TPMA_OBJECT_SIGN_ENCRYPT);
    EXPECT_EQ(key->name().view().size(), kNameSize);
  }
}

TEST(PublicArea, ARestrictedKeyAndARootAreNoSigningKeys) {
  const auto attestation = PublicArea::parse(area(KeyUse::attestation, false));
  ASSERT_TRUE(attestation);
  EXPECT_FALSE(attestation->scheme());
  const auto root = PublicArea::parse(area(KeyUse::storage_root, false));
  ASSERT_TRUE(root);
  EXPECT_FALSE(root->scheme());
  EXPECT_TRUE(root->is_storage_root());
}

TEST(PublicArea, ARootWithOneAttributeMoreIsNoStandardRoot) {
  auto bytes = area(KeyUse::storage_root, false);
  bytes[7] = bytes[7] ^ std::byte{0x04};
  const auto root = PublicArea::parse(bytes);
  ASSERT_TRUE(root);
  EXPECT_FALSE(root->is_storage_root());
}

TEST(PublicArea, AShortCoordinateIsFilledUp) {
  const auto key = PublicArea::parse(area(KeyUse::signing, false, 31, 32));
  ASSERT_TRUE(key);
  ASSERT_TRUE(key->point());
  EXPECT_EQ(key->point()->bytes()[1], std::byte{0});
  EXPECT_EQ(key->point()->bytes()[2], std::byte{0x11});
}

TEST(PublicArea, EveryTruncationAndEveryTrailingByteIsRefused) {
  for (const KeyUse use : {KeyUse::signing, KeyUse::storage_root}) {
    auto bytes = area(use, false);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_EQ(PublicArea::parse(std::span(bytes).first(size)).status(), Status::device_fault) << size;
    }
    bytes.push_back(std::byte{0});
    EXPECT_EQ(PublicArea::parse(bytes).status(), Status::device_fault);
  }
  EXPECT_EQ(PublicArea::parse(std::vector<std::byte>(kMaxPublicSize + 1)).status(), Status::device_fault);
}

TEST(PublicArea, EveryChangedByteIsReadWithoutHarmAndChangesTheName) {
  const auto bytes = area(KeyUse::signing, false);
  const Name name = PublicArea::parse(bytes)->name();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      auto changed = bytes;
      changed[i] = changed[i] ^ static_cast<std::byte>(1U << bit);
      const auto key = PublicArea::parse(changed);
      if (key) {
        EXPECT_NE(key->name(), name);
      }
    }
  }
}

}  // namespace
}  // namespace holdfast::hal::tpm2
