// SPDX-License-Identifier: Apache-2.0
//
// Every command × every index × every response code of a recorded run over swtpm, each in turn.
#include "tests/fault/tpm2_remedies.hpp"
#include "tests/fault/tpm2_stage.hpp"
#include "tests/fault/walk.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

namespace holdfast::fault {
namespace {

using Kind = test::TctiFault::Kind;

class TpmInstrument final : public Instrument {
 public:
  explicit TpmInstrument(const TpmStage& stage) : stage_(stage) {}
  void begin() override { tcti_shim().begin_count(); }
  std::uint64_t struck() const override { return tcti_shim().struck; }
  std::uint64_t calls() const override { return tcti_shim().commands; }
  std::uint64_t pins_sent() const override {
    const auto known = std::span(tcti_shim().recorded).first(tcti_shim().recorded_count);
    return static_cast<std::uint64_t>(std::ranges::count(known, 0x15DU, &test::TctiCall::code));  // TPM2_CC_Sign
  }
  std::string open_at_end() override {
    const auto slots = stage_.tpm().slots();
    if (slots == test::Swtpm::Slots{}) return {};
    return std::to_string(slots.transient.size()) + " objects and " +
           std::to_string(slots.loaded_sessions.size() + slots.saved_sessions.size()) + " sessions are in the TPM";
  }

 private:
  const TpmStage& stage_;
};

struct Way {
  const char* chapter;
  TpmStage::Keeps keeps;
  std::unique_ptr<Chapter> (*make)(Stage&);
};
void PrintTo(const Way& way, std::ostream* out) { *out << way.chapter; }

constexpr Way kWays[] = {
    {"provision_file", TpmStage::Keeps::in_file, provisioning},
    {"provision_persistent", TpmStage::Keeps::persistent, provisioning},
    {"sign_file", TpmStage::Keeps::in_file, [](Stage& stage) { return signing(stage, false); }},
    {"sign_persistent", TpmStage::Keeps::persistent, [](Stage& stage) { return signing(stage, false); }},
    {"recover_file", TpmStage::Keeps::in_file, [](Stage& stage) { return signing(stage, true); }},
    {"remove_file", TpmStage::Keeps::in_file, removal},
    {"remove_persistent", TpmStage::Keeps::persistent, removal},
};

struct Lie {
  Kind kind;
  const char* name;
  std::uint32_t value;
};

constexpr Lie kLies[] = {
    {Kind::cut, "cut", 0},
    {Kind::cut, "cut", 1},
    {Kind::cut, "cut", 9},
    {Kind::cut, "cut", 10},
    {Kind::cut, "cut", ~0U},
    {Kind::cut_neatly, "cut_neatly", 10},
    {Kind::cut_neatly, "cut_neatly", 14},
    {Kind::cut_neatly, "cut_neatly", ~0U},
    {Kind::stretch, "stretch", 1},
    {Kind::stretch, "stretch", 4096},
    {Kind::wrong_size, "wrong_size", 0},
    {Kind::wrong_size, "wrong_size", ~0U},
    {Kind::wrong_tag, "wrong_tag", 0},
};

void pass_an_hour(void* clock) { static_cast<hal::fake::FakeClock*>(clock)->advance(std::chrono::hours(1)); }

class Tpm2Walk : public testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    HOLDFAST_SKIP_WITHOUT_SWTPM();
    stage_ = std::make_unique<TpmStage>(GetParam().keeps);
    instrument_ = std::make_unique<TpmInstrument>(*stage_);
    chapter_ = GetParam().make(*stage_);
    // Once before it is recorded: a TPM asks for the first use of a protected key after its start to be repeated, as
    // it writes that down first (TPM 2.0 Library Part 1 §19.8.6).
    for (int i = 0; i < 2; ++i) {
      chapter_->set_up();
      instrument_->begin();
      moments_ = {};
      for (std::size_t step = 0; step < chapter_->steps(); ++step) {
        const auto done = chapter_->run(step);
        ASSERT_TRUE(done.has_value()) << "step " << step << ": " << test::told(done.error());
        moments_.pass(tcti_shim().recorded_count, chapter_->climbs(step) ? Moment::climb : Moment::step);
      }
      chapter_->close();
      moments_.pass(tcti_shim().recorded_count, Moment::closing);
    }
    ASSERT_LT(tcti_shim().recorded_count, tcti_shim().recorded.size());
    recorded_.assign(tcti_shim().recorded.begin(),
                     tcti_shim().recorded.begin() + static_cast<std::ptrdiff_t>(tcti_shim().recorded_count));
    ASSERT_EQ(chapter_->leftovers(nullptr), "");
    ASSERT_EQ(instrument_->open_at_end(), "");
  }

