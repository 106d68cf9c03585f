// SPDX-License-Identifier: Apache-2.0
//
// Every function × every call × every return code of a recorded run over SoftHSM, each in turn.
#include "tests/fault/pkcs11_chapters.hpp"
#include "tests/fault/pkcs11_remedies.hpp"
#include "tests/fault/walk.hpp"

#include <gtest/gtest.h>
#include <p11-kit/pkcs11.h>

#include <algorithm>
#include <array>
#include <set>

namespace holdfast::fault {
namespace {

using Kind = test::ShimFault::Kind;

class ShimInstrument final : public Instrument {
 public:
  ShimInstrument() : shim_(test::shim_control()) {}
  void begin() override {
    shim_.clear_faults();
    shim_.reset_counts();
  }
  std::uint64_t struck() const override { return shim_.struck(); }
  std::uint64_t calls() const override { return shim_.total(); }
  std::uint64_t pins_sent() const override { return shim_.count("C_Login"); }
  std::string open_at_end() override {
    if (shim_.sessions_at_end() != 0) return std::to_string(shim_.sessions_at_end()) + " sessions were left open";
    if (shim_.initialised() != 0) return "the module was left initialised";
    if (shim_.overlaps() != 0) return "a session was used by two threads at once";
    return {};
  }

 private:
  const test::ShimControl& shim_;
};

struct Lie {
  Kind kind;
  const char* name;
  unsigned long value;
};

// Sizes and counts, then contents.
constexpr Lie kLies[] = {
    {Kind::length, "length", 0},          {Kind::length, "length", 1},    {Kind::length, "length", 65},
    {Kind::length, "length", 0xFFFFFFFF}, {Kind::length, "length", ~0UL}, {Kind::garble, "garble", 0},
    {Kind::garble, "garble", 1},          {Kind::garble, "garble", 2},
};

// Answers of calls that took effect all the same: the connection is lost, or the module is confused.
constexpr unsigned long kLost[] = {CKR_FUNCTION_FAILED, CKR_DEVICE_REMOVED, CKR_PIN_INCORRECT};

bool hands_something_out(std::string_view function) {
  constexpr std::string_view kFunctions[] = {"C_Sign",    "C_FindObjects",  "C_GetSlotList",
                                             "C_WrapKey", "C_GetTokenInfo", "C_GetAttributeValue"};
  return std::ranges::find(kFunctions, function) != std::ranges::end(kFunctions);
}

// While it gives back, what the fault keeps is the module's; and the handle of a session whose opening nobody was
// told of is known to nobody. (Where opening itself fails, the module is finalised, which closes it.)
bool keeps_open(const test::ShimCall& call, Moment moment, const test::ShimFault& fault) {
  const std::string_view function = call.function;
  if (function == "C_OpenSession") return moment == Moment::climb && fault.kind == Kind::lose_answer;
  return fault.kind == Kind::answer && (function == "C_CloseSession" || function == "C_Finalize");
}

void pass_an_hour(void* clock) { static_cast<hal::fake::FakeClock*>(clock)->advance(std::chrono::hours(1)); }

class Pkcs11Walk : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    HOLDFAST_SKIP_WITHOUT_SOFTHSM();
    stage_ = std::make_unique<TokenStage>();
    for (auto& chapter : pkcs11_chapters(*stage_)) {
      if (chapter->name() == GetParam()) chapter_ = std::move(chapter);
    }
    ASSERT_NE(chapter_, nullptr);
    record();
  }

  void record() {
    const test::ShimControl& shim = test::shim_control();
    chapter_->set_up();
    instrument_.begin();
    shim.record(true);
    for (std::size_t step = 0; step < chapter_->steps(); ++step) {
      const auto done = chapter_->run(step);
      std::array<char, 512> text{};
      ASSERT_TRUE(done.has_value()) << "step " << step << ": " << write_message(done.error(), text);
      moments_.pass(shim.recorded(), chapter_->climbs(step) ? Moment::climb : Moment::step);
    }
    chapter_->close();
    moments_.pass(shim.recorded(), Moment::closing);
    shim.record(false);
    ASSERT_LT(shim.recorded(), 4096U);
    for (std::size_t i = 0; i < shim.recorded(); ++i) recorded_.push_back(shim.recorded_at(i));
    ASSERT_EQ(recorded_.size(), shim.total());
    ASSERT_EQ(chapter_->leftovers(nullptr), "");
    ASSERT_EQ(instrument_.open_at_end(), "");
  }

