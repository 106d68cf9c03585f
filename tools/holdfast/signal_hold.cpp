// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/signal_hold.hpp"

#include "tools/holdfast/signal_watch.hpp"

#include <time.h>

namespace holdfast::tool {

SignalHold::SignalHold() {
  sigemptyset(&held_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&held_, signal);
  pthread_sigmask(SIG_BLOCK, &held_, &before_);
}

SignalHold::~SignalHold() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

Result<void> SignalHold::check(const char* doing) const {
  const timespec now{};
  const int signal = sigtimedwait(&held_, nullptr, &now);
  if (signal <= 0) return {};
  return interruption(signal, doing);
}

}  // namespace holdfast::tool
