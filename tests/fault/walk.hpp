// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/fault/chapter.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace holdfast::fault {

/// What stands in front of the device: it fails calls and keeps the books.
class Instrument {
 public:
  virtual ~Instrument() = default;
  /// Nothing is armed, every count is zero.
  virtual void begin() = 0;
  [[nodiscard]] virtual std::uint64_t struck() const = 0;
  [[nodiscard]] virtual std::uint64_t calls() const = 0;
  [[nodiscard]] virtual std::uint64_t pins_sent() const = 0;
  /// What is open that should not be once everything was given back; empty if nothing is.
  [[nodiscard]] virtual std::string open_at_end() = 0;
};

/// One fault at one call.
struct Trial {
  std::string name;  ///< "sign:C_Sign:1:answer:0x30", unique in the walk
  RemedySet remedies;
  bool may_have_judged_pin = false;  ///< the PIN must not be sent again after it
  bool keeps_open = false;           ///< the fault itself makes it impossible to give everything back
  /// The device says what is not so: what cannot be known may then be left, and the next call may end as this one
  /// did.
  bool is_a_lie = false;
  std::function<void()> arm;
};

/// How a walk ended.
struct Tally {
  std::size_t walked = 0;
  std::size_t latched = 0;
  std::map<Remedy, std::size_t> ended;  ///< by the remedy of the first error; `none`: it did not matter or was cured
  std::vector<std::string> problems;    ///< "NAME: what is wrong"

  [[nodiscard]] std::string text() const;
  /// The first hundred problems, and how many there are.
  [[nodiscard]] std::string told_problems() const;
};

/// Walks `trials` through `chapter`. For each: the fault strikes; the error, if any, asks for an acceptable remedy;
/// the next call works, or answers the same without touching the device, and does so again; nothing is left open or
/// lying about; after a fault in giving back, a new run works.
///
/// With HOLDFAST_FAULT_CASE in the environment, only the trials whose name begins with it.
[[nodiscard]] Tally walk(Chapter& chapter, Instrument& instrument, const std::vector<Trial>& trials);

/// Whether HOLDFAST_FAULT_CASE narrows the walk: the number of cases says nothing then.
[[nodiscard]] bool is_narrowed();

}  // namespace holdfast::fault
