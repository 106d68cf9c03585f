// SPDX-License-Identifier: Apache-2.0
#include "hal/fake/device.hpp"

#include "holdfast/verifier.hpp"

#include "hal/fake/clock.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <thread>

// What every back end must do is asked by tests/contract; here stands what only the fake can.
namespace holdfast::hal::fake {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kMessage = "message";

Secret secret_of(unsigned char byte) {
  Secret secret;
  secret.fill(static_cast<std::byte>(byte));
  return secret;
}

class FakeDeviceTest : public testing::Test {
 protected:
  FakeDeviceTest() { key_ = token_.put_key("agent", Scheme::ed25519, secret_of(7)).value(); }
  DevicePtr open(DeviceAccess access = DeviceAccess::sign, std::string_view label = "agent") {
    return FakeDevice::open(token_, {.label = label, .access = access}).value();
  }
  static Result<Signature> sign(KeyDevice& device, KeyHandle handle) {
    return device.sign(handle, Scheme::ed25519, std::as_bytes(std::span(kMessage)), kNoDeadline);
  }
  static Error error(Status status) { return failure(status, Layer::core, "testing"); }

  FakeClock clock_;
  FakeToken token_{clock_};
  PublicKey key_;
};

TEST_F(FakeDeviceTest, TheScriptFailsTheNthCallAndOnlyThat) {
  const DevicePtr device = open();
  const KeyHandle handle = device->find_key({}, kNoDeadline).value();
  token_.script().fail(Call::sign, 2, error(Status::device_fault));
  EXPECT_TRUE(sign(*device, handle));
  EXPECT_EQ(sign(*device, handle).status(), Status::device_fault);
  EXPECT_TRUE(sign(*device, handle));
  EXPECT_EQ(token_.script().calls(Call::sign), 3U);
}

TEST_F(FakeDeviceTest, EveryFailureGivesBackWhatWasTaken) {
  for (std::uint64_t nth = 1; nth <= 6; ++nth) {
    {
      token_.script().fail_nth(nth, error(Status::device_fault));
      auto device = FakeDevice::open(token_, {.label = "agent"});
      const auto handle = device ? (*device)->find_key({}, kNoDeadline) : Result<KeyHandle>(device.error());
      const auto signature = handle ? sign(**device, *handle) : Result<Signature>(handle.error());
      EXPECT_EQ(signature.has_value(), nth == 6) << nth;
      token_.script().clear();
    }
    EXPECT_TRUE(token_.ledger().is_balanced()) << nth;
  }
}

TEST_F(FakeDeviceTest, AFailureWhileMakingAKeyLeavesNoObject) {
  const DevicePtr device = open(DeviceAccess::provision, "new");
  for (const Call call : {Call::make, Call::read_attributes}) {
    token_.script().fail(call, 1, error(Status::device_fault));
    const auto made =
        device->key_generator()->generate({.scheme = Scheme::ed25519, .label = "new", .id = {}}, kNoDeadline);
    EXPECT_EQ(made.status(), Status::device_fault);
    EXPECT_EQ(token_.object_count(), 1U);
  }
  for (const Call call : {Call::make, Call::export_attempt}) {
    token_.script().fail(call, 1, error(Status::device_fault));
    EXPECT_EQ(device->export_probe()->try_export(Scheme::es256, kNoDeadline).status(), Status::device_fault);
    EXPECT_EQ(token_.object_count(), 1U);
  }
}

TEST_F(FakeDeviceTest, ATokenThatWentAwayComesBackInThreeWays) {
  const DevicePtr device = open();
  KeyHandle handle = device->find_key({}, kNoDeadline).value();
  token_.take_away();
  EXPECT_EQ(sign(*device, handle).status(), Status::device_gone);
  EXPECT_EQ(device->reset(kNoDeadline).status(), Status::device_gone);
  token_.bring_back(TokenReturn::as_before);
  EXPECT_TRUE(sign(*device, handle));
  token_.bring_back(TokenReturn::needs_find);
  EXPECT_EQ(sign(*device, handle).status(), Status::stale_key);
  handle = device->find_key({}, kNoDeadline).value();
  EXPECT_TRUE(sign(*device, handle));
  token_.bring_back(TokenReturn::needs_reset);
  EXPECT_EQ(device->find_key({}, kNoDeadline).status(), Status::device_gone);
  EXPECT_TRUE(device->reset(kNoDeadline));
  EXPECT_EQ(sign(*device, handle).status(), Status::stale_key);
  EXPECT_TRUE(device->find_key({}, kNoDeadline));
}

TEST_F(FakeDeviceTest, AReplacedKeyMakesTheHandleStale) {
  const DevicePtr device = open();
  const KeyHandle handle = device->find_key({key_}, kNoDeadline).value();
  ASSERT_TRUE(token_.replace_key("agent", Scheme::ed25519, secret_of(8)));
  EXPECT_EQ(sign(*device, handle).status(), Status::stale_key);
  EXPECT_EQ(device->find_key({key_}, kNoDeadline).status(), Status::key_changed);
  EXPECT_TRUE(device->find_key({}, kNoDeadline));
}

TEST_F(FakeDeviceTest, SignaturesAreSpoiledAsAsked) {
  const DevicePtr device = open();
  const KeyHandle handle = device->find_key({}, kNoDeadline).value();
  token_.script().spoil_signatures(SignatureFault::wrong, 1);
  const auto wrong = sign(*device, handle);
  ASSERT_TRUE(wrong);
  EXPECT_FALSE(verify_signature(key_, std::as_bytes(std::span(kMessage)), *wrong));
  token_.script().spoil_signatures(SignatureFault::cut, 1);
  EXPECT_EQ(sign(*device, handle).status(), Status::device_fault);
  const auto right = sign(*device, handle);
  ASSERT_TRUE(right);
  EXPECT_TRUE(verify_signature(key_, std::as_bytes(std::span(kMessage)), *right));
}

TEST_F(FakeDeviceTest, ASignatureTakesItsTimeOnTheClock) {
  const DevicePtr device = open();
  const KeyHandle handle = device->find_key({}, kNoDeadline).value();
  const BootTime start = clock_.boot();
  token_.set_latency(190ms);
  clock_.jump_when_blocked(1);
  EXPECT_TRUE(sign(*device, handle));
  EXPECT_EQ(clock_.boot(), start.after(190ms));
}

TEST_F(FakeDeviceTest, AHungSignatureHoldsItsCallerOnly) {
  const DevicePtr device = open();
  const KeyHandle handle = device->find_key({}, kNoDeadline).value();
  token_.hang();
  std::thread hung([&] { EXPECT_TRUE(sign(*device, handle)); });
  clock_.await_blocked(1);
  EXPECT_TRUE(device->describe(handle));
  token_.release();
  hung.join();
}

TEST_F(FakeDeviceTest, AKeyOfAnotherKindIsShownAndRefused) {
  token_.put_other("rsa");
  const DevicePtr device = open(DeviceAccess::browse, "rsa");
  EXPECT_EQ(device->find_key({}, kNoDeadline).status(), Status::scheme_unsupported);
  std::array<KeyDescription, 1> keys;
  EXPECT_EQ(device->key_inventory()->list(keys).value(), 1U);
  EXPECT_FALSE(keys[0].scheme);
}

TEST_F(FakeDeviceTest, ALyingTokenGivesItsKeyAway) {
  const DevicePtr device = open(DeviceAccess::provision);
  EXPECT_FALSE(device->export_probe()->try_export(Scheme::ed25519, kNoDeadline).value().gave_way());
  token_.set_lying(true);
  EXPECT_TRUE(device->export_probe()->try_export(Scheme::ed25519, kNoDeadline).value().gave_way());
}

// RFC 7748 §6.1.
TEST_F(FakeDeviceTest, ATwinAgreesOnTheSecretOfRfc7748) {
  constexpr std::array<unsigned char, 32> kAlice{0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1,
                                                 0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0,
                                                 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a};
  constexpr std::array<unsigned char, 32> kBobPublic{0xde, 0x9e, 0xdb, 0x7d, 0x7b, 0x7d, 0xc1, 0xb4, 0xd3, 0x5b, 0x61,
                                                     0xc2, 0xec, 0xe4, 0x35, 0x37, 0x3f, 0x83, 0x43, 0xc8, 0x5b, 0x78,
                                                     0x67, 0x4d, 0xad, 0xfc, 0x7e, 0x14, 0x6f, 0x88, 0x2b, 0x4f};
  constexpr std::array<unsigned char, 32> kShared{0x4a, 0x5d, 0x9d, 0x5b, 0xa4, 0xce, 0x2d, 0xe1, 0x72, 0x8e, 0x3b,
                                                  0xf4, 0x80, 0x35, 0x0f, 0x25, 0xe0, 0x7e, 0x21, 0xc9, 0x47, 0xd1,
                                                  0x9e, 0x33, 0x76, 0xf0, 0x9b, 0x3c, 0x1e, 0x16, 0x17, 0x42};
  const DevicePtr device = open(DeviceAccess::provision, "twin");
  SecretBytes secret = SecretBytes::allocate(32).value();
  std::ranges::copy(std::as_bytes(std::span(kAlice)), secret.storage({}).begin());
  secret.set_size(32);
  const auto bob = std::as_bytes(std::span(kBobPublic));
  const auto twin = device->key_importer()->import_twin({.scheme = Scheme::ed25519, .label = "twin", .id = {}},
                                                        secret, bob, kNoDeadline);
  ASSERT_TRUE(twin);
  const auto shared = device->key_agreement()->agree(twin->handle, bob, kNoDeadline);
  ASSERT_TRUE(shared);
  EXPECT_TRUE(std::ranges::equal(shared->reveal({}), std::as_bytes(std::span(kShared))));
  const std::array<std::byte, 32> small_order{};
  const auto nothing = device->key_agreement()->agree(twin->handle, small_order, kNoDeadline);
  ASSERT_TRUE(nothing);
  EXPECT_TRUE(std::ranges::all_of(nothing->reveal({}), [](std::byte b) { return b == std::byte{0}; }));
  EXPECT_EQ(sign(*device, twin->handle).status(), Status::scheme_unsupported);
}

TEST(FakeKeyMaterial, ScalarsOutsideTheGroupAreRefused) {
  EXPECT_EQ(derive_public(Scheme::es256, Secret{}).status(), Status::invalid_argument);
  EXPECT_EQ(derive_public(Scheme::es256, secret_of(0xff)).status(), Status::invalid_argument);
  EXPECT_TRUE(check_public_key(derive_public(Scheme::es256, random_secret(Scheme::es256)).value()));
}

}  // namespace
}  // namespace holdfast::hal::fake
