// SPDX-License-Identifier: Apache-2.0
//
// tpm2-pkcs11 whose TPM is reset under it: the key is still found, its session looks well, and no signature succeeds
// until the module is reset.
#include "hal/registry.hpp"
#include "tests/recovery/working_signer.hpp"
#include "tests/support/tpm2_pkcs11.hpp"

#include <optional>

namespace holdfast::test {
namespace {

class Tpm2Pkcs11Recovery : public testing::Test {
 protected:
  void SetUp() override {
    HOLDFAST_SKIP_WITHOUT_TPM2_PKCS11();
    token_.emplace();
  }
  [[nodiscard]] WorkingSigner open() const {
    return WorkingSigner(token_->uri(), [](SignerOptions& options) {
      options.scheme = Scheme::es256;
      options.sessions = 1;
    });
  }
  std::optional<Tpm2Pkcs11> token_;
};

TEST_F(Tpm2Pkcs11Recovery, ATpmResetIsRecoveredByAModuleReset) {
  WorkingSigner signer = open();
  EXPECT_ASKED(signer.ask(60s), ok);
  token_->tpm().restart();
  EXPECT_ASKED(signer.ask(60s), ok);
  EXPECT_GE(signer.counters().resets, 1U);
  EXPECT_EQ(signer.counters().recoveries, 1U);
  EXPECT_ASKED(signer.register_task(60s), ok);
}

TEST_F(Tpm2Pkcs11Recovery, ATpmThatStaysAwayIsBoundedAndThenRecovered) {
  WorkingSigner signer = open();
  EXPECT_ASKED(signer.ask(60s), ok);
  token_->tpm().stop();
  EXPECT_ASKED(signer.ask(300ms), device_gone);
  token_->tpm().start();
  EXPECT_ASKED(signer.ask(60s), ok);
}

}  // namespace
}  // namespace holdfast::test
