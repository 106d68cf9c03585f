// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "hal/signal_shield.hpp"

namespace holdfast::tool {

/// Keeps SIGINT, SIGTERM and SIGHUP away from this thread for as long as a token holds something that would have to
/// be taken back. Those nobody asked for by then take their course at its end.
class SignalHold {
 public:
  SignalHold() = default;
  SignalHold(const SignalHold&) = delete;
  SignalHold& operator=(const SignalHold&) = delete;

  /// Fails if one of them came that the process does not ignore, and takes it: with `permission_denied`, of which
  /// `Terminal::fail` says only what stays done, and after which the tool ends as by the signal.
  [[nodiscard]] Result<void> check(const char* doing) const;

 private:
  hal::SignalShield shield_;
};

}  // namespace holdfast::tool
