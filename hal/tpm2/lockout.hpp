// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/tpm2/connection.hpp"

namespace holdfast::hal::tpm2 {

/// The TPM's protection against guessing (TPM 2.0 Library Part 1 §19.8): one count for all protected keys in it.
struct Lockout {
  std::uint32_t failures = 0;
  std::uint32_t limit = 0;              ///< the failures at which every protected key is refused
  std::uint32_t seconds_to_forget = 0;  ///< one failure is forgotten after each such time

  [[nodiscard]] static Result<Lockout> read(Connection& tpm, BootTime deadline) noexcept;

  [[nodiscard]] bool is_locked() const noexcept { return limit != 0 && failures >= limit; }

  /// `pin_locked`, with the time after which it helps to try again, when the TPM is locked out or one more failure
  /// would do it: that last try is never spent by a program, as it would stop every other program on the machine.
  [[nodiscard]] Result<void> check_reserve() const noexcept;
  /// The error for a TPM that answered LOCKOUT.
  [[nodiscard]] Error explain(const char* doing) const noexcept;
};

}  // namespace holdfast::hal::tpm2
