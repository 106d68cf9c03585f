// SPDX-License-Identifier: Apache-2.0
#include "src/signer/key_policy.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace holdfast {
namespace {

using hal::BackendKind;
using hal::KeyAttribute;
using hal::KeyAttributes;

enum class Verdict { refused, accepted };

struct Attribute {
  KeyAttribute attribute;
  bool wanted;
  Verdict when_wrong_strict = Verdict::refused;
  Verdict when_wrong_imported = Verdict::refused;
  Verdict when_unknown = Verdict::refused;
};

// Written out again from design.md §6, not derived from the table under test.
const std::vector<Attribute> kPkcs11{
    {KeyAttribute::private_object, true},
    {KeyAttribute::sensitive, true},
    {KeyAttribute::always_sensitive, true, Verdict::refused, Verdict::accepted},
    {KeyAttribute::extractable, false},
    {KeyAttribute::never_extractable, true, Verdict::refused, Verdict::accepted},
    {KeyAttribute::local, true, Verdict::refused, Verdict::accepted},
    {KeyAttribute::sign, true},
    {KeyAttribute::sign_recover, false},
    {KeyAttribute::decrypt, false},
    {KeyAttribute::unwrap, false},
    {KeyAttribute::derive, false},
    {KeyAttribute::modifiable, false, Verdict::refused, Verdict::refused, Verdict::accepted},
    {KeyAttribute::copyable, false, Verdict::refused, Verdict::refused, Verdict::accepted},
};

const std::vector<Attribute> kTpm{
    {KeyAttribute::fixed_tpm, true, Verdict::refused, Verdict::accepted},
    {KeyAttribute::fixed_parent, true, Verdict::refused, Verdict::accepted},
    {KeyAttribute::sensitive_data_origin, true, Verdict::refused, Verdict::accepted},
    {KeyAttribute::tpm_sign, true},
    {KeyAttribute::tpm_decrypt, false},
    {KeyAttribute::scheme_pinned, true},
    {KeyAttribute::name_matches, true},
};

/// A key that is as its strict profile wants it, except that `changed` is wrong or not stated.
hal::KeyDescription key_with(BackendKind backend, std::optional<KeyAttribute> changed, std::optional<bool> value) {
  hal::KeyDescription key;
  key.backend = backend;
  for (const Attribute& row : backend == BackendKind::tpm2 ? kTpm : kPkcs11) {
    if (row.attribute != changed) key.attributes.set(row.attribute, row.wanted);
  }
  if (backend == BackendKind::tpm2) key.attributes.set(KeyAttribute::policy_known, true);
  if (changed) {
    KeyAttributes without;
    for (std::size_t i = 0; i < hal::kKeyAttributeCount; ++i) {
      const auto attribute = static_cast<KeyAttribute>(i);
      const auto state = key.attributes.get(attribute);
      if (attribute != *changed && state != hal::Tristate::unknown)
        without.set(attribute, state == hal::Tristate::yes);
    }
    if (value) without.set(*changed, *value);
    key.attributes = without;
  }
  return key;
}

void expect_verdict(Verdict verdict, const hal::KeyDescription& key, KeyProfile profile, KeyAttribute attribute,
                    std::string_view is, bool wanted) {
  const auto checked = check_key_policy(key, profile);
  const std::string name(hal::attribute_name(attribute));
  if (verdict == Verdict::accepted) {
    EXPECT_TRUE(checked) << name << ' ' << profile_name(profile) << ": " << checked.error().detail.view();
    return;
  }
  ASSERT_EQ(checked.status(), Status::key_refused) << name << ' ' << profile_name(profile);
  EXPECT_EQ(checked.error().detail.view(), name + ' ' + std::string(is) + ", profile " +
                                               std::string(profile_name(profile)) + " wants " +
                                               (wanted ? "true" : "false"));
  EXPECT_NE(checked.error().hint, nullptr);
}

TEST(KeyPolicy, AKeyMadeHereIsAcceptedByEveryProfileOfItsKind) {
  for (const BackendKind backend : {BackendKind::pkcs11, BackendKind::fake}) {
    for (const KeyProfile profile : {KeyProfile::strict, KeyProfile::imported}) {
      EXPECT_TRUE(check_key_policy(key_with(backend, {}, {}), profile));
    }
  }
  for (const KeyProfile profile : {KeyProfile::strict, KeyProfile::imported, KeyProfile::shared}) {
    EXPECT_TRUE(check_key_policy(key_with(BackendKind::tpm2, {}, {}), profile));
  }
}

TEST(KeyPolicy, EveryPkcs11AttributeTurnedIsRefusedByName) {
  for (const BackendKind backend : {BackendKind::pkcs11, BackendKind::fake}) {
    for (const Attribute& row : kPkcs11) {
      const auto key = key_with(backend, row.attribute, !row.wanted);
      const char* is = row.wanted ? "is false" : "is true";
      expect_verdict(row.when_wrong_strict, key, KeyProfile::strict, row.attribute, is, row.wanted);
      expect_verdict(row.when_wrong_imported, key, KeyProfile::imported, row.attribute, is, row.wanted);
    }
  }
}

TEST(KeyPolicy, AnAttributeTheTokenDoesNotStateIsRefusedUnlessItNeedNotKnowIt) {
  for (const Attribute& row : kPkcs11) {
    const auto key = key_with(BackendKind::pkcs11, row.attribute, {});
    expect_verdict(row.when_unknown, key, KeyProfile::strict, row.attribute, "is not stated by the device",
                   row.wanted);
    const Verdict imported = row.when_wrong_imported == Verdict::accepted ? Verdict::accepted : row.when_unknown;
    expect_verdict(imported, key, KeyProfile::imported, row.attribute, "is not stated by the device", row.wanted);
  }
}

TEST(KeyPolicy, EveryTpmAttributeTurnedIsRefusedByName) {
  for (const Attribute& row : kTpm) {
    const auto key = key_with(BackendKind::tpm2, row.attribute, !row.wanted);
    const char* is = row.wanted ? "is false" : "is true";
    expect_verdict(row.when_wrong_strict, key, KeyProfile::strict, row.attribute, is, row.wanted);
    expect_verdict(row.when_wrong_imported, key, KeyProfile::imported, row.attribute, is, row.wanted);
    const auto silent = key_with(BackendKind::tpm2, row.attribute, {});
    expect_verdict(Verdict::refused, silent, KeyProfile::strict, row.attribute, "is not stated by the device",
                   row.wanted);
  }
}

TEST(KeyPolicy, SharedLetsOnlyDecryptionAndAnOpenSchemeThrough) {
  for (const Attribute& row : kTpm) {
    const bool is_shared = row.attribute == KeyAttribute::tpm_decrypt || row.attribute == KeyAttribute::scheme_pinned;
    expect_verdict(is_shared ? Verdict::accepted : Verdict::refused,
                   key_with(BackendKind::tpm2, row.attribute, !row.wanted), KeyProfile::shared, row.attribute,
                   row.wanted ? "is false" : "is true", row.wanted);
  }
}

TEST(KeyPolicy, AnImportedTpmKeyNeedsAPolicyThatCannotDuplicateIt) {
  hal::KeyDescription key = key_with(BackendKind::tpm2, {}, {});
  key.attributes.set(KeyAttribute::policy_known, false);
  EXPECT_TRUE(check_key_policy(key, KeyProfile::imported)) << "a fixed key cannot leave by any policy";
  key.attributes.set(KeyAttribute::fixed_tpm, false);
  expect_verdict(Verdict::refused, key, KeyProfile::imported, KeyAttribute::policy_known, "is false", true);
  key.attributes.set(KeyAttribute::fixed_tpm, true);
  key.attributes.set(KeyAttribute::fixed_parent, false);
  expect_verdict(Verdict::refused, key, KeyProfile::imported, KeyAttribute::policy_known, "is false", true);
}

TEST(KeyPolicy, StrictTakesNoPolicyButOneItKnows) {
  hal::KeyDescription key = key_with(BackendKind::tpm2, KeyAttribute::policy_known, false);
  expect_verdict(Verdict::refused, key, KeyProfile::strict, KeyAttribute::policy_known, "is false", true);
  EXPECT_TRUE(check_key_policy(key, KeyProfile::shared)) << "as other tools make them, by name";
  key = key_with(BackendKind::tpm2, KeyAttribute::policy_known, {});
  expect_verdict(Verdict::refused, key, KeyProfile::strict, KeyAttribute::policy_known, "is not stated by the device",
                 true);
}

TEST(KeyPolicy, ABoundKeyThatItsAuthValueOpensTooIsNotBound) {
  hal::KeyDescription key = key_with(BackendKind::tpm2, {}, {});
  key.attributes.set(KeyAttribute::pcr_bound, true);
  expect_verdict(Verdict::refused, key, KeyProfile::strict, KeyAttribute::user_with_auth,
                 "is not stated by the device", false);
  key.attributes.set(KeyAttribute::user_with_auth, true);
  expect_verdict(Verdict::refused, key, KeyProfile::strict, KeyAttribute::user_with_auth, "is true", false);
  EXPECT_TRUE(check_key_policy(key, KeyProfile::shared));
  key.attributes.set(KeyAttribute::user_with_auth, false);
  EXPECT_TRUE(check_key_policy(key, KeyProfile::strict));
  key.attributes.set(KeyAttribute::pcr_bound, false);
  key.attributes.set(KeyAttribute::user_with_auth, true);
  EXPECT_TRUE(check_key_policy(key, KeyProfile::strict));
}

TEST(KeyPolicy, SharedIsNoProfileOfAPkcs11Key) {
  const auto checked = check_key_policy(key_with(BackendKind::pkcs11, {}, {}), KeyProfile::shared);
  EXPECT_EQ(checked.status(), Status::invalid_argument);
}

TEST(KeyPolicy, AProfileThatDoesNotExistLetsNothingThrough) {
  const auto no_profile = static_cast<KeyProfile>(9);
  EXPECT_EQ(check_key_policy(key_with(BackendKind::pkcs11, {}, {}), no_profile).status(), Status::invalid_argument);
  EXPECT_EQ(check_key_policy(key_with(BackendKind::tpm2, {}, {}), no_profile).status(), Status::invalid_argument);
}

TEST(KeyPolicy, ADescriptionWithoutAttributesIsRefused) {
  EXPECT_EQ(check_key_policy({}, KeyProfile::strict).status(), Status::key_refused);
  EXPECT_EQ(check_key_policy({}, KeyProfile::imported).status(), Status::key_refused);
}

TEST(KeyProfiles, NamesAreReadBack) {
  for (const KeyProfile profile : {KeyProfile::strict, KeyProfile::imported, KeyProfile::shared}) {
    const auto parsed = parse_profile(profile_name(profile));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, profile);
  }
  for (const std::string_view name : {"", "Strict", "strict ", "unknown"}) {
    EXPECT_EQ(parse_profile(name).status(), Status::invalid_argument) << name;
  }
  EXPECT_TRUE(is_weaker(KeyProfile::imported, KeyProfile::strict));
  EXPECT_TRUE(is_weaker(KeyProfile::shared, KeyProfile::strict));
  EXPECT_TRUE(is_weaker(KeyProfile::shared, KeyProfile::imported));
  EXPECT_TRUE(is_weaker(KeyProfile::imported, KeyProfile::shared)) << "it takes keys that were outside the TPM";
  for (const KeyProfile profile : {KeyProfile::strict, KeyProfile::imported, KeyProfile::shared}) {
    EXPECT_FALSE(is_weaker(KeyProfile::strict, profile));
    EXPECT_FALSE(is_weaker(profile, profile));
  }
}

}  // namespace
}  // namespace holdfast
