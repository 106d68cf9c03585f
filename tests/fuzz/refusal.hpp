// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "hal/display.hpp"
#include "tests/fuzz/promise.hpp"

#include <array>

namespace holdfast::fuzz {

/// What every refusal has, whatever was refused: a status of the table that is not `ok`, and a message and a hint
/// with nothing in them that a terminal or a log would act upon.
inline void promise_plain(const Error& error) noexcept {
  promise(error.status != Status::ok, "a refusal has a status");
  promise(status_name(error.status) != "unknown", "the status is one of the table");
  std::array<char, 512> message{};
  const std::string_view told = write_message(error, message);
  promise(!told.empty() && hal::is_printable(told), "the message is printable");
  promise(hal::is_printable(hint_of(error)), "the hint is printable");
}

/// Whether there is a value; a refusal is looked at.
template <typename T>
bool is_taken(const Result<T>& result) noexcept {
  if (result) return true;
  promise_plain(result.error());
  return false;
}

/// The same, and the refusal is of this status.
template <typename T>
bool is_taken(const Result<T>& result, Status refused_as) noexcept {
  if (is_taken(result)) return true;
  promise(result.status() == refused_as, "the refusal has the status that is promised");
  return false;
}

}  // namespace holdfast::fuzz