  void add(const test::TctiCall& call, Moment moment, const char* kind, const test::TctiFault& fault) {
    std::array<char, 16> value{};
    std::snprintf(value.data(), value.size(), "0x%x", fault.value);
    Trial trial;
    trial.name = std::string(GetParam().chapter) + ":" + command_name(call.code) + ":" + std::to_string(call.nth) +
                 ":" + kind + ":" + value.data();
    trial.remedies = remedies_for(moment, call, fault);
    trial.may_have_judged_pin = call.code == 0x15D && may_have_judged_auth(fault);
    trial.keeps_open = keeps_in_tpm(moment, call, fault);
    trial.arm = [call, fault] {
      tcti_shim().fault = fault;
      tcti_shim().strike_code = call.code;
      tcti_shim().strike_nth = call.nth;
    };
    trials_.push_back(std::move(trial));
  }

  // Every recorded command × every code, not carried out; × one of each kind, carried out; × every lie; × `garbled`
  // of its answer's bytes, each with one bit turned; × a delay.
  void walk_with(const std::vector<TpmCode>& codes, std::size_t garbled) {
    const std::vector<TpmCode>& lost = tpm_codes_of_each_kind();
    std::set<std::uint32_t> commands;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < recorded_.size(); ++i) {
      const test::TctiCall& call = recorded_[i];
      const Moment moment = moments_.of(i);
      commands.insert(call.code);
      for (const TpmCode& code : codes) add(call, moment, "answer", {Kind::answer, code.value});
      for (const TpmCode& code : lost) add(call, moment, "lose", {Kind::lose_answer, code.value});
      for (const Lie& lie : kLies) add(call, moment, lie.name, {lie.kind, lie.value});
      const std::size_t turned = std::min(garbled, call.answer_size);
      bytes += turned;
      for (std::size_t turn = 0; turn < turned; ++turn) {
        const std::size_t at = turn * call.answer_size / turned;
        add(call, moment, "garble", {Kind::garble, static_cast<std::uint32_t>(at)});
      }
      add(call, moment, "delay", {Kind::meanwhile, 0, pass_an_hour, &stage_->clock()});
    }
    const std::size_t computed = recorded_.size() * (codes.size() + lost.size() + std::size(kLies) + 1) + bytes;
    ASSERT_EQ(trials_.size(), computed);
    std::set<std::string> names;
    for (const Trial& trial : trials_) names.insert(trial.name);
    ASSERT_EQ(names.size(), computed) << "two cases of one name";

    const Tally tally = walk(*chapter_, *instrument_, trials_);
    EXPECT_TRUE(is_narrowed() || tally.walked == computed) << tally.walked << " of " << computed;
    std::printf(
        "%s: %zu commands in %zu calls x (%zu codes before the effect + %zu after it + %zu lies + 1 delay) + %zu "
        "garbled bytes = %zu cases\n"
        "  remedies: %s\n",
        GetParam().chapter, commands.size(), recorded_.size(), codes.size(), lost.size(), std::size(kLies), bytes,
        tally.walked, tally.text().c_str());
    EXPECT_GT(tally.walked, 0U) << "no case has this name";
    EXPECT_TRUE(tally.problems.empty()) << tally.told_problems();
  }

  std::unique_ptr<TpmStage> stage_;
  std::unique_ptr<TpmInstrument> instrument_;
  std::unique_ptr<Chapter> chapter_;
  std::vector<test::TctiCall> recorded_;
  Moments moments_;
  std::vector<Trial> trials_;
};

TEST_P(Tpm2Walk, OneCodeOfEachKindAtEveryCall) { walk_with(tpm_codes_of_each_kind(), 8); }
TEST_P(Tpm2Walk, EveryCodeAtEveryCall) { walk_with(tpm_codes(), 64); }

INSTANTIATE_TEST_SUITE_P(Chapters, Tpm2Walk, testing::ValuesIn(kWays),
                         [](const auto& way) { return std::string(way.param.chapter); });

}  // namespace
}  // namespace holdfast::fault
