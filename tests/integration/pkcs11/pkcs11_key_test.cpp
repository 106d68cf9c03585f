// SPDX-License-Identifier: Apache-2.0
//
// Finding the one key a URI names, and saying truthfully what it is.
#include "src/verification/signature.hpp"
#include "tests/integration/pkcs11/on_token.hpp"

#include <optional>
#include <vector>

namespace holdfast::test {
namespace {

class Pkcs11Key : public OnToken {
 protected:
  void make_raw(Scheme scheme, std::string_view label, std::string_view id,
                std::vector<RawSession::Flag> flags = {}) const {
    RawSession(SoftHsm::kLabel).make_pair(scheme, label, id, std::move(flags));
  }
  Result<hal::KeyHandle> find(const std::string& uri, std::optional<PublicKey> expected = {}) const {
    const auto device = open(uri);
    if (!device) return device.error();
    return (*device)->find_key({expected}, kNoDeadline);
  }
  hal::KeyDescription describe(const std::string& uri) const {
    const auto device = open_for_test(uri, DeviceAccess::sign);
    const auto key = device->find_key({}, kNoDeadline);
    if (!key) throw std::runtime_error(described(key.error()));
    auto description = device->describe(*key);
    if (!description) throw std::runtime_error(described(description.error()));
    return std::move(description).value();
  }
};

TEST_F(Pkcs11Key, that_is_not_there) {
  const auto key = find(shimmed());
  EXPECT_STATUS(key, key_not_found);
  EXPECT_EQ(key.error().detail.view(), "object agent");
  EXPECT_EQ(shim_control().open_sessions(), 0);
}

TEST_F(Pkcs11Key, with_a_label_that_another_has_is_ambiguous_and_both_are_listed) {
  make_raw(Scheme::ed25519, "agent", "\x01");
  make_raw(Scheme::es256, "agent", "\x02");
  const auto key = find(direct());
  EXPECT_STATUS(key, ambiguous_match);
  EXPECT_NE(key.error().detail.view().find("agent (id 01)"), std::string_view::npos) << key.error().detail.view();
  EXPECT_NE(key.error().detail.view().find("agent (id 02)"), std::string_view::npos);
}

TEST_F(Pkcs11Key, with_a_label_that_another_has_is_found_by_its_id) {
  make_raw(Scheme::ed25519, "agent", "\x01");
  make_raw(Scheme::es256, "agent", "\x02");
  EXPECT_EQ(describe(direct("agent;id=%01")).scheme, Scheme::ed25519);
  EXPECT_EQ(describe(direct("agent;id=%02")).scheme, Scheme::es256);
}

TEST_F(Pkcs11Key, needs_no_name_if_it_is_alone) {
  make_key();
  EXPECT_OK(find(direct("")));
  make_key(Scheme::es256, "another");
  EXPECT_STATUS(find(direct("")), ambiguous_match);
}

TEST_F(Pkcs11Key, is_selected_again_by_the_uri_of_its_description) {
  const auto made = make_key(Scheme::ed25519, "agent/one;x=1 ü");
  const auto description = describe(std::string(made.uri.view()));
  EXPECT_EQ(description.public_key, made.public_key);
  EXPECT_EQ(description.id_hex, made.id_hex);
  EXPECT_NE(made.uri.view().find("serial="), std::string_view::npos);
  EXPECT_NE(made.uri.view().find("manufacturer=SoftHSM%20project"), std::string_view::npos);
}

TEST_F(Pkcs11Key, of_another_kind_is_refused) {
  {
    const RawSession token(SoftHsm::kLabel);
    token.make_rsa_pair("rsa");
    token.make_p384_pair("p384");
  }
  EXPECT_STATUS(find(direct("rsa")), scheme_unsupported);
  EXPECT_STATUS(find(direct("p384")), scheme_unsupported);
}

TEST_F(Pkcs11Key, whose_type_and_curve_disagree_is_refused) {
  make_key();
  SoftHsm::tell_lies("key-type:0x3");  // CKK_EC, with the curve Edwards25519
  EXPECT_STATUS(find(lying()), scheme_unsupported);
}

TEST_F(Pkcs11Key, signs_in_its_own_scheme_only) {
  for (const Scheme scheme : {Scheme::ed25519, Scheme::es256}) {
    const std::string label(scheme_name(scheme));
    make_key(scheme, label);
    const auto device = open_for_test(shimmed(label), DeviceAccess::sign);
    const auto key = device->find_key({}, kNoDeadline);
    ASSERT_OK(key);
    shim_control().reset_counts();
    const Scheme other = scheme == Scheme::ed25519 ? Scheme::es256 : Scheme::ed25519;
    const std::array<std::byte, 32> input{};
    EXPECT_STATUS(device->sign(*key, other, input, kNoDeadline), scheme_unsupported);
    EXPECT_EQ(shim_control().total(), 0U) << "the token was asked";
  }
}

TEST_F(Pkcs11Key, that_took_anothers_place_is_refused) {
  const auto old = make_key();
  {
    const auto device = open_for_test(direct(), DeviceAccess::provision);
    const auto key = device->find_key({}, kNoDeadline);
    ASSERT_OK(key);
    ASSERT_OK(device->key_inventory()->destroy(*key));
  }
  const auto fresh = make_key();
  ASSERT_NE(old.public_key, fresh.public_key);
  EXPECT_STATUS(find(direct(), old.public_key), key_changed);
  EXPECT_OK(find(direct(), fresh.public_key));
}

TEST_F(Pkcs11Key, of_another_scheme_than_expected_is_another_key) {
  const auto p256 = make_key(Scheme::es256, "p256");
  make_key(Scheme::ed25519, "agent");
  EXPECT_STATUS(find(direct(), p256.public_key), key_changed);
}

TEST_F(Pkcs11Key, without_a_public_half_needs_to_be_told_it) {
  make_raw(Scheme::ed25519, "bare", "\x09");
  const PublicKey expected = *describe(direct("bare")).public_key;
  RawSession(SoftHsm::kLabel).remove_public("bare");
  const auto untold = find(direct("bare"));
  EXPECT_STATUS(untold, key_not_found);
  EXPECT_NE(std::string_view(hint_of(untold.error())).find("CKA_ID"), std::string_view::npos);
  EXPECT_OK(find(direct("bare"), expected));

  const auto device = open_for_test(direct("bare"), DeviceAccess::sign);
  const auto key = device->find_key({expected}, kNoDeadline);
  ASSERT_OK(key);
  EXPECT_FALSE(device->describe(*key)->public_key.has_value());
  const std::array<std::byte, 4> message{};
  const auto signature = device->sign(*key, Scheme::ed25519, message, kNoDeadline);
  ASSERT_OK(signature);
  EXPECT_OK(SignatureVerifier::prepare(expected)->verify_message(message, *signature));
}

// A public object that somebody put there with the id of a key of ours.
class Pkcs11Stray : public Pkcs11Key {
 protected:
  static constexpr std::string_view kId = "\x09";

