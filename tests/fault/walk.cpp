// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/walk.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>
#include <optional>

namespace holdfast::fault {
namespace {

constexpr const char* kCaseVariable = "HOLDFAST_FAULT_CASE";

std::string told(const Error& error) {
  std::array<char, 640> text{};
  return std::string(status_name(error.status)) + " (" + std::string(write_message(error, text)) + ")";
}

// These stop a device or signer for good.
bool is_latch(Status status) {
  return status == Status::pin_incorrect || status == Status::pin_locked || status == Status::pin_required ||
         status == Status::pin_refused_before || status == Status::key_changed ||
         status == Status::signature_mismatch;
}

class OneTrial {
 public:
  OneTrial(Chapter& chapter, Instrument& instrument, const Trial& trial, Tally& tally)
      : chapter_(chapter), instrument_(instrument), trial_(trial), tally_(tally) {}

  void run() {
    ++tally_.walked;
    try {
      chapter_.set_up();
      instrument_.begin();
      trial_.arm();
      go();
      const bool struck_before_close = instrument_.struck() != 0;
      chapter_.close();
      if (instrument_.struck() != 1) problem("the fault struck " + std::to_string(instrument_.struck()) + " times");
      judge_leftovers();
      if (!struck_before_close || trial_.keeps_open) run_afresh();
    } catch (const std::exception& error) {
      problem(error.what());
      chapter_.close();
    }
  }

 private:
  void problem(const std::string& what) { tally_.problems.push_back(trial_.name + ": " + what); }

  void go() {
    std::size_t step = 0;
    for (; step < chapter_.steps() && !said_; ++step) {
      if (const auto done = chapter_.run(step); !done) said_ = done.error();
    }
    const Remedy remedy = said_ ? status_remedy(said_->status) : Remedy::none;
    ++tally_.ended[remedy];
    if (!trial_.remedies.contains(remedy)) {
      problem((said_ ? told(*said_) : "it worked") + ", which asks for '" + std::string(remedy_name(remedy)) +
              "' and not for '" + trial_.remedies.text() + "'");
    }
    if (said_) go_on(step - 1);
  }

  // The next call, and all after it.
  void go_on(std::size_t failed) {
    const std::uint64_t pins = instrument_.pins_sent();
    const auto again = chapter_.run(failed);
    if (trial_.may_have_judged_pin && instrument_.pins_sent() != pins) {
      problem("the PIN was sent again");
    }
    const bool is_refusal = trial_.may_have_judged_pin && again.status() == said_->status;
    if (!again && (is_latch(again.status()) || (failed > 0 && is_refusal))) {
      ++tally_.latched;
      // Opening anew asks the token who it is, to find its record; only the PIN stays at home.
      const auto touches = [&] { return failed == 0 ? instrument_.pins_sent() : instrument_.calls(); };
      const std::uint64_t before = touches();
      const auto third = chapter_.run(failed);
      if (third.status() != again.status()) problem("the latch opened by itself");
      if (touches() != before) problem("a latched call reached the device");
      return;
    }
    if (!again && trial_.is_a_lie && again.status() == said_->status) return;
    if (!again) return problem(told(*said_) + ", and the next call: " + told(again.error()));
    for (std::size_t step = failed + 1; step < chapter_.steps(); ++step) {
      if (const auto done = chapter_.run(step); !done) return problem("a later step: " + told(done.error()));
    }
  }

  void judge_leftovers() {
    const std::string left = chapter_.leftovers(said_ ? &*said_ : nullptr);
    if (!left.empty() && !trial_.is_a_lie) problem(left);
    if (trial_.keeps_open) return;
    if (const std::string open = instrument_.open_at_end(); !open.empty()) problem(open);
  }

  // A fault while everything was given back has nobody to be told to: what follows must not suffer from it.
  void run_afresh() {
    instrument_.begin();
    chapter_.set_up();
    for (std::size_t step = 0; step < chapter_.steps(); ++step) {
      if (const auto done = chapter_.run(step); !done) {
        problem("a new run after it: " + told(done.error()));
        break;
      }
    }
    chapter_.close();
    if (const std::string open = instrument_.open_at_end(); !open.empty()) problem("after a new run: " + open);
  }

  Chapter& chapter_;
  Instrument& instrument_;
  const Trial& trial_;
  Tally& tally_;
  std::optional<Error> said_;
};

}  // namespace

bool is_narrowed() { return std::getenv(kCaseVariable) != nullptr; }

std::string Tally::text() const {
  std::string all;
  for (const auto& [remedy, count] : ended) {
    all += (all.empty() ? "" : ", ") + std::string(remedy_name(remedy)) + " " + std::to_string(count);
  }
  return all + "; latched " + std::to_string(latched);
}

std::string Tally::told_problems() const {
  constexpr std::size_t kShown = 100;
  std::string all = std::to_string(problems.size()) + " problems in " + std::to_string(walked) + " cases\n";
  for (std::size_t i = 0; i < std::min(problems.size(), kShown); ++i) all += problems[i] + "\n";
  return all;
}

Tally walk(Chapter& chapter, Instrument& instrument, const std::vector<Trial>& trials) {
  const char* only = std::getenv(kCaseVariable);
  Tally tally;
  for (const Trial& trial : trials) {
    if (only != nullptr && !trial.name.starts_with(only)) continue;
    OneTrial(chapter, instrument, trial, tally).run();
  }
  return tally;
}

}  // namespace holdfast::fault
