// SPDX-License-Identifier: Apache-2.0
#include "src/verification/signature.hpp"

#include "holdfast/verifier.hpp"

#include "src/verification/sha256.hpp"
#include "tests/vectors/hex.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace holdfast {
namespace {

using test::from_hex;
using ::testing::HasSubstr;
using Bytes = std::vector<std::byte>;

// RFC 6979 A.2.5, P-256 with SHA-256 over "sample".
constexpr std::string_view kPoint =
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
const std::string kR = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
const std::string kS = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
const std::string kNMinusS = "0834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857a9";
const std::string kN = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const std::string kNPlusOne = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552";
const std::string kAllOnes(64, 'f');
const std::string kZero(64, '0');
const std::string kOne = std::string(63, '0') + "1";

Bytes bytes_of(std::string_view text) {
  const auto view = std::as_bytes(std::span(text));
  return {view.begin(), view.end()};
}

PublicKey p256_key(std::string_view point = kPoint) { return *PublicKey::from_bytes(Scheme::es256, from_hex(point)); }
PublicKey ed25519_key(std::string_view hex) { return *PublicKey::from_bytes(Scheme::ed25519, from_hex(hex)); }

Status verify_sample(const std::string& r, const std::string& s) {
  const auto verifier = SignatureVerifier::prepare(p256_key());
  EXPECT_TRUE(verifier);
  const Status by_message = verifier->verify_message(bytes_of("sample"), from_hex(r + s)).status();
  const Status by_digest = verifier->verify_digest(sha256(bytes_of("sample")), from_hex(r + s)).status();
  EXPECT_EQ(by_message, by_digest);
  return by_message;
}

struct Ed25519Pair {
  Bytes public_bytes = Bytes(32);
  Bytes secret = Bytes(64);
  Ed25519Pair() {
    const std::vector<unsigned char> seed(32, 7);
    crypto_sign_seed_keypair(raw(public_bytes), raw(secret), seed.data());
  }
  [[nodiscard]] PublicKey key() const { return *PublicKey::from_bytes(Scheme::ed25519, public_bytes); }
  [[nodiscard]] Bytes sign(const Bytes& message) const {
    Bytes signature(64);
    crypto_sign_detached(raw(signature), nullptr, reinterpret_cast<const unsigned char*>(message.data()),
                         message.size(), reinterpret_cast<const unsigned char*>(secret.data()));
    return signature;
  }
  static unsigned char* raw(Bytes& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }
};

TEST(Sha256, HashesTheExamplesOfFips180) {
  EXPECT_TRUE(std::ranges::equal(sha256(bytes_of("abc")),
                                 from_hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")));
  EXPECT_TRUE(
      std::ranges::equal(sha256({}), from_hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")));
  EXPECT_TRUE(std::ranges::equal(sha256(bytes_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
                                 from_hex("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")));
}

TEST(Es256, VerifiesBySignedMessageAndByDigest) {
  EXPECT_EQ(verify_sample(kR, kS), Status::ok);
  EXPECT_EQ(verify_sample(kS, kR), Status::signature_mismatch);
  const auto verifier = SignatureVerifier::prepare(p256_key());
  EXPECT_EQ(verifier->verify_message(bytes_of("sampl"), from_hex(kR + kS)).status(), Status::signature_mismatch);
  EXPECT_EQ(verifier->verify_digest(sha256(bytes_of("Sample")), from_hex(kR + kS)).status(),
            Status::signature_mismatch);
}

TEST(Es256, AcceptsTheMalleatedTwin) { EXPECT_EQ(verify_sample(kR, kNMinusS), Status::ok); }

TEST(Es256, RefusesNumbersOutsideTheirRange) {
  for (const std::string& bad : {kZero, kN, kNPlusOne, kAllOnes}) {
    EXPECT_EQ(verify_sample(bad, kS), Status::signature_mismatch) << bad;
    EXPECT_EQ(verify_sample(kR, bad), Status::signature_mismatch) << bad;
    EXPECT_EQ(verify_sample(bad, bad), Status::signature_mismatch) << bad;
  }
  EXPECT_EQ(verify_sample(kOne, kOne), Status::signature_mismatch);
}

TEST(Es256, RefusesEveryFlippedBit) {
  const auto verifier = SignatureVerifier::prepare(p256_key());
  const Bytes good = from_hex(kR + kS);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    EXPECT_EQ(verifier->verify_message(bytes_of("sample"), bad).status(), Status::signature_mismatch) << bit;
  }
}

TEST(Es256, RefusesPointsThatAreNoKey) {
  const std::string x = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
  const std::string y = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
  const std::string p = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
  const std::string p_plus_five = "ffffffff00000001000000000000000000000001000000000000000000000004";
  // x = 5 is on the curve; the same point with x + p must not pass for a second key.
  const std::string y_of_five = "459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc";
  EXPECT_TRUE(check_public_key(p256_key("04" + x + y)));
  EXPECT_TRUE(check_public_key(p256_key("04" + std::string(63, '0') + "5" + y_of_five)));
  for (const std::string& bad : {x + x, y + x, kZero + kZero, x + kZero, kZero + y, p + y, x + p, kAllOnes + kAllOnes,
                                 p_plus_five + y_of_five, x.substr(0, 63) + "7" + y}) {
    const auto checked = check_public_key(p256_key("04" + bad));
    EXPECT_EQ(checked.status(), Status::invalid_argument) << bad;
    EXPECT_THAT(std::string(checked.error().detail.view()), HasSubstr("not on the curve"));
    EXPECT_EQ(verify_signature(p256_key("04" + bad), bytes_of("sample"), from_hex(kR + kS)).status(),
              Status::invalid_argument);
  }
}

TEST(Ed25519, VerifiesMessagesOfManySizes) {
  const Ed25519Pair pair;
  const auto verifier = SignatureVerifier::prepare(pair.key());
  ASSERT_TRUE(verifier);
  for (std::size_t size = 0; size <= 300; size += 7) {
    Bytes message(size, std::byte{'m'});
    const Bytes signature = pair.sign(message);
    EXPECT_TRUE(verifier->verify_message(message, signature)) << size;
    message.push_back(std::byte{0});
    EXPECT_EQ(verifier->verify_message(message, signature).status(), Status::signature_mismatch) << size;
  }
}

TEST(Ed25519, RefusesEveryFlippedBit) {
  const Ed25519Pair pair;
  const auto verifier = SignatureVerifier::prepare(pair.key());
  const Bytes message = bytes_of("message");
  const Bytes good = pair.sign(message);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    EXPECT_EQ(verifier->verify_message(message, bad).status(), Status::signature_mismatch) << bit;
  }
}

// S and S + L are congruent: without the range check of RFC 8032 §5.1.7 both would verify.
TEST(Ed25519, RefusesTheMalleatedTwin) {
  const Ed25519Pair pair;
  const Bytes message = bytes_of("message");
  Bytes signature = pair.sign(message);
  const Bytes order = from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  EXPECT_TRUE(verify_signature(pair.key(), message, signature));
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += std::to_integer<unsigned>(signature[32 + i]) + std::to_integer<unsigned>(order[i]);
    signature[32 + i] = static_cast<std::byte>(carry & 0xFFU);
    carry >>= 8U;
  }
  ASSERT_EQ(carry, 0U);
  EXPECT_EQ(verify_signature(pair.key(), message, signature).status(), Status::signature_mismatch);
}

TEST(Ed25519, RefusesPointsThatAreNoKey) {
  for (const std::string_view bad : {
           // the eight points of small order, and their other encodings
           "0100000000000000000000000000000000000000000000000000000000000000",
           "0000000000000000000000000000000000000000000000000000000000000000",
           "0000000000000000000000000000000000000000000000000000000000000080",
           "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
           "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
           "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
           "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
           "0100000000000000000000000000000000000000000000000000000000000080",
           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           // not canonical, off the curve
           "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
           "0200000000000000000000000000000000000000000000000000000000000000",
       }) {
    EXPECT_EQ(check_public_key(ed25519_key(bad)).status(), Status::invalid_argument) << bad;
    EXPECT_EQ(SignatureVerifier::prepare(ed25519_key(bad)).status(), Status::invalid_argument) << bad;
  }
}

// A = identity, R = identity, S = 0 verifies any message where small orders are let through.
TEST(Ed25519, RefusesTheSignatureThatFitsEveryMessage) {
  const PublicKey identity = ed25519_key("0100000000000000000000000000000000000000000000000000000000000000");
  Bytes signature(64);
  signature[0] = std::byte{1};
  EXPECT_FALSE(verify_signature(identity, bytes_of("anything"), signature));
}

TEST(Ed25519, RefusesAKeyOutsideTheMainSubgroup) {
  // The public key of the seed 32 × 07 plus the point of order two.
  const Ed25519Pair pair;
  const Bytes order_two = from_hex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
  Bytes sum(32);
  ASSERT_EQ(
      crypto_core_ed25519_add(Ed25519Pair::raw(sum), reinterpret_cast<const unsigned char*>(pair.public_bytes.data()),
                              reinterpret_cast<const unsigned char*>(order_two.data())),
      0);
  const auto key = PublicKey::from_bytes(Scheme::ed25519, sum);
  EXPECT_EQ(check_public_key(*key).status(), Status::invalid_argument);
}

TEST(Ed25519, SignsMessagesOnly) {
  const Ed25519Pair pair;
  const auto verifier = SignatureVerifier::prepare(pair.key());
  const Sha256Digest digest = sha256(bytes_of("m"));
  const auto answer = verifier->verify_digest(digest, pair.sign({digest.begin(), digest.end()}));
  EXPECT_EQ(answer.status(), Status::invalid_argument);
}

TEST(SignatureVerifier, RefusesEverySizeButSixtyFour) {
  const Ed25519Pair pair;
  const Bytes message = bytes_of("sample");
  const Bytes ed25519_signature = pair.sign(message);
  const Bytes es256_signature = from_hex(kR + kS);
  for (std::size_t size = 0; size <= 130; ++size) {
    Bytes one = ed25519_signature;
    Bytes other = es256_signature;
    one.resize(size);
    other.resize(size);
    const Status expected = size == 64 ? Status::ok : Status::signature_mismatch;
    EXPECT_EQ(verify_signature(pair.key(), message, one).status(), expected) << size;
    EXPECT_EQ(verify_signature(p256_key(), message, other).status(), expected) << size;
    EXPECT_EQ(SignatureVerifier::prepare(p256_key())->verify_digest(sha256(message), other).status(), expected);
  }
}

TEST(SignatureVerifier, ChecksInManyThreadsAtOnce) {
  const Ed25519Pair pair;
  const Bytes message = bytes_of("sample");
  const Bytes ed25519_signature = pair.sign(message);
  const Bytes es256_signature = from_hex(kR + kS);
  const auto ed25519 = SignatureVerifier::prepare(pair.key());
  auto moved = SignatureVerifier::prepare(p256_key());
  const SignatureVerifier es256 = std::move(*moved);
  EXPECT_EQ(es256.public_key(), p256_key());
  std::atomic<int> verified{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        verified += ed25519->verify_message(message, ed25519_signature) ? 1 : 0;
        verified += es256.verify_message(message, es256_signature) ? 1 : 0;
        verified += es256.verify_message(message, ed25519_signature) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(verified, 4 * 50 * 2);
}

}  // namespace
}  // namespace holdfast
