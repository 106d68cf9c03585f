// SPDX-License-Identifier: Apache-2.0
#include "src/verification/sealed_box.hpp"

#include "src/assertion/base64.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <string>
#include <vector>

namespace holdfast {
namespace {

// protocol.md §7, vectors 1 and 2.
constexpr std::string_view kPublic =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
constexpr std::string_view kBox = "V9tLNZ8jrl4Ubk4lEgVnBHIlBjSMFQwUdT0Mkz0E1CHl6kKN5okRS43ADd/oDRNtjxtopKhskJE=";
constexpr std::string_view kSecret = "28ad39fefd7fa3e200a9c626eef599e61a2d055c48a8288a4e7e4c4bca392878";
constexpr std::string_view kX25519 = "761d88ec830413919dfe9d4d1d56f17e653c8c994082df5b137b90a0ae6edf74";

std::vector<std::byte> unhex(std::string_view text) {
  std::vector<std::byte> bytes(text.size() / 2);
  EXPECT_EQ(sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(), text.size(),
                           nullptr, nullptr, nullptr),
            0);
  return bytes;
}
std::vector<std::byte> box_of_vector() {
  std::vector<std::byte> box(kBox.size());
  box.resize(decode_base64(Base64::standard, kBox, box).value());
  return box;
}
const unsigned char* native(std::span<const std::byte> bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

class SealedBox : public testing::Test {
 protected:
  X25519PublicKey recipient_ = x25519_public_key(*parse_ssh_public_key(kPublic)).value();

  [[nodiscard]] static X25519PublicKey agree(std::span<const std::byte> peer) {
    X25519PublicKey shared{};
    EXPECT_EQ(
        crypto_scalarmult(reinterpret_cast<unsigned char*>(shared.data()), native(unhex(kSecret)), native(peer)), 0);
    return shared;
  }
  Result<std::string> open(std::span<const std::byte> box) const {
    const X25519PublicKey ephemeral = HOLDFAST_TRY(ephemeral_key(box));
    std::array<std::byte, 256> out{};
    const std::size_t size = HOLDFAST_TRY(open_sealed_box(box, recipient_, agree(ephemeral), out));
    return std::string(reinterpret_cast<const char*>(out.data()), size);
  }
};

TEST_F(SealedBox, TheVectorOpens) {
  EXPECT_TRUE(std::ranges::equal(recipient_, unhex(kX25519)));
  const auto opened = open(box_of_vector());
  ASSERT_TRUE(opened) << opened.error().detail.view();
  EXPECT_EQ(*opened, "task-123");
}

TEST_F(SealedBox, AnyFlippedBitIsRefused) {
  const std::vector<std::byte> box = box_of_vector();
  for (std::size_t bit = 0; bit < box.size() * 8; ++bit) {
    // X25519 ignores the top bit of a key (RFC 7748 §5), but the nonce is made of all of it.
    std::vector<std::byte> changed = box;
    changed[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_EQ(open(changed).status(), Status::authority_answer_invalid) << bit;
  }
}

TEST_F(SealedBox, ShorterThan48BytesIsNone) {
  const std::vector<std::byte> box = box_of_vector();
  for (std::size_t size = 0; size < 48; ++size) {
    EXPECT_EQ(open(std::span(box).first(size)).status(), Status::authority_answer_invalid) << size;
  }
}

TEST_F(SealedBox, AnEmptyTextIsOpened) {
  std::array<std::byte, kSealedBoxOverhead> box{};
  ASSERT_TRUE(seal_box({}, recipient_, box));
  EXPECT_EQ(*open(box), "");
}

TEST_F(SealedBox, EphemeralKeysOfSmallOrderAreRefused) {
  for (const char* point : {"0000000000000000000000000000000000000000000000000000000000000000",
                            "0100000000000000000000000000000000000000000000000000000000000000",
                            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"}) {
    std::vector<std::byte> box = box_of_vector();
    std::ranges::copy(unhex(point), box.begin());
    EXPECT_EQ(ephemeral_key(box).status(), Status::authority_answer_invalid) << point;
  }
}

TEST_F(SealedBox, AnAllZeroSecretIsRefusedBeforeAnythingIsOpened) {
  std::array<std::byte, 64> out{};
  const X25519PublicKey zero{};
  const auto opened = open_sealed_box(box_of_vector(), recipient_, zero, out);
  ASSERT_EQ(opened.status(), Status::authority_answer_invalid);
  EXPECT_NE(opened.error().detail.view().find("small order"), std::string_view::npos);
}

TEST_F(SealedBox, AFailureLeavesZeroes) {
  std::vector<std::byte> box = box_of_vector();
  const X25519PublicKey shared = agree(*ephemeral_key(box));
  box.back() ^= std::byte{1};
  std::array<std::byte, 64> out{};
  out.fill(std::byte{0x55});
  EXPECT_FALSE(open_sealed_box(box, recipient_, shared, out));
  for (const std::byte byte : out) EXPECT_EQ(byte, std::byte{0});
}

TEST_F(SealedBox, WhatLibsodiumOpensWeSealed) {
  const std::string text = "task-456";
  std::array<std::byte, 8 + kSealedBoxOverhead> box{};
  ASSERT_TRUE(seal_box(std::as_bytes(std::span(text)), recipient_, box));
  std::array<unsigned char, 8> out{};
  EXPECT_EQ(crypto_box_seal_open(out.data(), native(box), box.size(), native(recipient_), native(unhex(kSecret))), 0);
  EXPECT_EQ(std::string(out.begin(), out.end()), text);
  EXPECT_EQ(*open(box), text);
}

TEST_F(SealedBox, TooLittleRoomIsSaid) {
  std::array<std::byte, 7> out{};
  EXPECT_EQ(open_sealed_box(box_of_vector(), recipient_, agree(*ephemeral_key(box_of_vector())), out).status(),
            Status::buffer_too_small);
  EXPECT_EQ(seal_box(std::as_bytes(std::span("x", 1)), recipient_, out).status(), Status::buffer_too_small);
}

}  // namespace
}  // namespace holdfast
