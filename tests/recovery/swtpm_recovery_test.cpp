// SPDX-License-Identifier: Apache-2.0
//
// swtpm restarted, kept away, held up and crowded under a signer on the TPM back end.
#include "hal/registry.hpp"
#include "tests/recovery/working_signer.hpp"
#include "tests/support/swtpm.hpp"

#include <optional>

namespace holdfast::test {
namespace {

class SwtpmRecovery : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    HOLDFAST_SKIP_WITHOUT_SWTPM();
    tpm_.emplace();
    pin_ = std::string(GetParam()).find("protected") != std::string::npos
               ? "file:" + tpm_->folder().write("pin", "an auth value\n")
               : "";
    uri_ = std::string(GetParam()).find("file") != std::string::npos ? tpm_->file_uri("agent")
                                                                     : tpm_->handle_uri("0x81000020");
    const auto device = open_tpm(uri_, hal::DeviceAccess::provision, pin_);
    ASSERT_TRUE(device->key_generator()->generate({Scheme::es256, "", {}}, hal::kNoDeadline));
  }
  [[nodiscard]] WorkingSigner open() const {
    return WorkingSigner(uri_, [this](SignerOptions& options) { options.pin_source = pin_; });
  }
  /// A TPM that loses power after a protected key was used counts that as a wrong auth value (Part 1 §19.8.6): a
  /// machine does not lose it every second.
  void forgive() const { ASSERT_EQ(tpm_->run("tpm2_dictionarylockout -c"), 0); }

  std::optional<Swtpm> tpm_;
  std::string uri_;
  std::string pin_;
};

TEST_P(SwtpmRecovery, ARestartCostsNoError) {
  for (int i = 0; i < 2; ++i) {
    forgive();  // before the signer connects: swtpm has one client at a time
    WorkingSigner signer = open();
    EXPECT_ASKED(signer.ask(10s), ok);
    tpm_->restart();
    EXPECT_ASKED(signer.ask(60s), ok);
    EXPECT_ASKED(signer.register_task(60s), ok);
  }
}

TEST_P(SwtpmRecovery, ATpmThatStaysAwayIsOneClearErrorAndThenRecovered) {
  WorkingSigner signer = open();
  EXPECT_ASKED(signer.ask(10s), ok);
  tpm_->stop();
  for (int i = 0; i < 3; ++i) {
    const Error error = signer.ask(150ms);
    EXPECT_EQ(error.status, Status::device_gone) << as_told(error);
    EXPECT_EQ(error.layer, Layer::tpm2);
    EXPECT_NE(error.native, 0U);
  }
  tpm_->start();
  EXPECT_ASKED(signer.ask(60s), ok);
  EXPECT_EQ(signer.counters().recoveries, 1U);
}

TEST_P(SwtpmRecovery, ATpmThatDoesNotAnswerHoldsOneCallerAndTheOthersReturnInTime) {
  WorkingSigner signer = open();
  EXPECT_ASKED(signer.ask(10s), ok);
  tpm_->suspend();
  Error held;
  std::thread caller([&] { held = signer.ask(2s, "held"); });
  // Not until it counts as a signature, which it does before it has the device's turn.
  await([] { return threads_waiting_for_the_tpm() == 1; });
  for (int i = 0; i < 3; ++i) EXPECT_ASKED(signer.ask(50ms), deadline_exceeded);
  await([&] { return signer.counters().abandoned_calls == 1; });
  tpm_->resume();
  caller.join();
  EXPECT_ASKED(held, ok);
  EXPECT_ASKED(signer.ask(60s), ok);
  EXPECT_EQ(signer.counters().abandoned_calls, 1U);
}

TEST_P(SwtpmRecovery, FullSlotsAreNamedAtOpenAndWaitedForLater) {
  // Left behind by a program that crashed: without a resource manager nobody clears up.
  for (int i = 0; i < 3; ++i) ASSERT_EQ(tpm_->run("tpm2_createprimary -Q -C o -G ecc"), 0);
  SignerOptions options;
  options.runtime_id = "agent-123";
  options.key_uri = uri_;
  options.pin_source = pin_;
  if (const auto opened = Signer::open(options); !opened) {
    EXPECT_EQ(opened.status(), Status::resource_exhausted) << as_told(opened.error());
    EXPECT_EQ(opened.error().native & 0xFFFU, 0x902U);
    EXPECT_NE(hint_of(opened.error()).find("tpm2_flushcontext"), std::string_view::npos) << hint_of(opened.error());
  } else {
    EXPECT_NE(std::string(GetParam()).find("handle"), std::string::npos) << "only a persistent key needs no slot";
  }
  ASSERT_EQ(tpm_->run("tpm2_flushcontext -t"), 0);
  EXPECT_ASKED(open().ask(60s), ok);
}

INSTANTIATE_TEST_SUITE_P(Keys, SwtpmRecovery, testing::Values("file", "protected_file", "handle", "protected_handle"),
                         [](const auto& key) { return std::string(key.param); });

}  // namespace
}  // namespace holdfast::test
