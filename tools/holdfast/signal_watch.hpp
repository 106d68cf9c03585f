// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "hal/trusted_file.hpp"

#include <signal.h>

#include <optional>

namespace holdfast::tool {

/// Keeps away the signals that ask this process to end (INT, TERM, HUP, QUIT; not those it was started to ignore), so
/// that they can be read when there is time for them. For a process of one thread, and to its end.
class SignalWatch {
 public:
  [[nodiscard]] static Result<SignalWatch> begin();

  /// Readable when a signal has arrived.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_.get(); }

  struct Arrival {
    int signal = 0;
    /// A key was pressed: every process of the group in front got it. (Of a hang-up only the session's leader is
    /// told.)
    bool is_from_key = false;
  };
  /// The next that has arrived. Does not wait.
  [[nodiscard]] std::optional<Arrival> next() noexcept;

  /// The signal mask before, for a program that is started.
  [[nodiscard]] const sigset_t& mask_before() const noexcept { return before_; }

 private:
  SignalWatch() noexcept = default;

  hal::FileDescriptor descriptor_;
  sigset_t before_{};
};

/// The error of a command that a signal ended while it was `doing` something, as `hal::interrupting_signal` knows it.
[[nodiscard]] Error interruption(int signal, const char* doing) noexcept;

}  // namespace holdfast::tool
