// SPDX-License-Identifier: Apache-2.0
//
// Making, listing and removing keys.
#include "hal/signing_registry.hpp"
#include "src/verification/signature.hpp"
#include "tests/integration/pkcs11/on_token.hpp"

#include <set>
#include <vector>

namespace holdfast::test {
namespace {

class Pkcs11Provisioning : public OnToken {
 protected:
  Result<hal::MadeKey> generate(const std::string& uri, Scheme scheme = Scheme::ed25519,
                                std::string_view label = "agent", std::string_view id = "") const {
    const auto device = open_for_test(uri, DeviceAccess::provision);
    return device->key_generator()->generate({scheme, label, std::as_bytes(std::span(id.data(), id.size()))},
                                             kNoDeadline);
  }
  static std::size_t objects() { return RawSession(SoftHsm::kLabel).count_objects(); }
};

class Pkcs11MadeKey : public Pkcs11Provisioning, public ::testing::WithParamInterface<Scheme> {};

TEST_P(Pkcs11MadeKey, is_as_strong_as_the_token_allows) {
  const auto made = generate(direct(), GetParam());
  ASSERT_OK(made);
  EXPECT_TRUE(made->dropped.empty());
  const auto& attributes = made->description.attributes;
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
  EXPECT_EQ(made->description.id_hex.size(), 32U);
  EXPECT_EQ(made->description.scheme, GetParam());
}

TEST_P(Pkcs11MadeKey, signs_at_once_and_after_it_is_found) {
  const auto device = open_for_test(shimmed(), DeviceAccess::provision);
  const auto made = device->key_generator()->generate({GetParam(), "agent", {}}, kNoDeadline);
  ASSERT_OK(made);
  const auto verifier = SignatureVerifier::prepare(*made->description.public_key);
  const auto found = device->find_key({made->description.public_key}, kNoDeadline);
  ASSERT_OK(found);
  const std::array<std::byte, 32> input{std::byte{0x42}};
  for (const hal::KeyHandle key : {made->handle, *found}) {
    const auto signature = device->sign(key, GetParam(), input, kNoDeadline);
    ASSERT_OK(signature);
    EXPECT_OK(GetParam() == Scheme::ed25519 ? verifier->verify_message(input, *signature)
                                            : verifier->verify_digest(input, *signature));
  }
}

INSTANTIATE_TEST_SUITE_P(both_schemes, Pkcs11MadeKey, ::testing::Values(Scheme::ed25519, Scheme::es256),
                         [](const auto& scheme) { return std::string(scheme_name(scheme.param)); });

TEST_F(Pkcs11Provisioning, makes_no_second_key_of_a_name) {
  ASSERT_OK(generate(direct(), Scheme::ed25519, "agent", "one"));
  const std::size_t before = objects();
  EXPECT_STATUS(generate(direct(), Scheme::es256, "agent", "two"), already_exists);
  EXPECT_STATUS(generate(direct(), Scheme::ed25519, "another", "one"), already_exists);
  EXPECT_EQ(objects(), before);
}

TEST_F(Pkcs11Provisioning, takes_the_id_it_is_given) {
  const auto made = generate(direct(), Scheme::ed25519, "agent", "\x01\xff");
  ASSERT_OK(made);
  EXPECT_EQ(made->description.id_hex.view(), "01ff");
}

TEST_F(Pkcs11Provisioning, refuses_names_that_cannot_be_one) {
  EXPECT_STATUS(generate(direct(), Scheme::ed25519, ""), invalid_argument);
  EXPECT_STATUS(generate(direct(), Scheme::ed25519, std::string(129, 'x')), invalid_argument);
  EXPECT_STATUS(generate(direct(), Scheme::ed25519, "a\x1b[0m"), invalid_argument);
  EXPECT_STATUS(generate(direct(), Scheme::ed25519, "a", std::string(65, 'x')), invalid_argument);
  EXPECT_EQ(objects(), 0U);
}

TEST_F(Pkcs11Provisioning, is_not_offered_to_a_signer) {
  const auto device = open_for_test(direct(), DeviceAccess::sign);
  EXPECT_EQ(device->key_generator(), nullptr);
  EXPECT_EQ(device->export_probe(), nullptr);
  EXPECT_NE(device->key_inventory(), nullptr);
}

TEST_F(Pkcs11Provisioning, is_not_in_what_a_host_signs_with) {
  make_key();
  const std::string uri = direct();
  hal::DeviceOptions options;
  options.uri = uri;
  const auto opened = hal::open_for_signing(options);
  ASSERT_OK(opened);
  const hal::DevicePtr& device = *opened;
  EXPECT_EQ(device->key_generator(), nullptr);
  EXPECT_EQ(device->key_importer(), nullptr);
  EXPECT_EQ(device->key_inventory(), nullptr);
  EXPECT_EQ(device->key_remnants(), nullptr);
  EXPECT_EQ(device->export_probe(), nullptr);
  EXPECT_NE(device->key_agreement(), nullptr) << "sealed task ids";
  const auto key = device->find_key({}, kNoDeadline);
  ASSERT_OK(key);
  EXPECT_OK(device->sign(*key, Scheme::ed25519, std::as_bytes(std::span("message")), kNoDeadline));
}

TEST_F(Pkcs11Provisioning, reports_the_one_attribute_that_the_token_does_not_take) {
  SoftHsm::tell_lies("refuse:0x171");  // CKA_COPYABLE
  const auto made = generate(lying());
  ASSERT_OK(made);
  EXPECT_TRUE(made->dropped.contains(KeyAttribute::copyable));
  EXPECT_FALSE(made->dropped.contains(KeyAttribute::modifiable));
  EXPECT_FALSE(made->dropped.contains(KeyAttribute::mechanisms_pinned));
  EXPECT_EQ(made->description.attributes.get(KeyAttribute::modifiable), Tristate::no);
}

TEST_F(Pkcs11Provisioning, reports_two_attributes_that_the_token_does_not_take) {
  SoftHsm::tell_lies("refuse:0x40000600,refuse:0x109");  // CKA_ALLOWED_MECHANISMS, CKA_SIGN_RECOVER
  const auto made = generate(lying(), Scheme::es256);
  ASSERT_OK(made);
  EXPECT_TRUE(made->dropped.contains(KeyAttribute::mechanisms_pinned));
  EXPECT_TRUE(made->dropped.contains(KeyAttribute::sign_recover));
  EXPECT_FALSE(made->dropped.contains(KeyAttribute::derive));
}

TEST_F(Pkcs11Provisioning, drops_all_that_may_be_dropped_before_it_gives_up) {
  SoftHsm::tell_lies("refuse:0x171,refuse:0x170,refuse:0x10c,refuse:0x105");
  const auto made = generate(lying());
  ASSERT_OK(made);
  EXPECT_TRUE(made->dropped.contains(KeyAttribute::unwrap));
  EXPECT_EQ(made->description.attributes.get(KeyAttribute::extractable), Tristate::no);
}

TEST_F(Pkcs11Provisioning, never_drops_what_makes_the_key_safe) {
  for (const char* refusal : {"refuse:0x162", "refuse:0x103", "refuse:0x2"}) {
    SoftHsm::tell_lies(refusal);  // CKA_EXTRACTABLE, CKA_SENSITIVE, CKA_PRIVATE
    EXPECT_FALSE(generate(lying()).has_value());
  }
  EXPECT_EQ(objects(), 0U);
}

TEST_F(Pkcs11Provisioning, names_the_curve_where_the_token_wants_no_oid) {
  SoftHsm::tell_lies("no-oid");
  EXPECT_OK(generate(lying()));
}

TEST_F(Pkcs11Provisioning, leaves_nothing_when_a_call_fails) {
  const ShimControl& shim = shim_control();
  shim.reset_counts();
  { ASSERT_OK(generate(shimmed(), Scheme::ed25519, "agent", "one")); }
  const std::size_t before = objects();
  for (const char* function : {"C_GenerateKeyPair", "C_GetAttributeValue", "C_FindObjectsInit", "C_FindObjects"}) {
    // The nth call of the function fails, until a run succeeds.
    for (std::uint64_t nth = 1; nth < 60; ++nth) {
      const auto device = open_for_test(shimmed(), DeviceAccess::provision);
      shim.fail(function, nth, CKR_DEVICE_ERROR);
      const auto made = device->key_generator()->generate({Scheme::ed25519, "second", {}}, kNoDeadline);
      shim.clear_faults();
      if (made) {
        EXPECT_OK(device->key_inventory()->destroy(made->handle));
        break;
      }
      device->close();
      ASSERT_EQ(objects(), before) << function << " call " << nth;
    }
  }
  EXPECT_EQ(shim.open_sessions(), 0);
}

TEST_F(Pkcs11Provisioning, lists_every_key_and_says_how_many_there_are) {
  ASSERT_OK(generate(direct(), Scheme::ed25519, "one"));
  ASSERT_OK(generate(direct(), Scheme::es256, "two"));
  RawSession(SoftHsm::kLabel).make_rsa_pair("three");
  const auto device = open_for_test(direct(""), DeviceAccess::sign);
  std::vector<hal::KeyDescription> keys(8);
  const auto count = device->key_inventory()->list(keys);
  ASSERT_OK(count);
  ASSERT_EQ(*count, 3U);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < *count; ++i) {
    seen.insert(std::string(keys[i].label.view()));
    EXPECT_EQ(keys[i].scheme.has_value(), keys[i].label.view() != "three");
    EXPECT_EQ(keys[i].public_key.has_value(), keys[i].scheme.has_value());
    EXPECT_NE(keys[i].attributes.get(KeyAttribute::sign), Tristate::unknown);
  }
  EXPECT_EQ(seen, (std::set<std::string>{"one", "two", "three"}));
  EXPECT_EQ(*device->key_inventory()->list(std::span(keys).first(1)), 3U);
  EXPECT_EQ(*open_for_test(direct("two"), DeviceAccess::sign)->key_inventory()->list(keys), 1U);
}

TEST_F(Pkcs11Provisioning, lists_what_is_public_without_a_login) {
  const auto made = generate(direct());
  ASSERT_OK(made);
  const auto device = open_for_test("pkcs11:token=agents?module-path=" + SoftHsm::shim_path(), DeviceAccess::browse);
  std::vector<hal::KeyDescription> keys(4);
  const auto count = device->key_inventory()->list(keys);
  ASSERT_OK(count);
  ASSERT_EQ(*count, 1U);
  EXPECT_EQ(keys[0].public_key, made->description.public_key);
  EXPECT_EQ(shim_control().count("C_Login"), 0U);
  EXPECT_STATUS(device->find_key({}, kNoDeadline), key_not_found);
}

TEST_F(Pkcs11Provisioning, removes_both_halves_and_nothing_else) {
  ASSERT_OK(generate(direct(), Scheme::ed25519, "keep"));
  const std::size_t before = objects();
  ASSERT_OK(generate(direct(), Scheme::ed25519, "agent"));
  const auto device = open_for_test(shimmed(), DeviceAccess::provision);
  const auto key = device->find_key({}, kNoDeadline);
  ASSERT_OK(key);
  ASSERT_OK(device->key_inventory()->destroy(*key));
  EXPECT_STATUS(device->describe(*key), stale_key);
  EXPECT_STATUS(device->key_inventory()->destroy(*key), stale_key);
  device->close();
  EXPECT_EQ(objects(), before);
}

TEST_F(Pkcs11Provisioning, says_what_is_left_of_a_key_half_removed) {
  ASSERT_OK(generate(direct()));
  const auto device = open_for_test(shimmed(), DeviceAccess::provision);
  const auto key = device->find_key({}, kNoDeadline);
  shim_control().fail("C_DestroyObject", 2, CKR_DEVICE_ERROR);
  const auto removed = device->key_inventory()->destroy(*key);
  EXPECT_STATUS(removed, device_gone);
  EXPECT_EQ(removed.error().detail.view(), "the private key is gone, its public half may still be there");
}

TEST_F(Pkcs11Provisioning, removes_nothing_for_a_signer) {
  ASSERT_OK(generate(direct()));
  const auto device = open_for_test(direct(), DeviceAccess::sign);
  const auto key = device->find_key({}, kNoDeadline);
  EXPECT_STATUS(device->key_inventory()->destroy(*key), permission_denied);
}

}  // namespace
}  // namespace holdfast::test
