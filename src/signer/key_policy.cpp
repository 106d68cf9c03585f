// SPDX-License-Identifier: Apache-2.0
#include "src/signer/key_policy.hpp"

#include <array>
#include <span>

namespace holdfast {
namespace {

using hal::KeyAttribute;
using hal::Tristate;

enum class WhenUnknown : std::uint8_t { refuse, accept };

/// The profiles a row binds.
enum Profiles : std::uint8_t {
  kStrict = 1U << 0U,
  kImported = 1U << 1U,
  kShared = 1U << 2U,
  kEvery = kStrict | kImported | kShared,
};

struct Rule {
  KeyAttribute attribute;
  bool wanted;
  std::uint8_t profiles = kEvery;
  WhenUnknown when_unknown = WhenUnknown::refuse;
};

// Every profile a PKCS#11 key can have is strict or imported: `shared` is refused before this table is read.
// Extractability comes first, because the first refusal is the one a person reads.
constexpr std::array kPkcs11Rules{
    Rule{KeyAttribute::extractable, false},
    Rule{KeyAttribute::sensitive, true},
    Rule{KeyAttribute::private_object, true},
    Rule{KeyAttribute::never_extractable, true, kStrict},
    Rule{KeyAttribute::always_sensitive, true, kStrict},
    Rule{KeyAttribute::local, true, kStrict},
    Rule{KeyAttribute::sign, true},
    Rule{KeyAttribute::sign_recover, false},
    Rule{KeyAttribute::decrypt, false},
    Rule{KeyAttribute::unwrap, false},
    Rule{KeyAttribute::derive, false},
    // Older than PKCS#11 v2.40's text on them, many tokens know neither.
    Rule{KeyAttribute::modifiable, false, kEvery, WhenUnknown::accept},
    Rule{KeyAttribute::copyable, false, kEvery, WhenUnknown::accept},
};

constexpr std::array kTwinRules{
    Rule{KeyAttribute::extractable, false},
    Rule{KeyAttribute::sensitive, true},
    Rule{KeyAttribute::private_object, true},
    Rule{KeyAttribute::derive, true},
    Rule{KeyAttribute::sign, false},
    Rule{KeyAttribute::sign_recover, false},
    Rule{KeyAttribute::decrypt, false},
    Rule{KeyAttribute::unwrap, false},
    Rule{KeyAttribute::modifiable, false, kEvery, WhenUnknown::accept},
    Rule{KeyAttribute::copyable, false, kEvery, WhenUnknown::accept},
};

constexpr std::array kTpmRules{
    Rule{KeyAttribute::fixed_tpm, true, kStrict | kShared},
    Rule{KeyAttribute::fixed_parent, true, kStrict | kShared},
    Rule{KeyAttribute::sensitive_data_origin, true, kStrict | kShared},
    Rule{KeyAttribute::tpm_sign, true},
    Rule{KeyAttribute::tpm_decrypt, false, kStrict | kImported},
    Rule{KeyAttribute::scheme_pinned, true, kStrict | kImported},
    Rule{KeyAttribute::name_matches, true},
    // A policy that we do not know may let somebody else sign.
    Rule{KeyAttribute::policy_known, true, kStrict},
};

// The auth value, which may be empty, would do instead of the policy (TPM 2.0 Library Part 1 §19.7.1).
constexpr Rule kUseOfBoundKey{KeyAttribute::user_with_auth, false, kStrict};

// A key that came in can leave again if its policy lets TPM2_Duplicate through (TPM 2.0 Library Part 1 §23.3): it
// needs an empty policy, which never does, or one we know. A key fixed to its TPM and parent cannot leave by any
// policy.
constexpr Rule kPolicyOfMovableKey{KeyAttribute::policy_known, true, kImported};

constexpr std::uint8_t bit_of(KeyProfile profile) noexcept {
  switch (profile) {
    case KeyProfile::strict:
      return kStrict;
    case KeyProfile::imported:
      return kImported;
    case KeyProfile::shared:
      return kShared;
  }
  return 0;
}

constexpr std::string_view word_of(bool value) noexcept { return value ? "true" : "false"; }

const char* hint_for(const Rule& rule, KeyProfile profile, bool is_tpm) noexcept {
  if (profile == KeyProfile::strict && (rule.profiles & kImported) == 0) {
    return "if this key was brought in on purpose, name the profile imported; otherwise make a new key on the device";
  }
  if (is_tpm && (rule.profiles & kShared) == 0) {
    return "if this key was made by another tool on purpose, name the profile shared; otherwise make a new key";
  }
  return "make a new key on the device with holdfast key generate";
}

Error refusal(const Rule& rule, Tristate found, KeyProfile profile, bool is_tpm) noexcept {
  decltype(Error::detail) detail(hal::attribute_name(rule.attribute));
  if (found == Tristate::unknown) {
    detail.append(" is not stated by the device");
  } else {
    detail.append(" is ");
    detail.append(word_of(found == Tristate::yes));
  }
  detail.append(", profile ");
  detail.append(profile_name(profile));
  detail.append(" wants ");
  detail.append(word_of(rule.wanted));
  return failure(Status::key_refused, Layer::core, "checking the key's attributes")
      .about(detail.view())
      .with_hint(hint_for(rule, profile, is_tpm));
}

bool is_movable(const hal::KeyAttributes& attributes) noexcept {
  return attributes.get(KeyAttribute::fixed_tpm) != Tristate::yes ||
         attributes.get(KeyAttribute::fixed_parent) != Tristate::yes;
}

Result<void> check_rules(std::span<const Rule> rules, const hal::KeyAttributes& attributes, KeyProfile profile,
                         bool is_tpm) noexcept {
  for (const Rule& rule : rules) {
    if ((rule.profiles & bit_of(profile)) == 0) continue;
    const Tristate found = attributes.get(rule.attribute);
    if (found == Tristate::unknown && rule.when_unknown == WhenUnknown::accept) continue;
    if (found != (rule.wanted ? Tristate::yes : Tristate::no)) return refusal(rule, found, profile, is_tpm);
  }
  return {};
}

}  // namespace

Result<void> check_key_policy(const hal::KeyDescription& key, KeyProfile profile) noexcept {
  if (bit_of(profile) == 0) {
    return failure(Status::invalid_argument, Layer::core, "checking the key's attributes").about("no such profile");
  }
  if (key.backend == hal::BackendKind::tpm2) {
    if (is_movable(key.attributes)) {
      if (auto policy = check_rules({&kPolicyOfMovableKey, 1}, key.attributes, profile, true); !policy) return policy;
    }
    if (key.attributes.get(KeyAttribute::pcr_bound) == Tristate::yes) {
      if (auto use = check_rules({&kUseOfBoundKey, 1}, key.attributes, profile, true); !use) return use;
    }
    return check_rules(kTpmRules, key.attributes, profile, true);
  }
  if (profile == KeyProfile::shared) {
    return failure(Status::invalid_argument, Layer::core, "checking the key's attributes")
        .about("profile shared is for TPM keys")
        .with_hint("use the profile strict, or imported for a key that was brought in");
  }
  // The fake states what a PKCS#11 token states.
  return check_rules(kPkcs11Rules, key.attributes, profile, false);
}

Result<void> check_twin_policy(const hal::KeyDescription& twin) noexcept {
  return check_rules(kTwinRules, twin.attributes, KeyProfile::imported, false);
}

}  // namespace holdfast
