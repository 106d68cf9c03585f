// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/tpm2/on_tpm.hpp"

#include <gtest/gtest.h>

#include <dlfcn.h>
#include <link.h>

#include <filesystem>

namespace holdfast::test {
namespace {

using hal::DeviceAccess;
using hal::DevicePtr;
using hal::kNoDeadline;

constexpr std::uint32_t kSign = 0x15D;
constexpr std::uint32_t kStartAuthSession = 0x176;

// Every test through the shim; see tests/support/tcti_shim.cpp for its modes.
class Tpm2Transport : public OnTpm {
 protected:
  [[nodiscard]] std::string uri(const std::string& name, const std::string& mode) const {
    return "tpm2:file=" + tpm_->folder().file(name + ".pem") + "?tcti=" + HOLDFAST_TEST_TCTI_SHIM + ":" + mode + "," +
           tpm_->tcti();
  }
  /// A device with a key that signs; `pin` is its auth value's source.
  DevicePtr device_with_key(const std::string& mode, std::string_view pin = {}) {
    DevicePtr device = open(uri("agent", mode), DeviceAccess::provision, pin);
    key_ = *generate(*device).description.public_key;
    device.reset();
    device = open(uri("agent", mode), DeviceAccess::sign, pin);
    handle_ = find(*device);
    return device;
  }
  static TctiShimControl& shim() { return tcti_shim(); }
  Result<void> sign_once(hal::KeyDevice& device, hal::BootTime deadline = kNoDeadline) {
    return sign(device, handle_, key_, deadline);
  }

