// SPDX-License-Identifier: Apache-2.0
//
// tpm2-pkcs11 over swtpm: a token that counts wrong PINs.
#include "tests/support/tpm2_pkcs11.hpp"

#include "tests/integration/pkcs11/on_token.hpp"

namespace holdfast::test {
namespace {

class Tpm2Pkcs11Token : public ::testing::Test {
 protected:
  void SetUp() override {
    HOLDFAST_SKIP_WITHOUT_TPM2_PKCS11();
    token_.emplace();
  }
  std::optional<Tpm2Pkcs11> token_;
};

TEST_F(Tpm2Pkcs11Token, opens_and_finds_its_key) {
  {
    const auto device = open_for_test(token_->uri(), DeviceAccess::sign);
    const auto key = device->find_key({}, kNoDeadline);
    ASSERT_OK(key);
    EXPECT_EQ(device->describe(*key)->scheme, Scheme::es256);
    const std::array<std::byte, 32> digest{};
    EXPECT_OK(device->sign(*key, Scheme::es256, digest, kNoDeadline));
  }
  token_->flush();
  EXPECT_EQ(token_->lockout_counter(), 0U);
}

}  // namespace
}  // namespace holdfast::test
