// SPDX-License-Identifier: Apache-2.0
#include "holdfast/attestation.hpp"

#include "src/verification/sha256.hpp"
#include "tests/support/software_key.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace holdfast {
namespace {

using Bytes = std::vector<std::byte>;

// TPMA_OBJECT (TPM 2.0 Library Part 2 §8.3.2), by its bits.
constexpr std::uint32_t kFixedTpm = 1U << 1U;
constexpr std::uint32_t kFixedParent = 1U << 4U;
constexpr std::uint32_t kSensitiveDataOrigin = 1U << 5U;
constexpr std::uint32_t kUserWithAuth = 1U << 6U;
constexpr std::uint32_t kRestricted = 1U << 16U;
constexpr std::uint32_t kDecrypt = 1U << 17U;
constexpr std::uint32_t kSign = 1U << 18U;
constexpr std::uint32_t kKey = kFixedTpm | kFixedParent | kSensitiveDataOrigin | kUserWithAuth | kSign;

void put(Bytes& out, std::uint64_t value, std::size_t size) {
  while (size-- > 0) out.push_back(static_cast<std::byte>(value >> (8 * size)));
}
void put(Bytes& out, std::span<const std::byte> bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }
void put_sized(Bytes& out, std::span<const std::byte> bytes) {
  put(out, bytes.size(), 2);
  put(out, bytes);
}

struct AreaShape {
  std::uint32_t attributes = kKey;
  std::uint16_t scheme = 0x0018;  // ECDSA
  std::uint16_t hash = 0x000B;
  std::uint16_t curve = 0x0003;
  std::uint16_t name_algorithm = 0x000B;
  Bytes policy;
};

Bytes area_of(const PublicKey& key, const AreaShape& shape) {
  Bytes area;
  put(area, 0x0023, 2);
  put(area, shape.name_algorithm, 2);
  put(area, shape.attributes, 4);
  put_sized(area, shape.policy);
  put(area, 0x0010, 2);
  put(area, shape.scheme, 2);
  if (shape.scheme != 0x0010) put(area, shape.hash, 2);
  put(area, shape.curve, 2);
  put(area, 0x0010, 2);
  put_sized(area, key.bytes().subspan(1, 32));
  put_sized(area, key.bytes().subspan(33, 32));
  return area;
}

Bytes name_of(std::span<const std::byte> area) {
  Bytes name;
  put(name, 0x000B, 2);
  put(name, sha256(area));
  return name;
}

struct StatementShape {
  std::uint32_t magic = 0xFF544347;
  std::uint16_t type = 0x8017;
};

// What a TPM would say, made by a key of this process.
class Attestation : public testing::Test {
 protected:
  Attestation() { make(); }

  void make() {
    attestation_area_ = area_of(attestation_key_.public_key(), attestation_shape_);
    key_area_ = area_of(key_.public_key(), key_shape_);
    statement_.clear();
    put(statement_, statement_shape_.magic, 4);
    put(statement_, statement_shape_.type, 2);
    put_sized(statement_, name_of(attestation_area_));
    put_sized(statement_, nonce_);
    put(statement_, 123456, 8);
    put(statement_, 2, 4);
    put(statement_, 0, 4);
    put(statement_, 1, 1);
    put(statement_, 0x20191023, 8);
    put_sized(statement_, name_of(key_area_));
    put_sized(statement_, name_of(key_area_));
    sign();
  }
  void sign() {
    const Signature made =
        attestation_key_.sign({reinterpret_cast<const char*>(statement_.data()), statement_.size()});
    signature_.assign(made.begin(), made.end());
  }

  [[nodiscard]] Result<CheckedAttestation> check() const {
    return check_attestation({statement_, signature_, attestation_area_, key_area_}, expected_);
  }
  [[nodiscard]] std::string refusal() const {
    const auto checked = check();
    if (checked) return "accepted";
    EXPECT_EQ(checked.status(), Status::attestation_refused);
    return std::string(checked.error().detail.view());
  }

