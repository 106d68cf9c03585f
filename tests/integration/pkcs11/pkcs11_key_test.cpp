// SPDX-License-Identifier: Apache-2.0
//
// One key's life on a token: made, found, described, used, removed.
#include "hal/registry.hpp"
#include "src/verification/signature.hpp"
#include "tests/support/softhsm.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace holdfast::test {
namespace {

using hal::DeviceAccess;
using hal::KeyAttribute;
using hal::kNoDeadline;
using hal::Tristate;

std::string described(const Error& error) {
  std::array<char, 512> text{};
  return std::string(write_message(error, text));
}

#define ASSERT_OK(result) ASSERT_TRUE(result.has_value()) << described((result).error())

class Pkcs11Key : public ::testing::TestWithParam<Scheme> {
 protected:
  void SetUp() override { HOLDFAST_SKIP_WITHOUT_SOFTHSM(); }

  static std::string through_shim(const SoftHsm& hsm, std::string_view object = "agent") {
    return hsm.uri(object, SoftHsm::shim_path());
  }
  static hal::MadeKey make(const SoftHsm& hsm, Scheme scheme, std::string_view label = "agent") {
    const auto device = open_for_test(through_shim(hsm), DeviceAccess::provision);
    auto made = device->key_generator()->generate({scheme, label, {}}, kNoDeadline);
    EXPECT_TRUE(made.has_value()) << described(made.error());
    return std::move(made).value();
  }
};

const std::array<std::byte, 32> kInput{std::byte{0x42}, std::byte{0x17}};

TEST_P(Pkcs11Key, signs_what_verifies_under_the_public_half) {
  const SoftHsm hsm;
  const auto made = make(hsm, GetParam());
  const auto device = open_for_test(through_shim(hsm), DeviceAccess::sign);
  const auto key = device->find_key({}, kNoDeadline);
  ASSERT_OK(key);
  const auto description = device->describe(*key);
  ASSERT_OK(description);
  EXPECT_EQ(description->public_key, made.description.public_key);
  const auto signature = device->sign(*key, GetParam(), kInput, kNoDeadline);
  ASSERT_OK(signature);
  const auto verifier = SignatureVerifier::prepare(*description->public_key);
  ASSERT_OK(verifier);
  const auto verdict = GetParam() == Scheme::ed25519 ? verifier->verify_message(kInput, *signature)
                                                     : verifier->verify_digest(kInput, *signature);
  EXPECT_TRUE(verdict.has_value()) << described(verdict.error());
}

TEST_P(Pkcs11Key, is_made_as_strong_as_the_token_allows) {
  const SoftHsm hsm;
  const auto made = make(hsm, GetParam());
  EXPECT_TRUE(made.dropped.empty());
  const auto& attributes = made.description.attributes;
  for (const KeyAttribute good :
       {KeyAttribute::token, KeyAttribute::private_object, KeyAttribute::sensitive, KeyAttribute::always_sensitive,
        KeyAttribute::never_extractable, KeyAttribute::local, KeyAttribute::sign, KeyAttribute::mechanisms_pinned}) {
    EXPECT_EQ(attributes.get(good), Tristate::yes) << attribute_name(good);
  }
  for (const KeyAttribute bad :
       {KeyAttribute::extractable, KeyAttribute::sign_recover, KeyAttribute::decrypt, KeyAttribute::unwrap,
        KeyAttribute::derive, KeyAttribute::modifiable, KeyAttribute::copyable, KeyAttribute::always_authenticate}) {
    EXPECT_EQ(attributes.get(bad), Tristate::no) << attribute_name(bad);
  }
}

INSTANTIATE_TEST_SUITE_P(both_schemes, Pkcs11Key, ::testing::Values(Scheme::ed25519, Scheme::es256),
                         [](const auto& scheme) { return std::string(scheme_name(scheme.param)); });

}  // namespace
}  // namespace holdfast::test
