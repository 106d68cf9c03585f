// SPDX-License-Identifier: Apache-2.0
//
// SoftHSM behind the shim module: its token folder goes away and comes back, and single calls fail.
#include "tests/soak/ground.hpp"
#include "tests/support/softhsm.hpp"

#include <filesystem>
#include <thread>

namespace holdfast::soak {
namespace {

using namespace std::chrono_literals;
using test::ShimFault;
using test::SoftHsm;

class SoftHsmGround final : public Ground {
 public:
  explicit SoftHsmGround(Scheme scheme) : scheme_(scheme) {
    const auto device = test::open_for_test(hsm_.uri("", SoftHsm::module_path()), hal::DeviceAccess::provision);
    const auto made = device->key_generator()->generate({scheme, "agent", {}}, hal::kNoDeadline);
    if (!made) give_up(made.error());
    public_key_ = made->description.public_key.value();
  }

  std::string_view name() const override {
    return scheme_ == Scheme::ed25519 ? "SoftHSM, Ed25519" : "SoftHSM, ES256";
  }
  std::vector<Fault> faults() const override;
  const PublicKey& public_key() const override { return public_key_; }
  Result<std::unique_ptr<OpenedSigner>> open() override {
    return open_signer(hsm_.uri("agent", SoftHsm::shim_path()));
  }
  void mend() override { test::shim_control().clear_faults(); }
  void give_pin_again() override { hsm_.write_pin(SoftHsm::kUserPin); }
  unsigned rate() const override { return 200; }
  // SoftHSM 2.6.1 frees neither of two blocks of each Ed25519 signature (measured over 100,000).
  double known_leak() const override { return scheme_ == Scheme::ed25519 ? 66 : 0; }

  void take_folder_away(std::chrono::milliseconds time) const {
    const std::string elsewhere = hsm_.folder().file("elsewhere");
    std::filesystem::rename(hsm_.token_folder(), elsewhere);
    std::this_thread::sleep_for(time);
    std::filesystem::rename(elsewhere, hsm_.token_folder());
  }

 private:
  const SoftHsm hsm_;
  const Scheme scheme_;
  PublicKey public_key_;
};

// What modules answer when something below them fails (PKCS#11 v3.0 §5.1), and one that is a vendor's own.
constexpr unsigned long kCodes[] = {0x02, 0x05, 0x06, 0x30, 0x31, 0x32, 0x54,  0x60,  0x82,      0x90,
                                    0x91, 0xB0, 0xB1, 0xB3, 0xE0, 0xE1, 0x101, 0x190, 0x80000042};
constexpr const char* kOfASignature[] = {"C_SignInit", "C_Sign"};
constexpr const char* kOfTheWayBack[] = {"C_Initialize",       "C_GetSlotList",      "C_GetTokenInfo",
                                         "C_OpenSession",      "C_FindObjects",      "C_FindObjectsInit",
                                         "C_FindObjectsFinal", "C_GetAttributeValue"};
constexpr unsigned long kPinIncorrect = 0xA0;

void delay(void* milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(reinterpret_cast<std::uintptr_t>(milliseconds)));
}

std::vector<Ground::Fault> SoftHsmGround::faults() const {
  return {
      {"token folder away", 4,
       [](Ground& ground, Dice& dice) {
         static_cast<SoftHsmGround&>(ground).take_folder_away(dice.of_any_length(1ms, 1500ms));
       }},
      {"a signature's call fails", 8,
       [](Ground&, Dice& dice) {
         const auto kind = dice.between(0, 1) == 0 ? ShimFault::Kind::answer : ShimFault::Kind::lose_answer;
         test::shim_control().strike(dice.one_of(kOfASignature), dice.between(1U, 4U), {kind, dice.one_of(kCodes)});
       }},
      {"token lost until it is reset", 4, [](Ground&, Dice&) { test::shim_control().lose(); }},
      {"lost, and the way back fails too", 6,
       [](Ground&, Dice& dice) {
         test::shim_control().strike(dice.one_of(kOfTheWayBack), dice.between(1U, 2U),
                                     {ShimFault::Kind::answer, dice.one_of(kCodes)});
         test::shim_control().lose();
       }},
      {"a signature of a wrong length", 2,
       [](Ground&, Dice& dice) {
         constexpr unsigned long kLengths[] = {0, 1, 63, 65, 4096, ~0UL};
         test::shim_control().strike("C_Sign", 1, {ShimFault::Kind::length, dice.one_of(kLengths)});
       }},
      {"a signature with a wrong bit", 1,
       [](Ground&, Dice&) {
         test::shim_control().strike("C_Sign", 1, {ShimFault::Kind::garble, 0});
       }},
      {"a slow call", 4,
       [](Ground&, Dice& dice) {
         const auto time = static_cast<std::uintptr_t>(dice.of_any_length(5ms, 500ms).count());
         test::shim_control().strike("C_Sign", 1,
                                     {ShimFault::Kind::meanwhile, 0, delay, reinterpret_cast<void*>(time)});
       }},
      {"PIN refused on the way back", 1,
       [](Ground&, Dice&) {
         test::shim_control().fail("C_Login", 1, kPinIncorrect);
         test::shim_control().lose();
       }},
  };
}

}  // namespace

std::unique_ptr<Ground> make_softhsm_ground(Scheme scheme) {
  if (!SoftHsm::is_installed()) throw NotInstalled{"softhsm"};
  return std::make_unique<SoftHsmGround>(scheme);
}

}  // namespace holdfast::soak
