// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/signal_hold.hpp"

#include "tools/holdfast/signal_watch.hpp"

#include <signal.h>
#include <time.h>

namespace holdfast::tool {

Result<void> SignalHold::check(const char* doing) const {
  // Linux keeps one that is ignored, too, as long as it is blocked; it was ignored for a reason (nohup(1), a shell's
  // background).
  sigset_t held = hal::SignalShield::signals();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction present {};
    sigaction(signal, nullptr, &present);
    if (present.sa_handler == SIG_IGN) sigdelset(&held, signal);
  }
  const timespec now{};
  const int signal = sigtimedwait(&held, nullptr, &now);
  if (signal <= 0) return {};
  return interruption(signal, doing);
}

}  // namespace holdfast::tool
