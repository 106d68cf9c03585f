// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::fault {

/// One part of the recorded run: steps that follow each other, from a world that is put up before and is the same
/// every time. A fault in a later part is walked without going through the earlier ones again.
class Chapter {
 public:
  virtual ~Chapter() = default;
  Chapter(const Chapter&) = delete;
  Chapter& operator=(const Chapter&) = delete;

  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual std::size_t steps() const = 0;
  /// Puts the world up as it is before the first step.
  virtual void set_up() = 0;
  /// Runs one step, the first is 0. One that failed may be run again: that is "the next call".
  virtual Result<void> run(std::size_t step) = 0;
  /// True if the signer's ladder runs the step: what is lost in it is found again within the call.
  [[nodiscard]] virtual bool climbs(std::size_t) const { return false; }
  /// Gives everything back that the steps took.
  virtual void close() = 0;
  /// What is wrong with what the steps left, given the error of the step that failed, if one did; empty if nothing
  /// is.
  [[nodiscard]] virtual std::string leftovers(const Error* said) const = 0;

 protected:
  Chapter() = default;
};

/// Where in the recorded run a call was made.
enum class Moment : std::uint8_t {
  step,     ///< in a step that fails with the call
  climb,    ///< in a step that the ladder runs
  closing,  ///< while everything was given back
};

/// The moments of calls, while a chapter is recorded.
class Moments {
 public:
  /// `calls`: how many there were until now, all since the last time in `moment`.
  void pass(std::size_t calls, Moment moment) { moments_.resize(calls, moment); }
  [[nodiscard]] Moment of(std::size_t call) const { return moments_.at(call); }

 private:
  std::vector<Moment> moments_;
};

/// "remedies that are acceptable after this fault"
class RemedySet {
 public:
  constexpr RemedySet() = default;
  constexpr RemedySet(Remedy remedy) : bits_(bit(remedy)) {}  // NOLINT: a set of one
  [[nodiscard]] constexpr bool contains(Remedy remedy) const { return (bits_ & bit(remedy)) != 0; }
  friend constexpr RemedySet operator|(RemedySet a, RemedySet b) {
    RemedySet both;
    both.bits_ = a.bits_ | b.bits_;
    return both;
  }
  [[nodiscard]] std::string text() const {
    std::string all;
    for (const Remedy remedy : kAll) {
      if (contains(remedy)) all += (all.empty() ? "" : " or ") + std::string(remedy_name(remedy));
    }
    return all;
  }

  static constexpr Remedy kAll[] = {Remedy::none, Remedy::fix_call,  Remedy::ask_person,
                                    Remedy::wait, Remedy::reconnect, Remedy::stop};

 private:
  static constexpr unsigned bit(Remedy remedy) { return 1U << static_cast<unsigned>(remedy); }
  unsigned bits_ = 0;
};

[[nodiscard]] inline constexpr RemedySet operator|(Remedy a, Remedy b) { return RemedySet(a) | RemedySet(b); }

inline constexpr RemedySet kAnyRemedy =
    RemedySet(Remedy::none) | Remedy::fix_call | Remedy::ask_person | Remedy::wait | Remedy::reconnect | Remedy::stop;

}  // namespace holdfast::fault
