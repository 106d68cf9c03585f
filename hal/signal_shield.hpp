// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

#include <utility>

namespace holdfast::hal {

/// Keeps SIGINT, SIGTERM and SIGHUP from this thread while a token judges a PIN; one that came then takes its course
/// afterwards. A process that ends in the middle leaves an attempt of which nobody knows how it was judged, and
/// SoftHSM 2.6, which truncates and rewrites its token's file at every login, a token that is lost. Against SIGQUIT,
/// SIGKILL and a signal that another thread of the host takes there is no shield.
class SignalShield {
 public:
  SignalShield() noexcept {
    const sigset_t held = signals();
    pthread_sigmask(SIG_BLOCK, &held, &before_);
  }
  // Undoes its own signals only: another shield may have been put up or taken down meanwhile.
  ~SignalShield() {
    if (!is_up_) return;
    sigset_t held;
    sigemptyset(&held);
    for (const int signal : kSignals) {
      if (sigismember(&before_, signal) == 0) sigaddset(&held, signal);
    }
    pthread_sigmask(SIG_UNBLOCK, &held, nullptr);
  }
  /// Those that it keeps away.
  [[nodiscard]] static sigset_t signals() noexcept {
    sigset_t held;
    sigemptyset(&held);
    for (const int signal : kSignals) sigaddset(&held, signal);
    return held;
  }
  /// Taken down on the thread that put it up.
  SignalShield(SignalShield&& other) noexcept : before_(other.before_), is_up_(std::exchange(other.is_up_, false)) {}
  SignalShield& operator=(SignalShield&& other) noexcept {
    std::swap(before_, other.before_);
    std::swap(is_up_, other.is_up_);
    return *this;
  }

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
  sigset_t before_;
  bool is_up_ = true;
};

}  // namespace holdfast::hal
