// SPDX-License-Identifier: Apache-2.0
// Do we agree with the numbers that protocol.md §7 and the RFCs fix?

#include "holdfast/verifier.hpp"

#include "src/assertion/envelope.hpp"
#include "src/assertion/message.hpp"
#include "tests/vectors/hex.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <array>
#include <string>
#include <vector>

namespace holdfast {
namespace {

using test::from_hex;
using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::string_view text) {
  const auto view = std::as_bytes(std::span(text));
  return {view.begin(), view.end()};
}

// libsodium signs, so that the signature's bytes are part of what is compared.
class SeedKey {
 public:
  explicit SeedKey(const std::array<unsigned char, 32>& seed) {
    crypto_sign_seed_keypair(public_.data(), secret_.data(), seed.data());
  }
  [[nodiscard]] PublicKey public_key() const {
    return *PublicKey::from_bytes(Scheme::ed25519, std::as_bytes(std::span(public_)));
  }
  [[nodiscard]] Signature sign(std::span<const std::byte> message) const {
    Signature signature{};
    crypto_sign_detached(reinterpret_cast<unsigned char*>(signature.data()), nullptr,
                         reinterpret_cast<const unsigned char*>(message.data()), message.size(), secret_.data());
    return signature;
  }

 private:
  std::array<unsigned char, 32> public_{};
  std::array<unsigned char, 64> secret_{};
};

TEST(ProtocolVector, OneIsReproducedByteForByte) {
  std::array<unsigned char, 32> seed{};
  seed.fill(7);
  const SeedKey key(seed);
  const auto runtime = *RuntimeId::parse("agent-123");
  const auto task = *TaskId::parse("task-123");
  const auto time = *format_timestamp({1776643200});

  EXPECT_EQ(key.public_key(),
            *PublicKey::from_bytes(Scheme::ed25519,
                                   from_hex("ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c")));
  EXPECT_EQ(to_ssh_public_key(key.public_key()).view(),
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs");

  const auto message = build_assertion_message(runtime, task, time);
  EXPECT_EQ(message.view(), "agent-123:task-123:2026-04-20T00:00:00Z");
  EXPECT_EQ(message.view().size(), 39U);
  const Signature signature = key.sign(message.bytes());
  EXPECT_EQ(signature_text(signature).view(),
            "ziQYILz6O2/huX81gAJ7U8g0JL7IrASM4ebINJYXNRtf5WPkenefeXh3HrEZ3iHfY8hMiYA4CVhKl07+f9yJBA==");

  std::array<char, kMaxAuthorizationSize> out{};
  const auto size = write_authorization(runtime, task, time, signature, out);
  ASSERT_TRUE(size);
  EXPECT_EQ(*size, 270U);
  const std::string_view value(out.data(), *size);
  EXPECT_EQ(
      value,
      "AgentAssertion eyJhZ2VudF9ydW50aW1lX2lkIjoiYWdlbnQtMTIzIiwic2lnbmF0dXJlIjoiemlRWUlMejZPMi9odVg4MWdBSjdVOGcw"
      "Skw3SXJBU000ZWJJTkpZWE5SdGY1V1BrZW5lZmVYaDNIckVaM2lIZlk4aE1pWUE0Q1ZoS2wwNytmOXlKQkE9PSIsInRhc2tfaWQiOiJ0YXNr"
      "LTEyMyIsInRpbWVzdGFtcCI6IjIwMjYtMDQtMjBUMDA6MDA6MDBaIn0");
  const auto assertion = parse_authorization(value);
  ASSERT_TRUE(assertion);
  EXPECT_TRUE(verify_assertion(*assertion, key.public_key(), {{1776643200}, 300}));

  const auto registration = build_registration_message(runtime, time);
  EXPECT_EQ(registration.view(), "agent-123:2026-04-20T00:00:00Z");
  EXPECT_EQ(registration.view().size(), 30U);
  const std::string_view registration_signature =
      "RrvOb9wXUGTmWxz3wQEFnWjPE0Hn2lq5khr11e0+FoVRwf01T9haqhwnj3lsAsqz72jy+obmRPu8R2HlYeNJAQ==";
  EXPECT_EQ(signature_text(key.sign(registration.bytes())).view(), registration_signature);
  EXPECT_TRUE(
      verify_task_registration(runtime, time.view(), registration_signature, key.public_key(), {{1776643200}, 300}));
}

TEST(ProtocolVector, ThreeVerifies) {
  const auto key = *PublicKey::from_bytes(
      Scheme::ed25519, from_hex("f89a9aa099652d45cc267a16e62159375c50c0194e9aa07e295e3056c47a2671"));
  const auto message = build_assertion_message(*RuntimeId::parse("agent-runtime-compact"),
                                               *TaskId::parse("task-compact"), *format_timestamp({1776643200}));
  EXPECT_EQ(message.view(), "agent-runtime-compact:task-compact:2026-04-20T00:00:00Z");
  const auto signature = from_hex(
      "f2d6752a2d0bf593437228aca5fb794841d2fc0e5523c2e9d7e9da20b942abae"
      "1a0c15ed2f6e952f8c7822865d21d11976e2604f5d86cd9316cd03274b9f1503");
  EXPECT_TRUE(verify_signature(key, message.bytes(), signature));
  Signature fixed{};
  std::ranges::copy(signature, fixed.begin());
  EXPECT_EQ(signature_text(fixed).view(),
            "8tZ1Ki0L9ZNDciispft5SEHS/A5VI8Lp1+naILlCq64aDBXtL26VL4x4IoZdIdEZduJgT12GzZMWzQMnS58VAw==");
}

struct Ed25519Row {
  std::string_view key;
  std::string_view message;
  std::string_view signature;
};

// RFC 8032 §7.1, TEST 1 to 3.
TEST(Rfc8032, Verifies) {
  for (const Ed25519Row& row :
       {Ed25519Row{"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                   "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
                   "d25bf5f0595bbe24655141438e7a100b"},
        Ed25519Row{"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                   "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
                   "387b2eaeb4302aeeb00d291612bb0c00"},
        Ed25519Row{"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
                   "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
                   "4a7c15e9716ed28dc027beceea1ec40a"}}) {
    const auto key = *PublicKey::from_bytes(Scheme::ed25519, from_hex(row.key));
    EXPECT_TRUE(check_public_key(key));
    EXPECT_TRUE(verify_signature(key, from_hex(row.message), from_hex(row.signature))) << row.key;
  }
}

// RFC 6979 A.2.5, SHA-256.
TEST(Rfc6979, Verifies) {
  const auto key = *PublicKey::from_bytes(
      Scheme::es256, from_hex("0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                              "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"));
  EXPECT_TRUE(verify_signature(key, bytes_of("sample"),
                               from_hex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                                        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8")));
  EXPECT_TRUE(verify_signature(key, bytes_of("test"),
                               from_hex("f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
                                        "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083")));
}

}  // namespace
}  // namespace holdfast