  static void add_public(CK_KEY_TYPE type, std::string_view params, std::string_view point) {
    const RawSession token(SoftHsm::kLabel);
    CK_OBJECT_CLASS object_class = CKO_PUBLIC_KEY;
    CK_BBOOL yes = CK_TRUE;
    const auto bytes = [](std::string_view text) { return const_cast<char*>(text.data()); };
    CK_ATTRIBUTE attributes[] = {{CKA_CLASS, &object_class, sizeof object_class},
                                 {CKA_KEY_TYPE, &type, sizeof type},
                                 {CKA_TOKEN, &yes, sizeof yes},
                                 {CKA_VERIFY, &yes, sizeof yes},
                                 {CKA_ID, bytes(kId), kId.size()},
                                 {CKA_LABEL, bytes("stray"), 5},
                                 {CKA_EC_PARAMS, bytes(params), params.size()},
                                 {CKA_EC_POINT, bytes(point), point.size()}};
    CK_OBJECT_HANDLE object = 0;
    require_ok(token.calls().C_CreateObject(token.handle(), attributes, std::size(attributes), &object), "stray");
  }
  /// As `openssl ecparam -name secp384r1` has it.
  static void add_p384() {
    add_public(CKK_EC, std::string_view("\x06\x05\x2b\x81\x04\x00\x22", 7), "\x04\x61\x04" + std::string(96, 'p'));
  }
  static std::size_t objects() { return RawSession(SoftHsm::kLabel).count_objects(); }
};

TEST_F(Pkcs11Stray, of_the_same_kind_is_told_apart_by_the_key_that_is_expected) {
  make_raw(Scheme::ed25519, "agent", kId);
  const PublicKey expected = *describe(direct()).public_key;
  add_public(CKK_EC_EDWARDS, std::string_view("\x06\x03\x2b\x65\x70", 5), "\x04\x20" + std::string(32, 's'));
  EXPECT_STATUS(find(direct()), ambiguous_match) << "nobody said which";
  {
    const auto device = open_for_test(direct(), DeviceAccess::provision);
    std::vector<hal::KeyDescription> listed(2);
    const auto count = device->key_inventory()->list(listed);
    ASSERT_OK(count);
    EXPECT_EQ(*count, 1U);
    EXPECT_EQ(listed[0].label.view(), "agent");
    EXPECT_FALSE(listed[0].public_key.has_value());
    const auto key = device->find_key({expected}, kNoDeadline);
    ASSERT_OK(key);
    const auto description = device->describe(*key);
    ASSERT_OK(description);
    EXPECT_EQ(description->public_key, expected);
    EXPECT_OK(device->key_inventory()->destroy(*key));
  }
  EXPECT_EQ(objects(), 1U) << "the stray one is not ours to remove";
}

TEST_F(Pkcs11Stray, on_another_curve_is_passed_over) {
  make_raw(Scheme::es256, "agent", kId);
  const PublicKey expected = *describe(direct()).public_key;
  add_p384();
  EXPECT_EQ(describe(direct()).public_key, expected);
  {
    const auto device = open_for_test(direct(), DeviceAccess::provision);
    std::vector<hal::KeyDescription> listed(2);
    ASSERT_OK(device->key_inventory()->list(listed));
    EXPECT_EQ(listed[0].public_key, expected);
    const auto key = device->find_key({}, kNoDeadline);
    ASSERT_OK(key);
    EXPECT_OK(device->key_inventory()->destroy(*key));
  }
  EXPECT_EQ(objects(), 1U);
}

TEST_F(Pkcs11Stray, that_is_all_there_is_is_an_error_for_its_key_alone) {
  make_raw(Scheme::es256, "agent", kId);
  RawSession(SoftHsm::kLabel).remove_public("agent");
  add_p384();
  EXPECT_STATUS(find(direct()), device_fault);
  std::vector<hal::KeyDescription> listed(2);
  ASSERT_OK(open_for_test(direct(), DeviceAccess::sign)->key_inventory()->list(listed));
  EXPECT_FALSE(listed[0].public_key.has_value());
}

TEST_F(Pkcs11Stray, that_is_all_there_is_is_in_nobodys_way_who_knows_the_key) {
  make_raw(Scheme::es256, "agent", kId);
  const PublicKey expected = *describe(direct()).public_key;
  RawSession(SoftHsm::kLabel).remove_public("agent");
  add_p384();
  const auto device = open_for_test(direct(), DeviceAccess::sign);
  const auto key = device->find_key({expected}, kNoDeadline);
  ASSERT_OK(key);
  EXPECT_FALSE(device->describe(*key)->public_key.has_value());
  const std::array<std::byte, 32> digest{};
  EXPECT_OK(device->sign(*key, Scheme::es256, digest, kNoDeadline));
}

struct Form {
  const char* name;
  const char* lie;
};
void PrintTo(const Form& form, std::ostream* out) { *out << form.name; }
class Pkcs11KeyForm : public Pkcs11Key, public ::testing::WithParamInterface<Form> {};

TEST_P(Pkcs11KeyForm, is_read) {
  for (const Scheme scheme : {Scheme::ed25519, Scheme::es256}) {
    if (scheme == Scheme::es256 && std::string_view(GetParam().lie).starts_with("params")) continue;
    SoftHsm::tell_lies("");
    const std::string label(scheme_name(scheme));
    const auto made = make_key(scheme, label);
    SoftHsm::tell_lies(GetParam().lie);
    const auto described = describe(lying(label));
    EXPECT_EQ(described.public_key, made.public_key);
    EXPECT_EQ(described.scheme, scheme);
  }
}

INSTANTIATE_TEST_SUITE_P(all, Pkcs11KeyForm,
                         ::testing::Values(Form{"raw_point", "point:raw"}, Form{"bit_string_point", "point:bits"},
                                           Form{"curve_by_name", "params:name"},
                                           Form{"curve_by_old_oid", "params:gnu"}),
                         [](const auto& form) { return std::string(form.param.name); });

TEST_F(Pkcs11Key, with_a_point_that_is_none) {
  make_key();
  SoftHsm::tell_lies("point:junk");
  EXPECT_STATUS(find(lying()), device_fault);
}

TEST_F(Pkcs11Key, that_wants_the_pin_each_time_is_refused) {
  make_raw(Scheme::ed25519, "agent", "\x01", {{CKA_ALWAYS_AUTHENTICATE, true}});
  const auto key = find(direct());
  EXPECT_STATUS(key, key_refused);
  EXPECT_TRUE(key.error().detail.view().starts_with("CKA_ALWAYS_AUTHENTICATE"));
}

struct Weakness {
  const char* name;
  CK_ATTRIBUTE_TYPE type;
  bool value;
  KeyAttribute attribute;
};
void PrintTo(const Weakness& weakness, std::ostream* out) { *out << weakness.name; }
class Pkcs11WeakKey : public Pkcs11Key, public ::testing::WithParamInterface<Weakness> {};

TEST_P(Pkcs11WeakKey, is_described_as_it_is) {
  const Weakness weakness = GetParam();
  make_raw(Scheme::es256, "weak", "\x01", {{weakness.type, weakness.value}});
  EXPECT_EQ(describe(direct("weak")).attributes.get(weakness.attribute),
            weakness.value ? Tristate::yes : Tristate::no);
}

INSTANTIATE_TEST_SUITE_P(all, Pkcs11WeakKey,
                         ::testing::Values(Weakness{"extractable", CKA_EXTRACTABLE, true, KeyAttribute::extractable},
                                           Weakness{"not_sensitive", CKA_SENSITIVE, false, KeyAttribute::sensitive},
                                           Weakness{"not_private", CKA_PRIVATE, false, KeyAttribute::private_object},
                                           Weakness{"modifiable", CKA_MODIFIABLE, true, KeyAttribute::modifiable},
                                           Weakness{"copyable", CKA_COPYABLE, true, KeyAttribute::copyable},
                                           Weakness{"decrypts", CKA_DECRYPT, true, KeyAttribute::decrypt},
                                           Weakness{"derives", CKA_DERIVE, true, KeyAttribute::derive},
                                           Weakness{"unwraps", CKA_UNWRAP, true, KeyAttribute::unwrap},
                                           Weakness{"recovers", CKA_SIGN_RECOVER, true, KeyAttribute::sign_recover}),
                         [](const auto& weakness) { return std::string(weakness.param.name); });

TEST_F(Pkcs11Key, without_pinned_mechanisms_says_so) {
  make_raw(Scheme::es256, "open", "\x01");
  EXPECT_NE(describe(direct("open")).attributes.get(KeyAttribute::mechanisms_pinned), Tristate::yes);
}

TEST_F(Pkcs11Key, leaves_open_what_its_token_does_not_know) {
  make_key();
  SoftHsm::tell_lies("no-attribute:0x171,no-attribute:0x102,no-attribute:0x40000600");
  const auto& attributes = describe(lying()).attributes;
  EXPECT_EQ(attributes.get(KeyAttribute::copyable), Tristate::unknown);
  EXPECT_EQ(attributes.get(KeyAttribute::mechanisms_pinned), Tristate::unknown);
  EXPECT_EQ(attributes.get(KeyAttribute::sensitive), Tristate::yes) << "the others are still read";
  EXPECT_EQ(attributes.get(KeyAttribute::extractable), Tristate::no);
}

// On a token behind a network each call is a round trip.
TEST_F(Pkcs11Key, is_read_in_two_calls_its_own_and_its_public_halfs) {
  const auto made = make_key();
  const ShimControl& shim = shim_control();
  const auto device = open_for_test(shimmed(), DeviceAccess::sign);
  shim.reset_counts();
  ASSERT_OK(device->find_key({made.public_key}, kNoDeadline));
  EXPECT_EQ(shim.count("C_GetAttributeValue"), 2U);
}

TEST_F(Pkcs11Key, is_found_with_the_same_calls_among_ten_objects_and_a_thousand) {
  const auto made = make_key();
  const ShimControl& shim = shim_control();
  const auto calls_to_find = [&] {
    shim.reset_counts();
    const auto device = open_for_test(shimmed(), DeviceAccess::sign);
    EXPECT_OK(device->find_key({made.public_key}, kNoDeadline));
    return shim.total();
  };
  hsm_.add_objects(10);
  const std::uint64_t among_ten = calls_to_find();
  hsm_.add_objects(990);
  ASSERT_GE(RawSession(SoftHsm::kLabel).count_objects(), 1000U);
  EXPECT_EQ(calls_to_find(), among_ten);
  EXPECT_EQ(shim.count("C_Login"), 1U);
}

}  // namespace
}  // namespace holdfast::test
