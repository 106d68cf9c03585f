// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>
#include <time.h>

namespace holdfast::hal {

/// Keeps SIGPIPE from the process while code is called that may write to a connection its peer has closed, and does
/// so with a plain write(2): p11-kit's remote client (0.24 to 0.26), a TPM's transport, the TLS library below libcurl
/// (CURLOPT_NOSIGNAL, which a library in a threaded program needs, ends libcurl's own protection). The agent host
/// would die instead of being told. The signal is blocked for this thread only, and taken off the thread if it came;
/// a host that blocks it itself finds it pending, as it would without us.
class PipeShield {
 public:
  PipeShield() noexcept : PipeShield(false) {}
  /// `is_ignored`: the process ignores SIGPIPE (`DeviceOptions::sigpipe_is_ignored`), so nothing has to be kept from
  /// it and the system calls are spared.
  explicit PipeShield(bool is_ignored) noexcept : is_up_(!is_ignored) {
    if (!is_up_) return;
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before_);
  }
  // Undoes its own signal only: another shield may have been put up or taken down meanwhile.
  ~PipeShield() {
    if (!is_up_ || sigismember(&before_, SIGPIPE) == 1) return;
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    if (is_suspected_) {
      const timespec at_once{};
      sigtimedwait(&pipe, nullptr, &at_once);
    }
    pthread_sigmask(SIG_UNBLOCK, &pipe, nullptr);
  }
  PipeShield(const PipeShield&) = delete;
  PipeShield& operator=(const PipeShield&) = delete;

  /// Every call answered well, so there is no signal to look for: saves a system call per signature.
  void trust() noexcept { is_suspected_ = false; }

  [[nodiscard]] static bool is_ignored_by_the_process() noexcept {
    struct sigaction now {};
    return sigaction(SIGPIPE, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_IGN;
  }

 private:
  const bool is_up_;
  sigset_t before_;
  bool is_suspected_ = true;
};

}  // namespace holdfast::hal
