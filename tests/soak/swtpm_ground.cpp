// SPDX-License-Identifier: Apache-2.0
//
// swtpm behind the TCTI shim: it is reset, stopped, held up, and its answers are made up or garbled.
#include "tests/soak/ground.hpp"
#include "tests/support/swtpm.hpp"
#include "tests/support/tcti_shim.hpp"

#include <tss2/tss2_tpm2_types.h>

#include <dlfcn.h>

#include <thread>

namespace holdfast::soak {
namespace {

using namespace std::chrono_literals;

test::TctiShimControl& tcti_shim() {
  static void* library = dlopen(HOLDFAST_TEST_TCTI_SHIM, RTLD_NOW | RTLD_LOCAL);
  return *reinterpret_cast<test::GetTctiShimControl>(dlsym(library, "holdfast_tcti_shim_control"))();
}

// Its key has no auth value: a TPM that loses power after one was used counts that as a wrong one (Part 1 §19.8.6),
// and here it does so every few seconds.
class SwtpmGround final : public Ground {
 public:
  SwtpmGround() {
    const auto device = test::open_tpm(tpm_.file_uri("agent"), hal::DeviceAccess::provision);
    const auto made = device->key_generator()->generate({Scheme::es256, "", {}}, hal::kNoDeadline);
    if (!made) give_up(made.error());
    public_key_ = made->description.public_key.value();
  }

  std::string_view name() const override { return "swtpm, ES256"; }
  std::vector<Fault> faults() const override;
  const PublicKey& public_key() const override { return public_key_; }
  Result<std::unique_ptr<OpenedSigner>> open() override {
    return open_signer("tpm2:file=" + tpm_.folder().file("agent.pem") + "?tcti=" + HOLDFAST_TEST_TCTI_SHIM +
                       ":plain," + tpm_.tcti());
  }
  void mend() override {
    tcti_shim().failures = 0;
    tcti_shim().garble_from_end = 0;
  }
  unsigned rate() const override { return 25; }
  test::Swtpm& tpm() { return tpm_; }

 private:
  test::Swtpm tpm_;
  PublicKey public_key_;
};

// Full slots, a TPM that is busy, was reset, or failed; and what a TCTI answers when nobody is there.
constexpr std::uint32_t kCodes[] = {TPM2_RC_RETRY,
                                    TPM2_RC_YIELDED,
                                    TPM2_RC_TESTING,
                                    TPM2_RC_OBJECT_MEMORY,
                                    TPM2_RC_SESSION_MEMORY,
                                    TPM2_RC_SESSION_HANDLES,
                                    TPM2_RC_OBJECT_HANDLES,
                                    TPM2_RC_MEMORY,
                                    TPM2_RC_INITIALIZE,
                                    TPM2_RC_FAILURE,
                                    TPM2_RC_REFERENCE_H0,
                                    TPM2_RC_REFERENCE_S0,
                                    TPM2_RC_NV_RATE,
                                    TPM2_RC_CANCELED,
                                    TSS2_TCTI_RC_IO_ERROR,
                                    TSS2_TCTI_RC_TRY_AGAIN,
                                    TSS2_TCTI_RC_NO_CONNECTION};
constexpr std::uint32_t kCommands[] = {0,
                                       TPM2_CC_Sign,
                                       TPM2_CC_Load,
                                       TPM2_CC_CreatePrimary,
                                       TPM2_CC_StartAuthSession,
                                       TPM2_CC_ReadPublic,
                                       TPM2_CC_FlushContext,
                                       TPM2_CC_GetCapability};

std::vector<Ground::Fault> SwtpmGround::faults() const {
  return {
      {"reset", 3, [](Ground& ground, Dice&) { static_cast<SwtpmGround&>(ground).tpm().restart(); }},
      {"stopped and started", 2,
       [](Ground& ground, Dice& dice) {
         test::Swtpm& tpm = static_cast<SwtpmGround&>(ground).tpm();
         tpm.stop();
         std::this_thread::sleep_for(dice.of_any_length(1ms, 1500ms));
         tpm.start();
       }},
      {"held up", 4,
       [](Ground& ground, Dice& dice) {
         const test::Swtpm& tpm = static_cast<SwtpmGround&>(ground).tpm();
         tpm.suspend();
         std::this_thread::sleep_for(dice.of_any_length(5ms, 500ms));
         tpm.resume();
       }},
      {"a command is answered with a failure", 8,
       [](Ground&, Dice& dice) {
         tcti_shim().fail_code = dice.one_of(kCommands);
         tcti_shim().fail_with = dice.one_of(kCodes);
         tcti_shim().failures = dice.between(1U, 3U);
       }},
      {"an answer is garbled", 4,
       [](Ground& ground, Dice& dice) {
         tcti_shim().fail_code = dice.one_of(kCommands);
         tcti_shim().garble_from_end = dice.between(1U, 40U);
         std::this_thread::sleep_for(dice.of_any_length(20ms, 300ms));
         ground.mend();
       }},
      {"connection lost", 3, [](Ground&, Dice&) { tcti_shim().lose_connection(); }},
  };
}

}  // namespace

std::unique_ptr<Ground> make_swtpm_ground() {
  if (!test::Swtpm::is_installed()) throw NotInstalled{"swtpm"};
  return std::make_unique<SwtpmGround>();
}

}  // namespace holdfast::soak
