// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/octets.hpp"

#include <gtest/gtest.h>

namespace holdfast::hal::tpm2 {
namespace {

TEST(Octets, WhatIsWrittenIsReadAgain) {
  std::array<std::byte, 32> buffer{};
  ByteWriter out(buffer);
  out.u8(1).u16(0x0203).u32(0x04050607).sized(octets_of("key"));
  EXPECT_TRUE(out.is_whole());
  EXPECT_EQ(out.size(), 12U);
  EXPECT_EQ(buffer[3], std::byte{4}) << "big-endian";
  ByteReader in(out.written());
  EXPECT_EQ(in.u8(), 1);
  EXPECT_EQ(in.u16(), 0x0203);
  EXPECT_EQ(in.u32(), 0x04050607U);
  EXPECT_TRUE(std::ranges::equal(in.sized(), octets_of("key")));
  EXPECT_TRUE(in.is_exact());
}

TEST(Octets, AWriterThatIsFullSaysSoAndWritesNothingBehindItsEnd) {
  std::array<std::byte, 8> buffer{};
  const std::span<std::byte> room(buffer);
  ByteWriter out(room.first(3));
  out.u16(1).u16(2);
  EXPECT_FALSE(out.is_whole());
  EXPECT_EQ(out.size(), 2U);
  out.bytes(octets_of("ab"));
  EXPECT_EQ(buffer[3], std::byte{0});
}

TEST(Octets, AReaderAtItsEndSaysSo) {
  const std::array bytes{std::byte{0}, std::byte{5}, std::byte{1}};
  ByteReader in(bytes);
  EXPECT_TRUE(in.sized().empty());
  EXPECT_FALSE(in.is_whole());
  EXPECT_EQ(in.u32(), 0U);
  ByteReader more(bytes);
  more.u16();
  EXPECT_TRUE(more.is_whole());
  EXPECT_FALSE(more.is_exact());
}

TEST(Octets, KeepOnlyWhatFits) {
  Octets<4> octets;
  EXPECT_TRUE(octets.assign(octets_of("abcd")));
  EXPECT_FALSE(octets.assign(octets_of("abcde")));
  EXPECT_TRUE(std::ranges::equal(octets.view(), octets_of("abcd")));
}

}  // namespace
}  // namespace holdfast::hal::tpm2
