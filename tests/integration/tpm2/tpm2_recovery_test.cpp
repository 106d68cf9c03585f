// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/tpm2/on_tpm.hpp"
#include "tests/support/child_process.hpp"

#include <gtest/gtest.h>

namespace holdfast::test {
namespace {

using hal::DeviceAccess;
using hal::DevicePtr;
using hal::kNoDeadline;

class Tpm2Recovery : public OnTpm {
 protected:
  /// A key of each kind, each with the device that made it: with and without an auth value, in a file and persistent.
  void for_every_kind(const std::function<void(hal::KeyDevice&, hal::KeyHandle, const PublicKey&)>& body) {
    const std::string pin = pin_file("auth value");
    const std::pair<std::string, std::string> kinds[] = {{tpm_->file_uri("plain"), ""},
                                                         {tpm_->file_uri("protected"), pin},
                                                         {tpm_->handle_uri("0x81000020"), ""},
                                                         {tpm_->handle_uri("0x81000021"), pin}};
    for (const auto& [uri, source] : kinds) {
      SCOPED_TRACE(uri + " " + source);
      // A TPM that loses power after a protected key was used counts that as a wrong auth value (Part 1 §19.8.6).
      ASSERT_EQ(tpm_->run("tpm2_dictionarylockout -c"), 0);
      DevicePtr device = open(uri, DeviceAccess::provision, source);
      const PublicKey key = *generate(*device).description.public_key;
      device.reset();
      device = open(uri, DeviceAccess::sign, source);
      const hal::KeyHandle handle = find(*device);
      ASSERT_TRUE(sign(*device, handle, key));
      body(*device, handle, key);
    }
  }
};

TEST_F(Tpm2Recovery, ARestartedTpmIsReachedAgainByAReset) {
  for_every_kind([&](hal::KeyDevice& device, hal::KeyHandle handle, const PublicKey& key) {
    tpm_->stop();
    EXPECT_EQ(sign(device, handle, key).status(), Status::device_gone);
    EXPECT_EQ(sign(device, handle, key).status(), Status::device_gone) << "and nothing is sent into the void";
    EXPECT_EQ(device.reset(kNoDeadline).status(), Status::device_gone) << "it is still away";
    tpm_->start();
    const auto reset = device.reset(kNoDeadline);
    ASSERT_TRUE(reset) << told(reset.error());
    EXPECT_EQ(sign(device, handle, key).status(), Status::stale_key);
    const auto found = device.find_key({key}, kNoDeadline);
    ASSERT_TRUE(found) << told(found.error());
    EXPECT_TRUE(sign(device, *found, key));
  });
}

TEST_F(Tpm2Recovery, ARestartBetweenTwoSignaturesCostsAFindOrAResetAtMost) {
  for_every_kind([&](hal::KeyDevice& device, hal::KeyHandle handle, const PublicKey& key) {
    tpm_->restart();
    // The TCTI of swtpm 3.2 connects again by itself: a persistent key goes on, a loaded one is not there any more.
    Status status = sign(device, handle, key).status();
    if (status == Status::device_gone) {
      ASSERT_TRUE(device.reset(kNoDeadline));
      status = Status::stale_key;
    }
    if (status != Status::ok) {
      ASSERT_EQ(status, Status::stale_key);
      EXPECT_TRUE(sign(device, must(device.find_key({key}, kNoDeadline)), key));
    }
  });
}

// What is asked to explain a refusal waits no longer than the signature may.
TEST_F(Tpm2Recovery, ARefusalIsExplainedWithinTheDeadline) {
  constexpr std::uint32_t kSign = 0x15D;
  constexpr std::uint32_t kGetCapability = 0x17A;
  constexpr std::uint32_t kLockout = 0x921;
  constexpr std::uint32_t kRetry = 0x922;
  const PublicKey key = *generate(*open(tpm_->handle_uri("0x81000020"))).description.public_key;
  const DevicePtr device =
      open(std::string("tpm2:handle=0x81000020?tcti=") + HOLDFAST_TEST_TCTI_SHIM + ":plain," + tpm_->tcti(),
           DeviceAccess::sign);
  const hal::KeyHandle handle = find(*device);
  TctiShimControl& shim = tcti_shim();
  shim.begin_count();
  shim.strike_code = kSign;
  shim.fault = {.kind = TctiFault::Kind::answer, .value = kLockout};
  shim.strike_nth = 1;
  shim.fail_code = kGetCapability;
  shim.fail_with = kRetry;
  shim.failures = 1000;
  EXPECT_EQ(sign(*device, handle, key, hal::system_clock().boot()).status(), Status::pin_locked);
  EXPECT_EQ(shim.failures, 999U) << "asked once, and not until the TPM is less busy";
  shim.failures = 0;
}

// Nor does what is asked about an object that may still be there.
TEST_F(Tpm2Recovery, ALostKeyIsToldWithinTheDeadline) {
  constexpr std::uint32_t kReadPublic = 0x173;
  constexpr std::uint32_t kNotLoaded = 0x910;
  constexpr std::uint32_t kRetry = 0x922;
  generate(*open(tpm_->file_uri("agent")));
  const DevicePtr device = open(
      "tpm2:file=" + tpm_->folder().file("agent.pem") + "?tcti=" + HOLDFAST_TEST_TCTI_SHIM + ":plain," + tpm_->tcti(),
      DeviceAccess::sign);
  const hal::KeyHandle handle = find(*device);
  TctiShimControl& shim = tcti_shim();
  shim.begin_count();
  shim.strike_code = kReadPublic;
  shim.fault = {.kind = TctiFault::Kind::answer, .value = kNotLoaded};
  shim.strike_nth = 1;
  shim.fail_with = kRetry;
  shim.failures = 0;
  shim.fail_code = kReadPublic;
  shim.observer = [](const std::uint8_t*, std::size_t) {
    TctiShimControl& control = tcti_shim();
    if (control.struck == 1 && control.failures == 0) control.failures = 1000;
  };
  EXPECT_EQ(device->describe(handle, hal::system_clock().boot()).status(), Status::stale_key);
  EXPECT_EQ(shim.failures, 999U) << "asked once, and not until the TPM is less busy";
  shim.observer = nullptr;
  shim.failures = 0;
}

TEST_F(Tpm2Recovery, AForkedChildSendsNothingEvenWhenItEnds) {
  for_every_kind([&](hal::KeyDevice& device, hal::KeyHandle handle, const PublicKey& key) {
    EXPECT_EQ(run_in_child([&] {
                const bool is_refused = sign(device, handle, key).status() == Status::forked;
                device.close();
                return is_refused;
              }),
              0);
    EXPECT_TRUE(sign(device, handle, key)) << "the parent's conversation is undisturbed";
  });
}

TEST_F(Tpm2Recovery, TheCoreRecoversByItself) {
  // stale_key is cured by finding, device_gone by a reset: what the ladder does with these two words.
  DevicePtr device = open(tpm_->file_uri("agent"));
  const PublicKey key = *generate(*device).description.public_key;
  for (int i = 0; i < 5; ++i) {
    tpm_->restart();
    if (device->find_key({key}, kNoDeadline).status() == Status::device_gone) {
      ASSERT_TRUE(device->reset(kNoDeadline));
    }
    EXPECT_TRUE(sign(*device, must(device->find_key({key}, kNoDeadline)), key));
  }
}

}  // namespace
}  // namespace holdfast::test
