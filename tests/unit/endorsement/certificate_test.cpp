// SPDX-License-Identifier: Apache-2.0
#include "src/endorsement/certificate.hpp"

#include "tests/unit/endorsement/issued_certificate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast {
namespace {

using test::CertificateTerms;
using test::OpensslCertificate;
using test::OpensslKey;

/// A maker with a root, and the certificates it issues.
class EndorsementCertificate : public testing::Test {
 protected:
  EndorsementCertificate() {
    root_ = test::issue(root_key_.get(), root_key_.get(), nullptr, {.name = "a maker", .is_authority = true});
    trusted_ = test::pem_of(root_.get());
  }
  [[nodiscard]] std::vector<std::byte> issued(EVP_PKEY* key, const CertificateTerms& terms = {}) const {
    return test::der_of(test::issue(key, root_key_.get(), root_.get(), terms).get());
  }
  void expect_refused(const std::vector<std::byte>& der, std::string_view why) const {
    const auto checked = check_endorsement_certificate(der, trusted_);
    ASSERT_EQ(checked.status(), Status::attestation_refused);
    EXPECT_THAT(std::string(checked.error().detail.view()), testing::HasSubstr(std::string(why)));
  }

  OpensslKey root_key_ = test::ec_key();
  OpensslKey key_ = test::rsa_key(2048);
  OpensslCertificate root_;
  std::string trusted_;
};

TEST_F(EndorsementCertificate, OfAnRsaKeyNamesItAndWhoVouchesForIt) {
  const auto checked = check_endorsement_certificate(issued(key_.get()), trusted_);
  ASSERT_TRUE(checked) << checked.error().detail.view();
  EXPECT_EQ(checked->issuer, "CN=a maker");
  EndorsementPublicKey expected;
  expected.modulus.fill(std::byte{0xC3});
  EXPECT_EQ(checked->modulus, expected.modulus);
  constexpr std::array kExponent{std::byte{0}, std::byte{1}, std::byte{0}, std::byte{1}};
  EXPECT_EQ(checked->exponent, kExponent);
}

// The extensions are the maker's to leave out: what they do not say they do not forbid.
TEST_F(EndorsementCertificate, WithoutUsagesIsTaken) {
  EXPECT_TRUE(
      check_endorsement_certificate(issued(key_.get(), {.key_usage = "", .extended_key_usage = ""}), trusted_));
}

TEST_F(EndorsementCertificate, ForAnotherUseIsRefused) {
  expect_refused(issued(key_.get(), {.extended_key_usage = "serverAuth"}), "extended key usage");
  expect_refused(issued(key_.get(), {.key_usage = "critical,digitalSignature"}), "key usage");
}

TEST_F(EndorsementCertificate, OutOfItsTimeIsRefused) {
  expect_refused(issued(key_.get(), {.from = -7200, .until = -3600}), "expired");
  expect_refused(issued(key_.get(), {.from = 3600, .until = 7200}), "future");
}

TEST_F(EndorsementCertificate, OfAKeyThatNoChallengeIsMadeForIsRefused) {
  expect_refused(issued(test::rsa_key(3072).get()), "RSA with 2048 bits");
  expect_refused(issued(test::ec_key().get()), "RSA with 2048 bits");
}

// Such an exponent fits no TPMS_RSA_PARMS (TPM 2.0 Library Part 2 §12.2.3.5: 32 bits).
TEST_F(EndorsementCertificate, OfAKeyWithAnExponentOfMoreThan32BitsIsRefused) {
  const OpensslKey key = test::rsa_key(2048, (std::uint64_t{1} << 32U) + 1);
  expect_refused(issued(key.get()), "RSA with 2048 bits");
}

TEST_F(EndorsementCertificate, OfAnotherMakerIsRefusedAlsoUnderTheSameName) {
  const OpensslKey other = test::ec_key();
  const auto forged_root = test::issue(other.get(), other.get(), nullptr, {.name = "a maker", .is_authority = true});
  expect_refused(test::der_of(test::issue(key_.get(), other.get(), forged_root.get(), {}).get()), "");
  expect_refused(test::der_of(test::issue(key_.get(), other.get(), nullptr, {}).get()), "");
}

TEST_F(EndorsementCertificate, BehindAnIntermediateNeedsItInTheFile) {
  const OpensslKey between_key = test::ec_key();
  const auto between =
      test::issue(between_key.get(), root_key_.get(), root_.get(), {.name = "a factory", .is_authority = true});
  const auto der = test::der_of(test::issue(key_.get(), between_key.get(), between.get(), {}).get());
  expect_refused(der, "");
  const std::string both = test::pem_of(between.get()) + trusted_;
  const auto checked = check_endorsement_certificate(der, both);
  ASSERT_TRUE(checked) << checked.error().detail.view();
  EXPECT_EQ(checked->issuer, "CN=a factory");
}

TEST_F(EndorsementCertificate, IsAskedForTheKindOfItsKey) {
  EXPECT_TRUE(is_rsa_certificate(issued(key_.get())));
  EXPECT_FALSE(is_rsa_certificate(issued(test::ec_key().get())));
  EXPECT_FALSE(is_rsa_certificate({}));
}

}  // namespace
}  // namespace holdfast
