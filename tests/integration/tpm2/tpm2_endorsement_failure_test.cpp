// SPDX-License-Identifier: Apache-2.0
//
// A maker's certificates and a verifier's challenge, where the TPM has none, has others, or fails.
#include "tests/integration/tpm2/on_tpm.hpp"

#include <gtest/gtest.h>
#include <tss2/tss2_common.h>
#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tpm2_types.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::test {
namespace {

using hal::DeviceAccess;
using hal::DevicePtr;
using hal::kNoDeadline;

const std::vector<std::byte> kNoChallenge(40, std::byte{1});

class Tpm2EndorsementFailure : public OnTpm {
 protected:
  void tools(const std::string& command) {
    std::string out;
    ASSERT_EQ(tpm_->run(command, &out), 0) << command << "\n" << out;
  }
  /// An index with `size` bytes of `content` and then zeroes in it; nothing is written without content.
  void define(const std::string& index, std::size_t size, std::string_view attributes, std::string content = {}) {
    tools("tpm2_nvdefine -Q " + index + " -C o -s " + std::to_string(size) + " -a '" + std::string(attributes) + "'");
    if (content.empty()) return;
    content.resize(size);
    tpm_->folder().write("content", content);
    tools("tpm2_nvwrite -Q " + index + " -C o -i content");
  }
  [[nodiscard]] std::string shimmed() const {
    return std::string("tpm2:?tcti=") + HOLDFAST_TEST_TCTI_SHIM + ":plain," + tpm_->tcti();
  }
  static Result<hal::SecretBytes> answer(hal::KeyDevice& device) {
    return device.endorsement()->answer(kNoChallenge, kNoChallenge, kNoDeadline);
  }
  static Result<std::size_t> count_certificates(hal::KeyDevice& device) {
    return device.endorsement()->certificates({}, kNoDeadline);
  }
  static void strike(std::uint32_t command, const TctiFault& fault) {
    tcti_shim().begin_count();
    tcti_shim().fault = fault;
    tcti_shim().strike_code = command;
    tcti_shim().strike_nth = 1;
  }
};

constexpr std::string_view kReadable = "ownerread|ownerwrite|authread|authwrite";

TEST_F(Tpm2EndorsementFailure, AnIndexIsACertificateIfItHoldsOne) {
  define("0x01C00002", 300, kReadable, std::string("\0", 1));                 // zeroes
  define("0x01C0000A", 64, kReadable);                                        // never written
  define("0x01C00012", 300, "ownerread|ownerwrite", "\x30\x82\x01");          // not for everybody
  define("0x01C00014", 300, kReadable, "\x30\x82\x02");                       // longer than its index
  define("0x01C00016", 3, kReadable, "\x30\x82\x01");                         // cut short
  define("0x01C00018", 700, kReadable, std::string("\x30\x82\x01\x00*", 5));  // one, with 440 zeroes behind it
  const DevicePtr device = open(tpm_->token_uri(), DeviceAccess::browse);
  EXPECT_EQ(must(count_certificates(*device)), 1U) << "counts what there is no room for";
  std::vector<hal::EndorsementCertificate> found(2);
  ASSERT_EQ(must(device->endorsement()->certificates(found, kNoDeadline)), 1U);
  EXPECT_EQ(found[0].size, 260U);
  EXPECT_EQ(found[0].der[4], std::byte{'*'});
}

TEST_F(Tpm2EndorsementFailure, AnIndexThatCannotBeReadIsNotTakenForNone) {
  define("0x01C00002", 300, kReadable, std::string("\x30\x82\x01\x00", 4));
  const DevicePtr device = open(shimmed(), DeviceAccess::browse);
  const std::pair<TctiFault, Status> expected[] = {
      {{.kind = TctiFault::Kind::answer, .value = TPM2_RC_FAILURE}, Status::device_fault},
      {{.kind = TctiFault::Kind::answer, .value = TPM2_RC_NV_LOCKED}, Status::permission_denied},
      {{.kind = TctiFault::Kind::answer, .value = TSS2_TCTI_RC_IO_ERROR}, Status::device_gone},
  };
  for (const std::uint32_t command : {TPM2_CC_NV_ReadPublic, TPM2_CC_NV_Read}) {
    for (const auto& [fault, status] : expected) {
      strike(command, fault);
      EXPECT_EQ(count_certificates(*device).status(), status) << std::hex << command;
      if (status == Status::device_gone) must(device->reset(kNoDeadline));
      tcti_shim().begin_count();
      EXPECT_EQ(must(count_certificates(*device)), 1U);
    }
  }
  // The answer is about another index: the last byte of the index stands behind the header and two sizes.
  strike(TPM2_CC_NV_ReadPublic, {.kind = TctiFault::Kind::garble, .value = 15});
  EXPECT_EQ(count_certificates(*device).status(), Status::device_fault);
  tcti_shim().begin_count();
}

TEST_F(Tpm2EndorsementFailure, AHierarchyWithAnAuthValueIsItsOwners) {
  const auto expect_owner = [this](const char* where) {
    const auto refused = answer(*open(tpm_->token_uri()));
    ASSERT_EQ(refused.status(), Status::permission_denied) << where;
    EXPECT_NE(hint_of(refused.error()).find("ask its owner"), std::string_view::npos) << where;
  };
  tools("tpm2_createek -Q -G rsa -u ek.pub -c 0x81010001 && tpm2_flushcontext -t && tpm2_changeauth -c e secret");
  expect_owner("its key is there");
  tools("tpm2_evictcontrol -Q -C o -c 0x81010001");
  expect_owner("its key would have to be made");
}

// The handles of the guidance, taken by keys of somebody else.
TEST_F(Tpm2EndorsementFailure, AnotherKeyAtItsHandleIsNotUsed) {
  for (const char* handle : {"0x81010001", "0x81000002"}) {
    tools(std::string("tpm2_createprimary -Q -C o -G ecc256:ecdsa-sha256:null -a "
                      "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign' -c k.ctx && tpm2_evictcontrol -Q "
                      "-C o -c k.ctx ") +
          handle + " && tpm2_flushcontext -t");
  }
  const DevicePtr device = open(tpm_->file_uri("agent"));
  const hal::MadeKey key = generate(*device);
  const hal::Attestation made = must(device->attestor()->attest(key.handle, {}, kNoDeadline));
  EXPECT_GT(made.attestation_key_size, 0U);
  EXPECT_EQ(answer(*device).status(), Status::attestation_refused) << "by its own key, for which it was not made";
}

TEST_F(Tpm2EndorsementFailure, WhatGoesWrongOnTheWayIsTold) {
  const DevicePtr device = open(shimmed());
  const auto expect = [&](std::uint32_t command, std::uint32_t code, Status status) {
    strike(command, {.kind = TctiFault::Kind::answer, .value = code});
    EXPECT_EQ(answer(*device).status(), status) << std::hex << command << " " << code;
    EXPECT_EQ(tcti_shim().struck, 1U) << std::hex << command;
    tcti_shim().begin_count();
  };
  expect(TPM2_CC_ReadPublic, TPM2_RC_CANCELED, Status::deadline_exceeded);
  expect(TPM2_CC_CreatePrimary, TPM2_RC_OBJECT_MEMORY, Status::resource_exhausted);
  expect(TPM2_CC_StartAuthSession, TPM2_RC_SESSION_MEMORY, Status::resource_exhausted);
  expect(TPM2_CC_PolicySecret, TPM2_RC_DISABLED, Status::permission_denied);
  expect(TPM2_CC_ActivateCredential, TPM2_RC_FAILURE, Status::attestation_refused);
  expect(TPM2_CC_ActivateCredential, TPM2_RC_INTEGRITY + TPM2_RC_P + TPM2_RC_1, Status::attestation_refused);
  expect(TPM2_CC_ActivateCredential, TPM2_RC_HANDLE + TPM2_RC_H + TPM2_RC_1, Status::key_not_found);
  expect(TPM2_CC_ActivateCredential, TPM2_RC_MEMORY, Status::resource_exhausted);
}

TEST_F(Tpm2EndorsementFailure, AConnectionThatBreaksLeavesNoKeyBehind) {
  may_leave_objects_ = true;  // the session of the command that was lost: no name tells it from another program's
  for (const std::uint32_t command : {TPM2_CC_ReadPublic, TPM2_CC_CreatePrimary, TPM2_CC_ActivateCredential}) {
    DevicePtr device = open(shimmed());
    strike(command, {.kind = TctiFault::Kind::answer, .value = TSS2_TCTI_RC_IO_ERROR});
    EXPECT_EQ(answer(*device).status(), Status::device_gone);
    tcti_shim().begin_count();
    EXPECT_TRUE(device->reset(kNoDeadline));
    device.reset();
    EXPECT_TRUE(tpm_->slots().transient.empty()) << std::hex << command;
  }
}

}  // namespace
}  // namespace holdfast::test
