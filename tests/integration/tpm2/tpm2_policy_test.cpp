// SPDX-License-Identifier: Apache-2.0
#include "src/signer/key_policy.hpp"
#include "tests/integration/tpm2/on_tpm.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace holdfast::test {
namespace {

using hal::DeviceAccess;
using hal::DevicePtr;
using hal::KeyAttribute;
using hal::kNoDeadline;
using hal::Tristate;

constexpr std::uint32_t kSign = 0x15D;
constexpr std::uint32_t kPolicyPcr = 0x17F;
constexpr std::uint32_t kPcrRead = 0x17E;

// Keys bound to platform configuration registers. PCR 23 is one that anybody may reset, so that it can come back.
class Tpm2Policy : public OnTpm {
 protected:
  struct Kind {
    std::string name;  // of the key: what stands before the question mark
    std::string pin;
  };
  [[nodiscard]] std::vector<Kind> kinds() const {
    const std::string pin = pin_file("auth value");
    const std::string file = "file=" + tpm_->folder().file("bound");
    return {{file + ".pem", ""}, {file + "-too.pem", pin}, {"handle=0x81000070", ""}, {"handle=0x81000071", pin}};
  }
  [[nodiscard]] std::string uri(const std::string& name, const std::string& pcrs = {},
                                const std::string& shim = {}) const {
    const std::string tcti = shim.empty() ? tpm_->tcti() : HOLDFAST_TEST_TCTI_SHIM ":" + shim + "," + tpm_->tcti();
    return "tpm2:" + name + (pcrs.empty() ? "" : ";pcr=" + pcrs) + "?tcti=" + tcti;
  }
  void tools(const std::string& command) {
    std::string out;
    ASSERT_EQ(tpm_->run(command, &out), 0) << command << "\n" << out;
  }
  void extend(const std::string& pcr) { tools("tpm2_pcrextend " + pcr + ":sha256=" + std::string(64, '5')); }
  void reset_pcr() { tools("tpm2_pcrreset 23"); }
  Error refusal(const std::string& key_uri, std::string_view pin = {}) {
    const DevicePtr device = open(key_uri, DeviceAccess::sign, pin);
    const auto found = device->find_key({}, kNoDeadline);
    if (found) throw std::runtime_error("it was found");
    EXPECT_EQ(found.status(), Status::key_refused);
    EXPECT_FALSE(hint_of(found.error()).empty());
    return found.error();
  }
  /// A key of tpm2-tools at `handle`, with the policy in policy.digest.
  void make_foreign(const std::string& handle, const std::string& attributes) {
    tools(
        "tpm2_createprimary -Q -C o -G ecc256 -c root.ctx && tpm2_create -Q -C root.ctx -G ecc256:ecdsa-sha256:null "
        "-L "
        "policy.digest -u k.pub -r k.priv -a '" +
        attributes +
        "' && tpm2_flushcontext -t && tpm2_load -Q -C root.ctx -u k.pub -r k.priv -c k.ctx && tpm2_flushcontext -t "
        "&& "
        "tpm2_evictcontrol -Q -C o -c k.ctx " +
        handle + " && tpm2_flushcontext -t");
  }
  void make_pcr_policy(const std::string& pcrs) {
    tools("tpm2_startauthsession -S s.ctx && tpm2_policypcr -Q -S s.ctx -l " + pcrs +
          " -L policy.digest && tpm2_flushcontext s.ctx");
  }
};

TEST_F(Tpm2Policy, ABoundKeySignsWhileItsRegistersAreAsTheyWere) {
  for (const Kind& kind : kinds()) {
    SCOPED_TRACE(kind.name);
    DevicePtr device = open(uri(kind.name, "sha256:23,0"), DeviceAccess::provision, kind.pin);
    const hal::MadeKey made = generate(*device);
    const PublicKey key = *made.description.public_key;
    EXPECT_TRUE(check_key_policy(made.description, KeyProfile::strict));
    EXPECT_EQ(made.description.attributes.get(KeyAttribute::pcr_bound), Tristate::yes);
    EXPECT_EQ(made.description.attributes.get(KeyAttribute::user_with_auth), Tristate::no);
    const std::string pinned(made.description.uri.view());
    EXPECT_NE(pinned.find(";pcr=sha256:0=00000000,23=00000000;srk-name="), std::string::npos) << pinned;
    EXPECT_TRUE(sign(*device, made.handle, key));
    device.reset();
    // A file says its policy; of a persistent key its URI must.
    const bool is_file = kind.name.starts_with("file");
    for (const std::string& by : {pinned, uri(kind.name, is_file ? "" : "sha256:0,23")}) {
      device = open(by, DeviceAccess::sign, kind.pin);
      const hal::KeyHandle handle = find(*device);
      for (int i = 0; i < 20; ++i) {
        const auto done = sign(*device, handle, key);
        ASSERT_TRUE(done) << told(done.error());
      }
      ASSERT_TRUE(device->reset(kNoDeadline));
      EXPECT_TRUE(sign(*device, find(*device), key));
      device.reset();
    }
    extend("23");
    const Error changed = refusal(pinned, kind.pin);
    EXPECT_EQ(changed.detail.view(), "the PCR sha256:23 changed since the key was made");
    const Error unmarked = refusal(uri(kind.name, is_file ? "" : "sha256:0,23"), kind.pin);
    EXPECT_NE(unmarked.detail.view().find("one or more of the PCRs sha256:0,23 changed"), std::string_view::npos)
        << told(unmarked);
    // It cannot sign, and it can be removed.
    device = open(pinned, DeviceAccess::provision, kind.pin);
    const hal::KeyHandle handle = find(*device);
    EXPECT_EQ(sign(*device, handle, key).status(), Status::key_refused);
    device.reset();
    reset_pcr();
    device = open(pinned, DeviceAccess::provision, kind.pin);
    EXPECT_TRUE(sign(*device, find(*device), key)) << "and when it is as it was it signs again";
    EXPECT_TRUE(device->key_inventory()->destroy(find(*device)));
  }
}

TEST_F(Tpm2Policy, ARegisterThatChangesUnderAnOpenSignerIsNamed) {
  for (const Kind& kind : kinds()) {
    SCOPED_TRACE(kind.name);
    const DevicePtr device = open(uri(kind.name, "sha256:0,23", "plain"), DeviceAccess::provision, kind.pin);
    const hal::MadeKey made = generate(*device);
    const PublicKey key = *made.description.public_key;
    ASSERT_TRUE(sign(*device, made.handle, key));
    TctiShimControl& shim = tcti_shim();
    // Before the check: an extension of this very register afterwards, the TPM does not count (PC Client profile
    // §4.6).
    shim.extend_before = kPolicyPcr;
    shim.extend_pcr = 23;
    shim.extensions = 1;
    for (int i = 0; i < 2; ++i) {
      const auto refused = sign(*device, made.handle, key);
      ASSERT_EQ(refused.status(), Status::key_refused);
      EXPECT_EQ(refused.error().detail.view(), "the PCR sha256:23 changed since the key was made");
      EXPECT_NE(refused.error().native, 0U) << "the TPM's own code is told";
    }
    device->close();
    reset_pcr();
  }
}

TEST_F(Tpm2Policy, ARegisterOfOthersThatChangesInBetweenIsNoReason) {
  const DevicePtr device =
      open(uri("file=" + tpm_->folder().file("bound.pem"), "sha256:0,7", "plain"), DeviceAccess::provision);
  const hal::MadeKey made = generate(*device);
  TctiShimControl& shim = tcti_shim();
  shim.extend_before = kSign;
  shim.extend_pcr = 10;  // as the kernel's measurement of files does
  shim.extensions = 3;
  const auto done = sign(*device, made.handle, *made.description.public_key);
  EXPECT_TRUE(done) << told(done.error());
  EXPECT_EQ(shim.extensions, 0U);
  shim.extensions = 1000;
  const auto never = sign(*device, made.handle, *made.description.public_key);
  EXPECT_EQ(never.status(), Status::deadline_exceeded);
  EXPECT_STREQ(never.error().native_name, "TPM_RC_PCR_CHANGED");
  shim.extensions = 0;
  EXPECT_TRUE(sign(*device, made.handle, *made.description.public_key));
}

TEST_F(Tpm2Policy, ASignatureTakesThreeCommandsAndFourWithAnAuthValue) {
  for (const bool has_pin : {false, true}) {
    const std::string name = "file=" + tpm_->folder().file(has_pin ? "protected.pem" : "plain.pem");
    const DevicePtr device =
        open(uri(name, "sha256:0,7", "plain"), DeviceAccess::provision, has_pin ? pin_file("auth value") : "");
    const hal::MadeKey made = generate(*device);
    ASSERT_TRUE(sign(*device, made.handle, *made.description.public_key));
    const std::uint64_t before = tcti_shim().commands;
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(sign(*device, made.handle, *made.description.public_key));
    EXPECT_EQ(tcti_shim().commands - before, has_pin ? 40U : 30U);
  }
}

TEST_F(Tpm2Policy, AWrongAuthValueOfABoundKeyIsSentOnce) {
  const std::string name = "file=" + tpm_->folder().file("bound.pem");
  DevicePtr device = open(uri(name, "sha256:0"), DeviceAccess::provision, pin_file("the right one"));
  const PublicKey key = *generate(*device).description.public_key;
  device.reset();
  EXPECT_EQ(open(uri(name), DeviceAccess::sign)->find_key({}, kNoDeadline).status(), Status::pin_required);
  device = open(uri(name), DeviceAccess::sign, pin_file("a wrong one", "wrong"));
  const hal::KeyHandle handle = find(*device);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(sign(*device, handle, key).status(), Status::pin_incorrect);
  device.reset();
  std::string out;
  ASSERT_EQ(tpm_->run("tpm2_getcap properties-variable | grep LOCKOUT_COUNTER", &out), 0);
  EXPECT_NE(out.find("0x1"), std::string::npos) << out;
}

// What tpm2-tools make of it from the TPM alone.
TEST_F(Tpm2Policy, AKeyOfOursIsUsedByTpm2ToolsAndOneOfTheirsByUs) {
  DevicePtr device = open(uri("handle=0x81000070", "sha256:0,7,23"));
  generate(*device);
  device.reset();
  std::ofstream(tpm_->folder().file("message")) << "message";
  tools(
      "tpm2_startauthsession --policy-session -S s.ctx && tpm2_policypcr -Q -S s.ctx -l sha256:0,7,23 && "
      "tpm2_sign -c 0x81000070 -p session:s.ctx -g sha256 -s ecdsa -f plain -o signature message && "
      "tpm2_flushcontext s.ctx && tpm2_readpublic -Q -c 0x81000070 -f pem -o public.pem && "
      "openssl dgst -sha256 -verify public.pem -signature signature message");
  EXPECT_NE(tpm_->run("tpm2_sign -c 0x81000070 -g sha256 -s ecdsa -f plain -o signature message"), 0)
      << "without the policy nobody signs";

  make_pcr_policy("sha256:0,7,23");
  make_foreign("0x81000072", "fixedtpm|fixedparent|sensitivedataorigin|sign|noda");
  device = open(uri("handle=0x81000072", "sha256:0,7,23"), DeviceAccess::sign);
  const hal::KeyHandle handle = find(*device);
  const auto description = must(device->describe(handle));
  EXPECT_TRUE(check_key_policy(description, KeyProfile::strict));
  EXPECT_TRUE(sign(*device, handle, *description.public_key));
}

TEST_F(Tpm2Policy, APolicyThatCannotBeSatisfiedIsRefusedWhenItIsOpened) {
  tools(
      "tpm2_startauthsession -S s.ctx && tpm2_policycommandcode -Q -S s.ctx -L policy.digest TPM2_CC_Sign && "
      "tpm2_flushcontext s.ctx");
  make_foreign("0x81000073", "fixedtpm|fixedparent|sensitivedataorigin|sign|noda");
  EXPECT_NE(refusal(uri("handle=0x81000073")).detail.view().find("policy, which its URI does not say"),
            std::string_view::npos);
  EXPECT_NE(refusal(uri("handle=0x81000073", "sha256:0")).detail.view().find("or its policy is another one"),
            std::string_view::npos);
  EXPECT_NE(refusal(uri("handle=0x81000073", "sha256:0=00000000")).detail.view().find("is another one than that"),
            std::string_view::npos);
  DevicePtr device = open(uri("handle=0x81000073"));
  const hal::KeyHandle handle = find(*device);
  const auto description = must(device->describe(handle));
  EXPECT_EQ(check_key_policy(description, KeyProfile::strict).status(), Status::key_refused);
  EXPECT_EQ(sign(*device, handle, *description.public_key).status(), Status::key_refused);
  EXPECT_TRUE(device->key_inventory()->destroy(handle)) << "it can be removed";
}

TEST_F(Tpm2Policy, ABoundKeyThatItsAuthValueOpensTooIsRefusedByStrict) {
  make_pcr_policy("sha256:0");
  make_foreign("0x81000074", "fixedtpm|fixedparent|sensitivedataorigin|sign|noda|userwithauth");
  const DevicePtr device = open(uri("handle=0x81000074", "sha256:0"), DeviceAccess::sign);
  const auto key = must(device->describe(find(*device)));
  const auto verdict = check_key_policy(key, KeyProfile::strict);
  ASSERT_EQ(verdict.status(), Status::key_refused);
  EXPECT_EQ(verdict.error().detail.view(), "userWithAuth is true, profile strict wants false");
  EXPECT_TRUE(check_key_policy(key, KeyProfile::shared));
  EXPECT_TRUE(sign(*device, find(*device), *key.public_key));
}

TEST_F(Tpm2Policy, AnotherKeyThanTheUriBindsIsRefused) {
  const std::string bound = "file=" + tpm_->folder().file("bound.pem");
  const std::string open_to_all = "file=" + tpm_->folder().file("open.pem");
  DevicePtr device = open(uri(bound, "sha256:0"));
  generate(*device);
  device.reset();
  device = open(uri(open_to_all));
  generate(*device);
  device.reset();
  EXPECT_NE(refusal(uri(bound, "sha256:0,1")).detail.view().find("other PCRs than its URI says"),
            std::string_view::npos);
  EXPECT_NE(refusal(uri(open_to_all, "sha256:0")).detail.view().find("bound to none"), std::string_view::npos);
}

TEST_F(Tpm2Policy, ABankThatTheTpmDoesNotKeepIsToldWhenTheKeyIsMade) {
  tools("tpm2_pcrallocate -Q sha1:none+sha256:all");
  tpm_->restart();
  const DevicePtr device = open(uri("file=" + tpm_->folder().file("bound.pem"), "sha1:0"));
  const auto made = device->key_generator()->generate({.scheme = Scheme::es256, .label = {}, .id = {}}, kNoDeadline);
  ASSERT_EQ(made.status(), Status::scheme_unsupported) << told(made.error());
  EXPECT_NE(hint_of(made.error()).find("tpm2_getcap pcrs"), std::string_view::npos);
  EXPECT_EQ(must(device->key_inventory()->list({})), 0U) << "and no file is left";
}

TEST_F(Tpm2Policy, EveryRegisterOfABankCanBeBound) {
  const std::string every = "sha1:0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23";
  const std::string name = "file=" + tpm_->folder().file("bound.pem");
  DevicePtr device = open(uri(name, every));
  const hal::MadeKey made = generate(*device);
  EXPECT_TRUE(sign(*device, made.handle, *made.description.public_key));
  device.reset();
  device = open(std::string(made.description.uri.view()), DeviceAccess::sign);
  EXPECT_TRUE(sign(*device, find(*device), *made.description.public_key));
}

// More than eight registers take several answers, which belong together only if nothing changed in between.
TEST_F(Tpm2Policy, RegistersThatChangeWhileTheyAreReadAreReadAnew) {
  const std::string bound = uri("file=" + tpm_->folder().file("bound.pem"), "sha256:0,1,2,3,4,5,6,7,8,9,16", "plain");
  const DevicePtr device = open(bound);
  TctiShimControl& shim = tcti_shim();
  shim.extend_before = kPcrRead;
  shim.extend_pcr = 10;
  shim.extensions = 3;
  const hal::MadeKey made = generate(*device);
  EXPECT_EQ(shim.extensions, 0U);
  EXPECT_TRUE(sign(*device, made.handle, *made.description.public_key));
  shim.extensions = 1000;
  const auto never = device->find_key({}, kNoDeadline);
  shim.extensions = 0;
  ASSERT_EQ(never.status(), Status::deadline_exceeded);
  EXPECT_EQ(never.error().detail.view(), "they change all the time");
  EXPECT_TRUE(sign(*device, find(*device), *made.description.public_key));
}

TEST_F(Tpm2Policy, SeveralRegistersThatChangedAreNamedTogether) {
  const std::string name = "file=" + tpm_->folder().file("bound.pem");
  const std::string pinned(generate(*open(uri(name, "sha256:0,8,9,23"))).description.uri.view());
  extend("8");
  extend("23");
  EXPECT_EQ(refusal(pinned).detail.view(), "the PCRs sha256:8,23 changed since the key was made");
}

// The signature's own refusal stands where the registers cannot be looked at.
TEST_F(Tpm2Policy, WhatCannotBeExplainedIsToldAsTheTpmSaysIt) {
  const DevicePtr device = open(uri("file=" + tpm_->folder().file("bound.pem"), "sha256:0,23", "plain"));
  const hal::MadeKey made = generate(*device);
  TctiShimControl& shim = tcti_shim();
  shim.extend_before = kPolicyPcr;
  shim.extend_pcr = 23;
  shim.extensions = 1;
  shim.fail_code = kPcrRead;
  shim.fail_with = 0x101;  // TPM_RC_FAILURE
  shim.failures = 1;
  const auto refused = sign(*device, made.handle, *made.description.public_key);
  EXPECT_EQ(shim.failures, 0U);
  EXPECT_EQ(refused.status(), Status::key_refused);
  EXPECT_STREQ(refused.error().native_name, "TPM_RC_POLICY_FAIL");
  EXPECT_EQ(refused.error().detail.view().find("changed since"), std::string_view::npos) << told(refused.error());
}

TEST_F(Tpm2Policy, ABankThatTheTpmKeepsNoLongerIsTold) {
  const std::string name = "file=" + tpm_->folder().file("bound.pem");
  generate(*open(uri(name, "sha1:0,7")));
  tools("tpm2_pcrallocate -Q sha1:none+sha256:all");
  tpm_->restart();
  EXPECT_EQ(refusal(uri(name)).detail.view(), "the TPM does not keep all of sha1:0,7");
}

}  // namespace
}  // namespace holdfast::test
