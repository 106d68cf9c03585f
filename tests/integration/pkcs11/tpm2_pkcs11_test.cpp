// SPDX-License-Identifier: Apache-2.0
//
// tpm2-pkcs11 over swtpm: a token that counts wrong PINs.
#include "tests/support/tpm2_pkcs11.hpp"

#include "tests/integration/pkcs11/on_token.hpp"
#include "tests/support/crowd.hpp"

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

// In the end it is the TPM that counts: one process after the other gets to it, and one of them sends the PIN.
TEST_F(Tpm2Pkcs11Token, counts_one_wrong_pin_of_a_hundred_processes) {
  const std::string records = token_->folder().file("records");
  const std::string uri = token_->uri(SoftHsm::shim_path());
  const auto open_now = [&] {
    hal::DeviceOptions options;
    options.uri = uri;
    options.failure_records = records;
    return hal::open_device(options);
  };
  token_->folder().write("user.pin", "0000-wrong");
  const Endings endings = run_crowd(100, [&] {
    const Status status = open_now().status();
    const std::uint64_t sent = shim_control().count("C_Login");
    if (status == Status::pin_incorrect) return sent == 1 ? 1 : 3;
    return status == Status::pin_refused_before && sent == 0 ? 0 : 2;
  });
  EXPECT_EQ(endings[1], 1);
  EXPECT_EQ(endings[0], 99);
  token_->flush();
  EXPECT_EQ(token_->lockout_counter(), 1U);

  token_->folder().write("user.pin", Tpm2Pkcs11::kUserPin);
  EXPECT_OK(open_now());
}

}  // namespace
}  // namespace holdfast::test
