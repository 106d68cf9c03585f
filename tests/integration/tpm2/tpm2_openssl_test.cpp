// SPDX-License-Identifier: Apache-2.0
#include "src/signer/key_policy.hpp"
#include "tests/integration/tpm2/on_tpm.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace holdfast::test {
namespace {

using hal::DeviceAccess;
using hal::DevicePtr;

// The openssl command with the tpm2 provider of tpm2-openssl, on the same TPM.
class Tpm2Openssl : public OnTpm {
 protected:
  void SetUp() override {
    OnTpm::SetUp();
    if (!tpm_) return;
    if (tpm_->run("openssl list -providers -provider tpm2 | grep -q 'TPM 2.0'") != 0) {
      if (Swtpm::is_required()) FAIL() << "tpm2-openssl is required and not installed";
      tpm_.reset();
      GTEST_SKIP() << "tpm2-openssl";
    }
    may_leave_objects_ = true;  // the provider leaves its own (tpm2-openssl 1.1)
  }
  void openssl(const std::string& arguments) {
    std::string out;
    ASSERT_EQ(tpm_->run("openssl " + arguments, &out), 0) << arguments << "\n" << out;
  }
};

TEST_F(Tpm2Openssl, SignsWithAKeyOfOurs) {
  DevicePtr device = open(tpm_->file_uri("agent"));
  const PublicKey key = *generate(*device).description.public_key;
  device.reset();
  std::ofstream(tpm_->folder().file("message")) << "agent-123:2026-04-20T00:00:00Z";
  openssl(
      "dgst -provider tpm2 -provider default -propquery '?provider=tpm2' -sha256 -sign agent.pem -out signature "
      "message");
  openssl("pkey -provider tpm2 -provider default -in agent.pem -pubout -out public.pem");
  openssl("dgst -sha256 -verify public.pem -signature signature message");
  // And it is the public key that we say it is.
  std::string text;
  ASSERT_EQ(tpm_->run("openssl pkey -pubin -in public.pem -text -noout | tr -d ' :\\n'", &text), 0);
  std::string point;
  for (const std::byte byte : key.bytes()) {
    constexpr char kDigits[] = "0123456789abcdef";
    point += kDigits[std::to_integer<unsigned>(byte) >> 4U];
    point += kDigits[std::to_integer<unsigned>(byte) & 15U];
  }
  EXPECT_NE(text.find(point), std::string::npos) << text;
}

TEST_F(Tpm2Openssl, SignsWithAKeyOfOursThatHasAnAuthValue) {
  DevicePtr device = open(tpm_->file_uri("agent"), DeviceAccess::provision, pin_file("auth value"));
  generate(*device);
  device.reset();
  std::ofstream(tpm_->folder().file("message")) << "message";
  openssl(
      "dgst -provider tpm2 -provider default -propquery '?provider=tpm2' -sha256 -sign agent.pem -passin 'pass:auth "
      "value' -out signature "
      "message");
  openssl("pkey -provider tpm2 -provider default -in agent.pem -passin 'pass:auth value' -pubout -out public.pem");
  openssl("dgst -sha256 -verify public.pem -signature signature message");
}

TEST_F(Tpm2Openssl, MakesKeysThatWeUseUnderTheSharedProfile) {
  openssl("genpkey -provider tpm2 -algorithm EC -pkeyopt group:P-256 -out theirs.pem && chmod 644 theirs.pem");
  ASSERT_EQ(tpm_->run("tpm2_flushcontext -t"), 0);
  const DevicePtr device = open(tpm_->file_uri("theirs"), DeviceAccess::sign);
  const hal::KeyHandle handle = find(*device);
  const auto key = must(device->describe(handle));
  EXPECT_EQ(check_key_policy(key, KeyProfile::strict).status(), Status::key_refused);
  EXPECT_TRUE(check_key_policy(key, KeyProfile::shared));
  const auto done = sign(*device, handle, *key.public_key);
  EXPECT_TRUE(done) << told(done.error());
}

}  // namespace
}  // namespace holdfast::test
