// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/encodings.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

namespace holdfast::hal::pkcs11 {
namespace {

using Bytes = std::vector<std::byte>;

Bytes bytes(std::initializer_list<int> values) {
  Bytes result;
  for (const int value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

Bytes joined(Bytes head, const Bytes& tail) {
  head.insert(head.end(), tail.begin(), tail.end());
  return head;
}

Bytes ed25519_key(int first) {
  Bytes key(32, std::byte{0x11});
  key[0] = static_cast<std::byte>(first);
  return key;
}

Bytes p256_point() {
  Bytes point(65, std::byte{0x22});
  point[0] = std::byte{0x04};
  return point;
}

TEST(Encodings, read_every_form_of_the_curve) {
  EXPECT_EQ(scheme_of_curve(bytes({0x06, 0x03, 0x2b, 0x65, 0x70})), Scheme::ed25519);
  EXPECT_EQ(scheme_of_curve(std::as_bytes(std::span("\x13\x0c"
                                                    "edwards25519",
                                                    14))),
            Scheme::ed25519);
  EXPECT_EQ(scheme_of_curve(bytes({0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01})),
            Scheme::ed25519);
  EXPECT_EQ(scheme_of_curve(bytes({0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07})), Scheme::es256);
}

TEST(Encodings, refuse_other_curves) {
  EXPECT_FALSE(scheme_of_curve({}).has_value());
  EXPECT_FALSE(scheme_of_curve(bytes({0x06, 0x03, 0x2b, 0x65, 0x6e})).has_value()) << "X25519";
  EXPECT_FALSE(scheme_of_curve(bytes({0x06, 0x03, 0x2b, 0x65, 0x71})).has_value()) << "Ed448";
  EXPECT_FALSE(scheme_of_curve(bytes({0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22})).has_value()) << "P-384";
  EXPECT_FALSE(scheme_of_curve(bytes({0x06, 0x03, 0x2b, 0x65, 0x70, 0x00})).has_value()) << "a byte too many";
}

TEST(Encodings, read_every_form_of_an_ed25519_point_by_its_length) {
  // The first byte of a raw key may look like any of the others' tags.
  for (const int first : {0x00, 0x03, 0x04, 0x30}) {
    const Bytes key = ed25519_key(first);
    for (const Bytes& form : {key, joined(bytes({0x04, 0x20}), key), joined(bytes({0x03, 0x21, 0x00}), key)}) {
      const auto read = decode_point(Scheme::ed25519, form);
      ASSERT_TRUE(read.has_value()) << form.size();
      EXPECT_TRUE(std::ranges::equal(read->bytes(), key));
    }
  }
}

TEST(Encodings, read_every_form_of_a_p256_point_by_its_length) {
  const Bytes point = p256_point();
  for (const Bytes& form : {point, joined(bytes({0x04, 0x41}), point), joined(bytes({0x03, 0x42, 0x00}), point)}) {
    const auto read = decode_point(Scheme::es256, form);
    ASSERT_TRUE(read.has_value()) << form.size();
    EXPECT_TRUE(std::ranges::equal(read->bytes(), point));
  }
}

TEST(Encodings, refuse_every_other_point) {
  const Bytes key = ed25519_key(0x10);
  const Bytes point = p256_point();
  EXPECT_FALSE(decode_point(Scheme::ed25519, joined(bytes({0x04, 0x1f}), key)).has_value());
  EXPECT_FALSE(decode_point(Scheme::ed25519, joined(bytes({0x05, 0x20}), key)).has_value());
  EXPECT_FALSE(decode_point(Scheme::ed25519, joined(bytes({0x03, 0x21, 0x01}), key)).has_value());
  EXPECT_FALSE(decode_point(Scheme::ed25519, point).has_value());
  EXPECT_FALSE(decode_point(Scheme::es256, key).has_value());
  Bytes compressed(33, std::byte{0x02});
  EXPECT_FALSE(decode_point(Scheme::es256, compressed).has_value());
  Bytes hybrid = point;
  hybrid[0] = std::byte{0x06};
  EXPECT_FALSE(decode_point(Scheme::es256, hybrid).has_value());
  for (std::size_t size = 0; size < 140; ++size) {
    const Bytes zeroes(size);
    EXPECT_EQ(decode_point(Scheme::ed25519, zeroes).has_value(), size == 32) << size;
    EXPECT_FALSE(decode_point(Scheme::es256, zeroes).has_value()) << size;
  }
}

TEST(Encodings, write_what_they_read) {
  for (const Scheme scheme : {Scheme::ed25519, Scheme::es256}) {
    EXPECT_EQ(scheme_of_curve(curve_oid(scheme)), scheme);
    EXPECT_EQ(scheme_of_curve(curve_name(scheme)), scheme);
  }
}

}  // namespace
}  // namespace holdfast::hal::pkcs11