  void add(const test::ShimCall& call, Moment moment, const char* kind, const test::ShimFault& fault) {
    Trial trial;
    trial.name = std::string(chapter_->name()) + ":" + call.function + ":" + std::to_string(call.nth) + ":" + kind +
                 ":" + code_text(fault.value);
    trial.remedies = remedies_for(chapter_->name(), moment, call, fault);
    // What follows in "init" is another C_InitToken, which gives the token new PINs and new counts.
    trial.may_have_judged_pin = chapter_->name() != "init" && std::string_view(call.function) == "C_Login" &&
                                (fault.kind == Kind::answer || fault.kind == Kind::lose_answer) &&
                                may_have_judged_pin(moment, fault.value);
    trial.keeps_open = keeps_open(call, moment, fault);
    trial.is_a_lie = fault.kind == Kind::length || fault.kind == Kind::garble ||
                     (fault.kind == Kind::answer && fault.value == CKR_OK) ||
                     // Nobody is, so the key stays out of sight.
                     (fault.kind == Kind::answer && fault.value == CKR_USER_ALREADY_LOGGED_IN &&
                      std::string_view(call.function) == "C_Login");
    trial.arm = [call, fault] { test::shim_control().strike(call.function, call.nth, fault); };
    trials_.push_back(std::move(trial));
  }

  // Every recorded call × every code, without effect; × some, after it took effect; × every lie, where there is
  // something to lie about; × a delay.
  void walk_with(std::span<const NativeCode> codes, std::span<const Lie> lies) {
    std::set<std::string_view> functions;
    std::size_t lying = 0;
    std::size_t beyond = 0;
    for (std::size_t i = 0; i < recorded_.size(); ++i) {
      const test::ShimCall& call = recorded_[i];
      const Moment moment = moments_.of(i);
      functions.insert(call.function);
      for (const NativeCode& code : codes) {
        // A module that says it is finalised, or was never initialised, and is cannot be told from one that somebody
        // else has initialised.
        if ((code.value == CKR_OK || code.value == CKR_CRYPTOKI_NOT_INITIALIZED) &&
            std::string_view(call.function) == "C_Finalize") {
          ++beyond;
        } else {
          add(call, moment, "answer", {Kind::answer, code.value});
        }
      }
      for (const unsigned long code : kLost) add(call, moment, "lose", {Kind::lose_answer, code});
      if (hands_something_out(call.function)) {
        ++lying;
        for (const Lie& lie : lies) add(call, moment, lie.name, {lie.kind, lie.value});
      }
      add(call, moment, "delay", {Kind::meanwhile, 0, pass_an_hour, &stage_->clock()});
    }
    const std::size_t computed =
        recorded_.size() * (codes.size() + std::size(kLost) + 1) - beyond + lying * lies.size();
    ASSERT_EQ(trials_.size(), computed);
    std::set<std::string> names;
    for (const Trial& trial : trials_) names.insert(trial.name);
    ASSERT_EQ(names.size(), computed) << "two cases of one name";

    const Tally tally = walk(*chapter_, instrument_, trials_);
    EXPECT_TRUE(is_narrowed() || tally.walked == computed) << tally.walked << " of " << computed;
    std::printf(
        "%s: %zu functions in %zu calls x (%zu codes without effect, %zu after it, 1 delay) - %zu + %zu calls "
        "x %zu lies = %zu cases\n  remedies: %s\n",
        GetParam(), functions.size(), recorded_.size(), codes.size(), std::size(kLost), beyond, lying, lies.size(),
        tally.walked, tally.text().c_str());
    EXPECT_GT(tally.walked, 0U) << "no case has this name";
    EXPECT_TRUE(tally.problems.empty()) << tally.told_problems();
  }

  std::unique_ptr<TokenStage> stage_;
  std::unique_ptr<Chapter> chapter_;
  ShimInstrument instrument_;
  std::vector<test::ShimCall> recorded_;
  Moments moments_;
  std::vector<Trial> trials_;
};

TEST_P(Pkcs11Walk, OneCodeOfEachKindAtEveryCall) {
  walk_with(cryptoki_codes_of_each_kind(), std::span(kLies).last(4));
}
TEST_P(Pkcs11Walk, EveryCodeAtEveryCall) { walk_with(cryptoki_codes(), kLies); }

INSTANTIATE_TEST_SUITE_P(Chapters, Pkcs11Walk,
                         testing::Values("init", "provision", "browse", "sign", "recover", "remove"),
                         [](const auto& chapter) { return std::string(chapter.param); });

}  // namespace
}  // namespace holdfast::fault
