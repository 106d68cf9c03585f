// SPDX-License-Identifier: Apache-2.0
//
// The token in memory: no vendor's code below, so whatever grows is ours.
#include "hal/fake/device.hpp"
#include "src/signer/signer_core.hpp"
#include "tests/soak/ground.hpp"

#include <thread>

namespace holdfast::soak {
namespace {

using namespace std::chrono_literals;
using hal::fake::Call;
using hal::fake::FakeDevice;
using hal::fake::FakeToken;
using hal::fake::SignatureFault;
using hal::fake::TokenReturn;

class CoreOnFake final : public OpenedSigner {
 public:
  CoreOnFake(hal::DevicePtr device, SignerCore::Parts parts)
      : device_(std::move(device)), core_(*device_, hal::system_clock(), std::move(parts)) {}
  TypedSigner& signer() override { return core_; }
  SignerCounters counters() const override { return core_.counters(); }

 private:
  hal::DevicePtr device_;
  SignerCore core_;
};

class FakeGround final : public Ground {
 public:
  FakeGround() {
    hal::fake::Secret secret;
    secret.fill(std::byte{7});
    public_key_ = token_.put_key("agent", Scheme::ed25519, secret).value();
  }

  std::string_view name() const override { return "hal/fake, Ed25519"; }
  std::vector<Fault> faults() const override;
  const PublicKey& public_key() const override { return public_key_; }
  Result<std::unique_ptr<OpenedSigner>> open() override {
    hal::DevicePtr device = HOLDFAST_TRY(FakeDevice::open(token_, {.label = "agent"}));
    const SignerCore::Settings settings{.runtime_id = RuntimeId::parse("agent-123").value()};
    SignerCore::Parts parts = HOLDFAST_TRY(SignerCore::prepare(*device, hal::system_clock(), settings));
    return std::unique_ptr<OpenedSigner>(std::make_unique<CoreOnFake>(std::move(device), std::move(parts)));
  }
  void mend() override { token_.script().clear(); }
  unsigned rate() const override { return 300; }
  FakeToken& token() { return token_; }

 private:
  FakeToken token_{hal::system_clock()};
  PublicKey public_key_;
};

FakeToken& token_of(Ground& ground) { return static_cast<FakeGround&>(ground).token(); }

std::vector<Ground::Fault> FakeGround::faults() const {
  return {
      {"token away", 6,
       [](Ground& ground, Dice& dice) {
         constexpr TokenReturn kReturns[] = {TokenReturn::as_before, TokenReturn::needs_find,
                                             TokenReturn::needs_reset};
         token_of(ground).take_away();
         std::this_thread::sleep_for(dice.of_any_length(1ms, 1500ms));
         token_of(ground).bring_back(dice.one_of(kReturns));
       }},
      {"handles stale", 3, [](Ground& ground, Dice&) { token_of(ground).bring_back(TokenReturn::needs_find); }},
      {"connection dead", 3, [](Ground& ground, Dice&) { token_of(ground).bring_back(TokenReturn::needs_reset); }},
      {"a call fails", 8,
       [](Ground& ground, Dice& dice) {
         constexpr Status kStatuses[] = {Status::device_gone, Status::stale_key, Status::device_fault,
                                         Status::resource_exhausted};
         constexpr Call kCalls[] = {Call::sign, Call::sign, Call::find, Call::reset, Call::read_attributes};
         token_of(ground).script().fail(dice.one_of(kCalls), dice.between(1U, 3U),
                                        failure(dice.one_of(kStatuses), Layer::core, "failing in a soak"));
       }},
      {"hung", 3,
       [](Ground& ground, Dice& dice) {
         token_of(ground).hang();
         std::this_thread::sleep_for(dice.of_any_length(5ms, 500ms));
         token_of(ground).release();
       }},
      {"a signature of a wrong length", 2,
       [](Ground& ground, Dice&) { token_of(ground).script().spoil_signatures(SignatureFault::cut, 1); }},
      {"a signature with a wrong bit", 1,
       [](Ground& ground, Dice&) { token_of(ground).script().spoil_signatures(SignatureFault::wrong, 1); }},
  };
}

}  // namespace

std::unique_ptr<Ground> make_fake_ground() { return std::make_unique<FakeGround>(); }

}  // namespace holdfast::soak