  test::SoftwareKey attestation_key_{Scheme::es256};
  test::SoftwareKey key_{Scheme::es256};
  AreaShape attestation_shape_{.attributes = kKey | kRestricted, .policy = {}};
  AreaShape key_shape_{};
  StatementShape statement_shape_;
  Bytes nonce_{std::byte{1}, std::byte{2}, std::byte{3}};
  Bytes attestation_area_;
  Bytes key_area_;
  Bytes statement_;
  Bytes signature_;
  AttestationExpectation expected_{key_.public_key(), nonce_};
};

TEST_F(Attestation, OfAKeyInATpmHolds) {
  const auto checked = check();
  ASSERT_TRUE(checked) << checked.error().detail.view();
  EXPECT_TRUE(checked->is_fresh);
  EXPECT_TRUE(std::ranges::equal(checked->attestation_key, name_of(attestation_area_)));
  EXPECT_TRUE(std::ranges::equal(checked->key, name_of(key_area_)));
}

TEST_F(Attestation, OfAKeyWithAPolicyHolds) {
  key_shape_.policy = Bytes(32, std::byte{7});
  make();
  EXPECT_TRUE(check());
}

TEST_F(Attestation, WithoutANonceToCompareIsNotCalledFresh) {
  expected_.nonce.reset();
  const auto checked = check();
  ASSERT_TRUE(checked);
  EXPECT_FALSE(checked->is_fresh);
}

TEST_F(Attestation, WithAnotherNonceIsRefused) {
  const Bytes longer{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{0}};
  for (const Bytes& other : {Bytes{}, Bytes{std::byte{1}, std::byte{2}}, Bytes(3, std::byte{9}), longer}) {
    expected_.nonce = other;
    EXPECT_THAT(refusal(), testing::HasSubstr("another nonce"));
  }
}

TEST_F(Attestation, OfAnotherKeyIsRefused) {
  expected_.key = test::SoftwareKey(Scheme::es256).public_key();
  EXPECT_EQ(refusal(), "it is about another key");
}

// The evidence is of one key and the public area of the key that it should be about.
TEST_F(Attestation, WithAPublicAreaThatItIsNotAboutIsRefused) {
  key_area_ = area_of(test::SoftwareKey(Scheme::es256).public_key(), {});
  EXPECT_THAT(refusal(), testing::HasSubstr("not the one that the statement is about"));
}

TEST_F(Attestation, BySomebodyElseIsRefused) {
  attestation_area_ = area_of(test::SoftwareKey(Scheme::es256).public_key(), attestation_shape_);
  EXPECT_EQ(refusal(), "the attestation key did not sign it");
}

TEST_F(Attestation, NotMadeByATpmIsRefused) {
  statement_shape_.magic = 0xFF544348;
  make();
  EXPECT_EQ(refusal(), "no TPM made the statement");
}

// A quote, a statement on time and one on an NV index are signed by the same key.
TEST_F(Attestation, OfSomethingElseIsRefused) {
  for (const int type : {0x8014, 0x8015, 0x8016, 0x8018, 0x8019, 0x801A, 0x801C}) {
    statement_shape_.type = static_cast<std::uint16_t>(type);
    make();
    EXPECT_EQ(refusal(), "the statement is not about a key") << type;
  }
}

TEST_F(Attestation, ByAKeyThatSignsAnythingIsRefused) {
  attestation_shape_.attributes = kKey;
  make();
  EXPECT_THAT(refusal(), testing::HasSubstr("not restricted"));
}

TEST_F(Attestation, ByAKeyThatIsNotHeldFastIsRefused) {
  for (const auto& [attribute, word] : {std::pair{kFixedTpm, "attestation key can move to another TPM"},
                                        {kFixedParent, "attestation key can move to another parent"},
                                        {kSensitiveDataOrigin, "attestation key was brought"},
                                        {kSign, "attestation key does not sign"}}) {
    attestation_shape_.attributes = (kKey | kRestricted) & ~attribute;
    make();
    EXPECT_THAT(refusal(), testing::HasSubstr(word));
  }
  attestation_shape_.attributes = kKey | kRestricted | kDecrypt;
  make();
  EXPECT_THAT(refusal(), testing::HasSubstr("attestation key decrypts"));
}

TEST_F(Attestation, OfAKeyThatIsNotHeldFastIsRefused) {
  for (const auto& [attribute, word] : {std::pair{kFixedTpm, "the key can move to another TPM"},
                                        {kFixedParent, "the key can move to another parent"},
                                        {kSensitiveDataOrigin, "the key was brought"},
                                        {kSign, "the key does not sign"}}) {
    key_shape_.attributes = kKey & ~attribute;
    make();
    EXPECT_THAT(refusal(), testing::HasSubstr(word));
  }
  key_shape_.attributes = kKey | kDecrypt;
  make();
  EXPECT_THAT(refusal(), testing::HasSubstr("the key decrypts"));
  key_shape_.attributes = kKey | kRestricted;
  make();
  EXPECT_THAT(refusal(), testing::HasSubstr("signs only what its TPM says"));
}

TEST_F(Attestation, OfOrByAKeyOfAnotherKindIsRefused) {
  using Change = void (*)(AreaShape&);
  for (const Change change : {Change{[](AreaShape& shape) { shape.scheme = 0x0010; }},
                              Change{[](AreaShape& shape) { shape.scheme = 0x001C; }},
                              Change{[](AreaShape& shape) { shape.hash = 0x0004; }},
                              Change{[](AreaShape& shape) { shape.curve = 0x0004; }}}) {
    key_shape_ = {};
    change(key_shape_);
    make();
    EXPECT_THAT(refusal(), testing::HasSubstr("the key is not pinned"));
    attestation_shape_ = {.attributes = kKey | kRestricted, .policy = {}};
    change(attestation_shape_);
    make();
    EXPECT_THAT(refusal(), testing::HasSubstr("the attestation key is not pinned"));
    attestation_shape_ = {.attributes = kKey | kRestricted, .policy = {}};
  }
  key_shape_ = {};
  key_shape_.name_algorithm = 0x000C;
  make();
  EXPECT_THAT(refusal(), testing::HasSubstr("name algorithm is not SHA-256"));
}

TEST_F(Attestation, ByAPointThatIsNotOnTheCurveIsRefused) {
  attestation_area_.back() ^= std::byte{1};
  EXPECT_EQ(refusal(), "the attestation key is no point of P-256");
}

// Cut anywhere, with one byte more, or with one bit changed in any place: no part of it still holds.
TEST_F(Attestation, IsRefusedWhenAnythingInItIsChanged) {
  const std::array<Bytes*, 4> parts{&statement_, &signature_, &attestation_area_, &key_area_};
  const TpmName attestation_name = check()->attestation_key;
  for (Bytes* part : parts) {
    const Bytes whole = *part;
    for (std::size_t size = 0; size < whole.size(); ++size) {
      part->assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_NE(refusal(), "accepted") << "cut after " << size << " bytes";
    }
    *part = whole;
    part->push_back(std::byte{0});
    EXPECT_NE(refusal(), "accepted");
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
      *part = whole;
      (*part)[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
      const auto checked = check();
      // Attributes of the attestation key that nothing is asked of are in its name, which the caller compares.
      if (!checked) continue;
      EXPECT_NE(checked->attestation_key, attestation_name) << "bit " << bit;
      EXPECT_EQ(part, &attestation_area_) << "bit " << bit;
    }
    *part = whole;
  }
  EXPECT_EQ(refusal(), "accepted");
}

// The same of a statement whose signature is right: what a TPM with a fault, or a forger with a key, could say.
TEST_F(Attestation, OfASignedStatementThatIsNoneIsRefused) {
  const Bytes whole = statement_;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    statement_.assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    sign();
    EXPECT_NE(refusal(), "accepted") << size;
  }
  statement_ = whole;
  statement_.push_back(std::byte{0});
  sign();
  EXPECT_EQ(refusal(), "something follows the statement");
  statement_ = Bytes(5000, std::byte{0});
  sign();
  EXPECT_EQ(refusal(), "the statement is too long");
}

TEST_F(Attestation, NameOfAPublicAreaIsItsHash) {
  const auto name = tpm_name(key_area_);
  ASSERT_TRUE(name);
  EXPECT_TRUE(std::ranges::equal(*name, name_of(key_area_)));
  EXPECT_EQ(tpm_name({}).status(), Status::attestation_refused);
  EXPECT_EQ(tpm_name(Bytes(3000, std::byte{0})).status(), Status::attestation_refused);
}

}  // namespace
}  // namespace holdfast
