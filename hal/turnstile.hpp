// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/clock.hpp"

namespace holdfast::hal {

/// Lets one thread in at a time, and the others wait until a deadline on the given clock.
class Turnstile {
 public:
  constexpr Turnstile() noexcept = default;

  /// False if the deadline passed first.
  [[nodiscard]] bool enter(Clock& clock, BootTime deadline) noexcept {
    std::uint32_t seen = kFree;
    if (word_.compare_exchange_strong(seen, kTaken, std::memory_order_acquire)) return true;
    while (word_.exchange(kWaitedFor, std::memory_order_acquire) != kFree) {
      if (!clock.wait(word_, kWaitedFor, deadline)) return false;
    }
    return true;
  }
  void leave(Clock& clock) noexcept {
    if (word_.exchange(kFree, std::memory_order_release) == kWaitedFor) clock.wake_all(word_);
  }
  /// For a forked child only: whoever held it is not in this process.
  void forget() noexcept { word_.store(kFree, std::memory_order_relaxed); }

 private:
  static constexpr std::uint32_t kFree = 0;
  static constexpr std::uint32_t kTaken = 1;
  static constexpr std::uint32_t kWaitedFor = 2;
  std::atomic<std::uint32_t> word_{kFree};
};

/// A turn at a turnstile, given back at the end of the scope.
class Turn {
 public:
  Turn(Turnstile& turnstile, Clock& clock, BootTime deadline) noexcept
      : turnstile_(turnstile), clock_(clock), is_in_(turnstile.enter(clock, deadline)) {}
  ~Turn() {
    if (is_in_) turnstile_.leave(clock_);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  [[nodiscard]] explicit operator bool() const noexcept { return is_in_; }

 private:
  Turnstile& turnstile_;
  Clock& clock_;
  bool is_in_;
};

}  // namespace holdfast::hal
