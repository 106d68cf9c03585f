// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/tpm2/on_tpm.hpp"

#include <gtest/gtest.h>

namespace holdfast::test {
namespace {

using hal::DeviceAccess;
using hal::DevicePtr;
using hal::kNoDeadline;

// A TPM counts the contexts that are saved, and refuses to go on when the oldest saved session is 65,535 behind
// (TPM 2.0 Library Part 1 §30.5). The kernel's resource manager saves every session after every command, and another
// client's session that nobody uses stays where it is.
class Tpm2ContextGap : public OnTpm {
 protected:
  [[nodiscard]] std::string uri() const {
    return "tpm2:file=" + tpm_->folder().file("agent.pem") + "?tcti=" + HOLDFAST_TEST_TCTI_SHIM + ":crowded," +
           tpm_->tcti();
  }
};

constexpr int kSignatures = 70'000;

TEST_F(Tpm2ContextGap, SeventyThousandSignaturesBesideAnIdleSessionOfAnother) {
  const DevicePtr device = open(uri());
  const hal::MadeKey made = generate(*device);
  const std::array<std::byte, kSha256Size> digest{};
  for (int i = 0; i < kSignatures; ++i) {
    const auto signature = device->sign(made.handle, Scheme::es256, digest, kNoDeadline);
    ASSERT_TRUE(signature) << i << told(signature.error());
  }
  EXPECT_TRUE(sign(*device, made.handle, *made.description.public_key));
}

// A session must be saved between its start and its use, so with an auth value the gap cannot be kept from closing by
// anybody but the idle session's owner. What we owe is to say so, and to go on when it is gone.
TEST_F(Tpm2ContextGap, WithAnAuthValueTheGapIsExplainedAndLeft) {
  const std::string pin = pin_file("auth value");
  DevicePtr device = open(uri(), DeviceAccess::provision, pin);
  hal::MadeKey made = generate(*device);
  const std::array<std::byte, kSha256Size> digest{};
  TctiShimControl& control = tcti_shim();
  control.other_client_stays = true;
  Error refused;
  int count = 0;
  for (; count < kSignatures; ++count) {
    const auto signature = device->sign(made.handle, Scheme::es256, digest, kNoDeadline);
    if (signature) continue;
    refused = signature.error();
    break;
  }
  EXPECT_GT(count, 65'000);
  // The kernel's answer to us is an I/O error, and everything is lost; then the TPM itself says what it is.
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(refused.status == Status::device_gone || refused.native == 0x901U) << told(refused);
    EXPECT_NE(hint_of(refused).find("another program keeps a TPM session open"), std::string_view::npos)
        << told(refused);
    ASSERT_TRUE(device->reset(kNoDeadline));
    const auto found = device->find_key({made.description.public_key}, kNoDeadline);
    ASSERT_TRUE(found) << told(found.error());
    const auto again = device->sign(*found, Scheme::es256, digest, kNoDeadline);
    ASSERT_FALSE(again);
    refused = again.error();
  }
  control.other_client_stays = false;
  // The other client goes away with its session.
  ASSERT_TRUE(device->reset(kNoDeadline));
  const auto done = sign(*device, find(*device), *made.description.public_key);
  EXPECT_TRUE(done) << told(done.error());
}

}  // namespace
}  // namespace holdfast::test
