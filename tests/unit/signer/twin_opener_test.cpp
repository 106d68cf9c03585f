// SPDX-License-Identifier: Apache-2.0
#include "src/signer/twin_opener.hpp"

#include "hal/fake/clock.hpp"
#include "hal/fake/device.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <algorithm>
#include <vector>

namespace holdfast {
namespace {

using namespace std::chrono_literals;
using hal::BootTime;
using hal::fake::FakeDevice;

// protocol.md §7, vectors 1 and 2: the seed is 32 × 07.
constexpr std::string_view kPublic =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
constexpr std::string_view kBox = "V9tLNZ8jrl4Ubk4lEgVnBHIlBjSMFQwUdT0Mkz0E1CHl6kKN5okRS43ADd/oDRNtjxtopKhskJE=";
constexpr std::string_view kTwinHex = "28ad39fefd7fa3e200a9c626eef599e61a2d055c48a8288a4e7e4c4bca392878";

hal::SecretBytes twin_secret() {
  auto secret = hal::SecretBytes::allocate(32);
  const auto storage = secret->storage({});
  EXPECT_EQ(sodium_hex2bin(reinterpret_cast<unsigned char*>(storage.data()), storage.size(), kTwinHex.data(),
                           kTwinHex.size(), nullptr, nullptr, nullptr),
            0);
  secret->set_size(32);
  return std::move(*secret);
}

/// A device that notes by when each step is wanted, and how many calls are counted meanwhile.
class NotingDevice final : public hal::KeyDevice, private hal::KeyAgreement {
 public:
  NotingDevice(hal::KeyDevice& device, CallCount& calls) : device_(device), calls_(calls) {}

  Result<hal::KeyDescription> describe(hal::KeyHandle key, BootTime deadline) noexcept override {
    note(deadline);
    return device_.describe(key, deadline);
  }
  Result<hal::KeyHandle> find_key(const hal::KeySelector& selector, BootTime deadline) noexcept override {
    return device_.find_key(selector, deadline);
  }
  Result<Signature> sign(hal::KeyHandle key, Scheme scheme, std::span<const std::byte> input,
                         BootTime deadline) noexcept override {
    return device_.sign(key, scheme, input, deadline);
  }
  Result<void> reset(BootTime deadline) noexcept override { return device_.reset(deadline); }
  Result<hal::TokenDescription> describe_token() noexcept override { return device_.describe_token(); }
  hal::KeyAgreement* key_agreement() noexcept override { return this; }
  void close() noexcept override { device_.close(); }

  std::vector<std::int64_t> deadlines;
  bool was_counted = true;

 private:
  Result<hal::KeyHandle> find_twin(std::string_view uri, BootTime deadline) noexcept override {
    note(deadline);
    return device_.key_agreement()->find_twin(uri, deadline);
  }
  Result<hal::SecretBytes> agree(hal::KeyHandle key, std::span<const std::byte, 32> peer_public,
                                 BootTime deadline) noexcept override {
    note(deadline);
    return device_.key_agreement()->agree(key, peer_public, deadline);
  }
  void note(BootTime deadline) noexcept {
    deadlines.push_back(deadline.ns);
    was_counted = was_counted && !calls_.is_zero();
  }

  hal::KeyDevice& device_;
  CallCount& calls_;
};

TEST(TwinOpener, EachStepEndsAtTheDeadlineAndIsCounted) {
  hal::fake::FakeClock clock;
  hal::fake::FakeToken token(clock);
  const hal::DevicePtr fake =
      FakeDevice::open(token, {.label = "agent", .access = hal::DeviceAccess::provision}).value();
  const PublicKey key = parse_ssh_public_key(kPublic).value();
  const auto twin = fake->key_importer()->import_twin({Scheme::ed25519, "twin", {}}, twin_secret(),
                                                      x25519_public_key(key).value(), hal::kNoDeadline);
  ASSERT_TRUE(twin);
  CallCount calls;
  NotingDevice device(*fake, calls);
  auto opener = TwinOpener::create(device, clock, calls, twin->description.uri.view(), key);
  ASSERT_TRUE(opener);
  const auto id = opener->open_sealed_task(kBox, 30s);
  ASSERT_TRUE(id) << id.error().detail.view();
  EXPECT_EQ(id->view(), "task-123");
  EXPECT_EQ(device.deadlines, std::vector<std::int64_t>(3, clock.boot().after(30s).ns)) << "find, describe, agree";
  EXPECT_TRUE(device.was_counted);
  EXPECT_TRUE(calls.is_zero());
}

}  // namespace
}  // namespace holdfast
