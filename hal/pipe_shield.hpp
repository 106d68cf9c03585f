// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>
#include <time.h>

namespace holdfast::hal {

/// Keeps SIGPIPE from the process while a module is called: p11-kit's remote client writes to a socket without
/// MSG_NOSIGNAL (0.24 to 0.26), so that a helper which went away would kill the agent host instead of
/// answering CKR_DEVICE_ERROR. The signal is blocked for this thread only, and taken off the thread if it came.
class PipeShield {
 public:
  PipeShield() noexcept {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before_);
  }
  ~PipeShield() {
    if (is_suspected_ && sigismember(&before_, SIGPIPE) == 0) {
      sigset_t pipe;
      sigemptyset(&pipe);
      sigaddset(&pipe, SIGPIPE);
      const timespec at_once{};
      sigtimedwait(&pipe, nullptr, &at_once);
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  PipeShield(const PipeShield&) = delete;
  PipeShield& operator=(const PipeShield&) = delete;

  /// Every call answered well, so there is no signal to look for: saves a system call per signature.
  void trust() noexcept { is_suspected_ = false; }

 private:
  sigset_t before_;
  bool is_suspected_ = true;
};

}  // namespace holdfast::hal
