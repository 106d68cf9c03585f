// SPDX-License-Identifier: Apache-2.0
#include "src/signer/key_policy.hpp"
#include "tests/integration/tpm2/on_tpm.hpp"

#include <gtest/gtest.h>

namespace holdfast::test {
namespace {

using hal::DeviceAccess;
using hal::DevicePtr;
using hal::KeyAttribute;
using hal::kNoDeadline;
using hal::Tristate;

class Tpm2Key : public OnTpm {};

TEST_F(Tpm2Key, InAFileIsMadeFoundDescribedAndSigns) {
  DevicePtr device = open(tpm_->file_uri("agent"));
  const hal::MadeKey made = generate(*device, "agent");
  const PublicKey key = *made.description.public_key;
  EXPECT_TRUE(sign(*device, made.handle, key));
  EXPECT_EQ(made.description.label.view(), "agent");
  EXPECT_EQ(made.description.id_hex.view().substr(0, 4), "000b");
  EXPECT_TRUE(check_key_policy(made.description, KeyProfile::strict));
  device.reset();

  device = open(std::string(made.description.uri.view()), DeviceAccess::sign);
  const hal::KeyHandle handle = find(*device);
  const auto description = must(device->describe(handle));
  EXPECT_EQ(description.public_key, key);
  EXPECT_EQ(description.uri, made.description.uri);
  EXPECT_EQ(description.attributes.get(KeyAttribute::no_da), Tristate::yes);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(sign(*device, handle, key));
}

TEST_F(Tpm2Key, PersistentIsMadeFoundDescribedAndSigns) {
  DevicePtr device = open(tpm_->handle_uri("0x81000010"));
  const hal::MadeKey made = generate(*device);
  const PublicKey key = *made.description.public_key;
  EXPECT_TRUE(sign(*device, made.handle, key));
  EXPECT_EQ(made.description.label.view(), "0x81000010");
  EXPECT_TRUE(check_key_policy(made.description, KeyProfile::strict));
  device.reset();
  tpm_->restart();
  device = open(std::string(made.description.uri.view()), DeviceAccess::sign);
  EXPECT_TRUE(sign(*device, find(*device), key));
  device.reset();
  device = open(tpm_->handle_uri("0x81000010"));
  EXPECT_TRUE(device->key_inventory()->destroy(find(*device)));
  EXPECT_EQ(device->find_key({}, kNoDeadline).status(), Status::key_not_found);
}

TEST_F(Tpm2Key, WithAnAuthValueSignsThroughASaltedSession) {
  const std::string pin = pin_file("a rather good auth value");
  for (const std::string& uri : {tpm_->file_uri("protected"), tpm_->handle_uri("0x81000011")}) {
    DevicePtr device = open(uri, DeviceAccess::provision, pin);
    const hal::MadeKey made = generate(*device);
    const PublicKey key = *made.description.public_key;
    EXPECT_EQ(made.description.attributes.get(KeyAttribute::no_da), Tristate::no);
    EXPECT_TRUE(sign(*device, made.handle, key));
    device.reset();
    device = open(std::string(made.description.uri.view()), DeviceAccess::sign);
    const hal::KeyHandle handle = find(*device);
    for (int i = 0; i < 300; ++i) {
      const auto done = sign(*device, handle, key);
      ASSERT_TRUE(done) << told(done.error());
    }
    EXPECT_TRUE(device->reset(kNoDeadline));
    EXPECT_TRUE(sign(*device, find(*device), key)) << "the auth value is kept for after a reset";
  }
}

}  // namespace
}  // namespace holdfast::test