  PublicKey key_;
  hal::KeyHandle handle_;
};

// A host that has locked itself down could not load it again: tests/cli/transcripts/12-traced-host-tpm.txt is one.
TEST_F(Tpm2Transport, ATctiThatConnectedStaysLoaded) {
  const auto find_library = [] { return dlopen("libtss2-tcti-swtpm.so.0", RTLD_NOW | RTLD_NOLOAD); };
  ASSERT_EQ(find_library(), nullptr) << "here before anybody used it";
  open(tpm_->file_uri("agent"), DeviceAccess::browse).reset();
  EXPECT_NE(find_library(), nullptr);
}

// What was checked is what is loaded: a link could be turned elsewhere in between.
TEST_F(Tpm2Transport, ATctiBehindALinkIsLoadedByItsOwnName) {
  const std::string library = tpm_->folder().file("own-name.so");
  const std::string link = tpm_->folder().file("link.so");
  std::filesystem::copy_file(HOLDFAST_TEST_TCTI_SHIM, library);
  std::filesystem::create_symlink(library, link);
  const DevicePtr device = open("tpm2:?tcti=" + link + ":plain," + tpm_->tcti(), DeviceAccess::browse);
  void* loaded = dlopen(library.c_str(), RTLD_NOW | RTLD_NOLOAD);
  ASSERT_NE(loaded, nullptr);
  const link_map* map = nullptr;
  ASSERT_EQ(dlinfo(loaded, RTLD_DI_LINKMAP, &map), 0);
  EXPECT_EQ(map->l_name, library);
  dlclose(loaded);
}

// As long as the path of any other file that is trusted.
TEST_F(Tpm2Transport, ATctiWhoseOwnNameIsLongIsLoadedAndStays) {
  const std::string folder =
      tpm_->folder().file(std::string(200, 'a') + "/" + std::string(200, 'b') + "/" + std::string(200, 'c'));
  const std::string library = folder + "/tcti.so";
  const std::string link = tpm_->folder().file("link.so");
  std::filesystem::create_directories(folder);
  std::filesystem::copy_file(HOLDFAST_TEST_TCTI_SHIM, library);
  std::filesystem::create_symlink(library, link);
  open("tpm2:?tcti=" + link + ":plain," + tpm_->tcti(), DeviceAccess::browse).reset();
  EXPECT_NE(dlopen(library.c_str(), RTLD_NOW | RTLD_NOLOAD), nullptr);
}

TEST_F(Tpm2Transport, OneCommandASignatureAndTwoWithAnAuthValue) {
  {
    const DevicePtr device = device_with_key("plain");
    const std::uint64_t before = shim().commands;
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(sign_once(*device));
    EXPECT_EQ(shim().commands - before, 10U);
  }
  ASSERT_EQ(tpm_->run("rm agent.pem"), 0);
  const DevicePtr device = device_with_key("plain", pin_file("auth value"));
  ASSERT_TRUE(sign_once(*device)) << "the first one asks for the lockout counter besides";
  const std::uint64_t before = shim().commands;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(sign_once(*device));
  EXPECT_EQ(shim().commands - before, 20U) << "a session for each, which ends with it";
}

TEST_F(Tpm2Transport, ATpmThatAsksToWaitIsAskedAgainWithABound) {
  const DevicePtr device = device_with_key("plain", pin_file("auth value"));
  for (const std::uint32_t code : {0x922U, 0x908U, 0x90AU, 0x920U}) {
    for (const std::uint32_t command : {kSign, kStartAuthSession}) {
      shim().fail_code = command;
      shim().fail_with = code;
      shim().failures = 3;
      EXPECT_TRUE(sign_once(*device)) << std::hex << code;
      EXPECT_EQ(shim().failures, 0U);
    }
  }
  shim().fail_code = kSign;
  shim().failures = 1'000'000;
  const auto late = sign_once(*device, hal::system_clock().boot().after(std::chrono::milliseconds(50)));
  EXPECT_EQ(late.status(), Status::deadline_exceeded);
  EXPECT_EQ(late.error().native, 0x920U);
  shim().failures = 0;
  EXPECT_TRUE(sign_once(*device)) << "and the next call works";
}

// Every code of the TPM's and of the TCTI's at every command of a signature: an answer, no harm, and afterwards at
// most a reset is needed.
TEST_F(Tpm2Transport, EveryCodeAtEveryCommandIsSurvived) {
  const DevicePtr device = device_with_key("manager", pin_file("auth value"));
  std::vector<std::uint32_t> codes{0x01E, 0xA0001, 0xA0003, 0xA0007, 0xA0008, 0xA000A, 0xA000C, 0xB0001, 0x70007};
  for (std::uint32_t code = 0x100; code <= 0x154; ++code) codes.push_back(code);
  for (std::uint32_t code = 0x80; code <= 0xA7; ++code) codes.push_back(code | 0x100U);
  for (std::uint32_t code = 0x901; code <= 0x923; ++code) codes.push_back(code);
  for (const std::uint32_t code : codes) {
    for (const std::uint32_t command : {kSign, kStartAuthSession}) {
      const bool waits = code == 0x922 || code == 0x908 || code == 0x90A || code == 0x920;
      // Wrong auth values are latched by design, and have a test of their own.
      if (waits || code == 0x18E || code == 0x1A2) continue;
      shim().fail_code = command;
      shim().fail_with = code;
      shim().failures = 1;
      const auto failed = sign_once(*device);
      ASSERT_FALSE(failed) << std::hex << code;
      EXPECT_NE(failed.status(), Status::ok);
      EXPECT_EQ(failed.error().layer, Layer::tpm2);
      if (failed.status() == Status::device_gone) {
        ASSERT_TRUE(device->reset(kNoDeadline));
        handle_ = find(*device);
      } else if (failed.status() == Status::stale_key) {
        handle_ = find(*device);
      }
      const auto again = sign_once(*device);
      ASSERT_TRUE(again) << std::hex << code << " " << told(again.error());
    }
  }
}

TEST_F(Tpm2Transport, ABrokenConnectionLeavesNoObjectBehindWithoutAManager) {
  const DevicePtr device = device_with_key("plain");
  for (const std::uint32_t code : {0xA000AU, 0x910U}) {
    shim().fail_code = kSign;
    shim().fail_with = code;
    shim().failures = 1;
    EXPECT_FALSE(sign_once(*device));
    ASSERT_TRUE(device->reset(kNoDeadline));
    handle_ = find(*device);
    EXPECT_TRUE(sign_once(*device));
  }
}

TEST_F(Tpm2Transport, AnAnswerThatWasChangedOnItsWayIsRefused) {
  const DevicePtr device = device_with_key("plain", pin_file("auth value"));
  shim().fail_code = kSign;
  // The HMAC stands at the end; a bit of it, of the nonce, and of s before them.
  for (const std::uint32_t from_end : {1U, 32U, 33U, 35U, 40U, 90U, 104U, 110U, 116U}) {
    ASSERT_TRUE(sign_once(*device));
    shim().garble_from_end = from_end;
    const auto garbled = sign_once(*device);
    shim().garble_from_end = 0;
    EXPECT_FALSE(garbled) << from_end;
    if (garbled.status() == Status::device_gone || garbled.status() == Status::stale_key) {
      ASSERT_TRUE(device->reset(kNoDeadline));
      handle_ = find(*device);
    }
  }
  EXPECT_TRUE(sign_once(*device));
}

TEST_F(Tpm2Transport, ThroughAResourceManagerItIsTheSame) {
  for (const char* mode : {"manager", "crowded"}) {
    for (const std::string& pin : {std::string(), pin_file("auth value")}) {
      const DevicePtr device = device_with_key(mode, pin);
      for (int i = 0; i < 50; ++i) {
        const auto done = sign_once(*device);
        ASSERT_TRUE(done) << mode << told(done.error());
      }
      ASSERT_EQ(tpm_->run("rm agent.pem"), 0);
    }
  }
}

}  // namespace
}  // namespace holdfast::test
