// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

#include <ctime>

namespace holdfast {

/// Keeps SIGPIPE from this thread while it lives, and swallows one that arose meanwhile. CURLOPT_NOSIGNAL, which a
/// library in a threaded program needs, also ends libcurl's own protection; a TLS library's plain write(2) to a
/// connection that the peer closed would then end the host.
class PipeSignalBlock {
 public:
  PipeSignalBlock() noexcept {
    sigset_t pending;
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    is_blocked_ = pthread_sigmask(SIG_BLOCK, &pipe_, &before_) == 0;
  }
  PipeSignalBlock(const PipeSignalBlock&) = delete;
  PipeSignalBlock& operator=(const PipeSignalBlock&) = delete;
  ~PipeSignalBlock() {
    if (!is_blocked_) return;
    const timespec at_once{};
    if (!was_pending_) sigtimedwait(&pipe_, nullptr, &at_once);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
  bool is_blocked_ = false;
};

}  // namespace holdfast
