// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/tpm2/on_tpm.hpp"

#include <gtest/gtest.h>

namespace holdfast::test {
namespace {

using hal::DeviceAccess;
using hal::DevicePtr;
using hal::kNoDeadline;

// A TPM whose owner hierarchy has an auth value.
class Tpm2Owner : public OnTpm {
 protected:
  void SetUp() override {
    OnTpm::SetUp();
    if (tpm_) tools("tpm2_changeauth -c o 'the owner'");
  }
  void tools(const std::string& command) {
    std::string out;
    ASSERT_EQ(tpm_->run(command, &out), 0) << command << "\n" << out;
  }
  [[nodiscard]] DevicePtr open_as_owner(const std::string& uri, std::string_view owner = "the owner",
                                        std::string_view pin = {}) const {
    return open_tpm(uri, DeviceAccess::provision, pin, nullptr, pin_file(owner, "owner"));
  }
  static Result<hal::MadeKey> try_to_generate(hal::KeyDevice& device) {
    return device.key_generator()->generate({.scheme = Scheme::es256, .label = {}, .id = {}}, kNoDeadline);
  }
};

TEST_F(Tpm2Owner, MakesKeysThatAreThenUsedWithoutItsAuthValue) {
  const std::string pin = pin_file("auth value");
  const std::pair<std::string, std::string> kinds[] = {{tpm_->file_uri("plain"), ""},
                                                       {tpm_->file_uri("protected"), pin},
                                                       {tpm_->handle_uri("0x81000080"), ""},
                                                       {tpm_->handle_uri("0x81000081"), pin}};
  for (const auto& [uri, source] : kinds) {
    SCOPED_TRACE(uri);
    DevicePtr device = open_as_owner(uri, "the owner", source);
    const auto made = try_to_generate(*device);
    ASSERT_TRUE(made) << told(made.error());
    const PublicKey key = *made->description.public_key;
    const std::string pinned(made->description.uri.view());
    EXPECT_TRUE(sign(*device, made->handle, key));
    device.reset();
    EXPECT_EQ(tpm_->run("tpm2_readpublic -Q -c 0x81000001"), 0) << "the root is there for whoever signs";
    device = open(pinned, DeviceAccess::sign, source);
    EXPECT_TRUE(sign(*device, find(*device), key));
  }
  // To take one away the owner is asked again.
  DevicePtr device = open(tpm_->handle_uri("0x81000080"));
  const auto refused = device->key_inventory()->destroy(find(*device));
  ASSERT_EQ(refused.status(), Status::permission_denied);
  EXPECT_NE(hint_of(refused.error()).find("--owner-pin-source"), std::string_view::npos);
  device.reset();
  device = open_as_owner(tpm_->handle_uri("0x81000080"));
  EXPECT_TRUE(device->key_inventory()->destroy(find(*device)));
  EXPECT_EQ(device->find_key({}, kNoDeadline).status(), Status::key_not_found);
}

TEST_F(Tpm2Owner, AWrongAuthValueIsSentOnce) {
  const std::string uri =
      "tpm2:file=" + tpm_->folder().file("agent.pem") + "?tcti=" + HOLDFAST_TEST_TCTI_SHIM + ":plain," + tpm_->tcti();
  const DevicePtr device = open_as_owner(uri, "somebody else");
  const auto refused = try_to_generate(*device);
  ASSERT_EQ(refused.status(), Status::pin_incorrect) << told(refused.error());
  EXPECT_STREQ(refused.error().native_name, "TPM_RC_BAD_AUTH");
  EXPECT_NE(refused.error().detail.view().find("owner hierarchy"), std::string_view::npos);
  // Looking for a persistent root is all that happens then.
  constexpr std::uint32_t kCreatePrimary = 0x131;
  tcti_shim().fail_code = kCreatePrimary;
  tcti_shim().fail_with = 0x101;
  tcti_shim().failures = 1;
  const auto again = try_to_generate(*device);
  EXPECT_EQ(again.status(), Status::pin_incorrect);
  EXPECT_EQ(tcti_shim().failures, 1U) << "nothing was made with it a second time";
  tcti_shim().failures = 0;
  EXPECT_EQ(must(device->key_inventory()->list({})), 0U) << "and no file is left";
}

TEST_F(Tpm2Owner, WithoutItsAuthValueTheOptionIsNamed) {
  const DevicePtr device = open(tpm_->file_uri("agent"));
  const auto refused = try_to_generate(*device);
  ASSERT_EQ(refused.status(), Status::permission_denied);
  EXPECT_NE(hint_of(refused.error()).find("--owner-pin-source"), std::string_view::npos);
}

TEST_F(Tpm2Owner, AnotherKeyAtTheRootsHandleStopsIt) {
  tools(
      "tpm2_createprimary -Q -C o -P 'the owner' -G rsa2048 -c root.ctx && tpm2_evictcontrol -Q -C o -P 'the owner' "
      "-c root.ctx 0x81000001 && tpm2_flushcontext -t");
  const DevicePtr device = open_as_owner(tpm_->file_uri("agent"));
  const auto refused = try_to_generate(*device);
  ASSERT_EQ(refused.status(), Status::already_exists) << told(refused.error());
  EXPECT_NE(refused.error().detail.view().find("0x81000001"), std::string_view::npos);
  EXPECT_EQ(must(device->key_inventory()->list({})), 0U) << "and no file is left";
}

TEST_F(Tpm2Owner, AnAuthValueThatIsNotNeededIsNotSent) {
  tools("tpm2_changeauth -c o -p 'the owner' ''");
  const DevicePtr device = open_as_owner(tpm_->handle_uri("0x81000082"), "anything");
  const auto made = try_to_generate(*device);
  ASSERT_TRUE(made) << told(made.error());
  EXPECT_TRUE(device->key_inventory()->destroy(made->handle));
  device->close();
  EXPECT_NE(tpm_->run("tpm2_readpublic -Q -c 0x81000001"), 0) << "and nothing is kept that need not be";
}

}  // namespace
}  // namespace holdfast::test
