// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/signal_hold.hpp"

#include "tools/holdfast/signal_watch.hpp"

#include <time.h>

namespace holdfast::tool {

Result<void> SignalHold::check(const char* doing) const {
  const sigset_t held = hal::SignalShield::signals();
  const timespec now{};
  const int signal = sigtimedwait(&held, nullptr, &now);
  if (signal <= 0) return {};
  return interruption(signal, doing);
}

}  // namespace holdfast::tool
