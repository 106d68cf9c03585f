// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/signal_hold.hpp"

#include <time.h>

#include <array>

namespace holdfast::tool {
namespace {

struct HeldSignal {
  int number;
  const char* name;  // as hal::interrupting_signal knows it
};
constexpr std::array kHeldSignals{HeldSignal{SIGINT, "SIGINT"}, HeldSignal{SIGTERM, "SIGTERM"},
                                  HeldSignal{SIGHUP, "SIGHUP"}};

}  // namespace

SignalHold::SignalHold() {
  sigemptyset(&held_);
  for (const HeldSignal& signal : kHeldSignals) sigaddset(&held_, signal.number);
  pthread_sigmask(SIG_BLOCK, &held_, &before_);
}

SignalHold::~SignalHold() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

Result<void> SignalHold::check(const char* doing) const {
  const timespec now{};
  const int taken = sigtimedwait(&held_, nullptr, &now);
  for (const HeldSignal& signal : kHeldSignals) {
    if (signal.number != taken) continue;
    Error error = failure(Status::permission_denied, Layer::system, doing).about("interrupted");
    error.native = static_cast<std::uint64_t>(signal.number);
    error.native_name = signal.name;
    return error;
  }
  return {};
}

}  // namespace holdfast::tool
