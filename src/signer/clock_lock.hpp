// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/clock.hpp"

#include <atomic>
#include <cstdint>

namespace holdfast {

/// A lock whose waiting goes through a `Clock`, so that it can have a deadline and runs in virtual time. One word, no
/// heap, nothing to destroy. Not recursive.
///
/// Three states: free, taken, taken and awaited (Drepper, "Futexes are tricky", mutex 3).
class ClockLock {
 public:
  ClockLock() noexcept = default;
  ClockLock(const ClockLock&) = delete;
  ClockLock& operator=(const ClockLock&) = delete;

  /// False when the deadline passed first.
  [[nodiscard]] bool take(hal::Clock& clock, hal::BootTime deadline) noexcept {
    std::uint32_t state = kFree;
    if (state_.compare_exchange_strong(state, kTaken, std::memory_order_acquire)) return true;
    // From here on the lock is marked as awaited even if it turns out that nobody waits: one wake-up too many.
    for (bool in_time = true; state_.exchange(kAwaited, std::memory_order_acquire) != kFree;) {
      if (!in_time) return false;
      in_time = clock.wait(state_, kAwaited, deadline);
    }
    return true;
  }

  void release(hal::Clock& clock) noexcept {
    if (state_.exchange(kFree, std::memory_order_release) == kAwaited) clock.wake_all(state_);
  }

 private:
  static constexpr std::uint32_t kFree = 0;
  static constexpr std::uint32_t kTaken = 1;
  static constexpr std::uint32_t kAwaited = 2;
  std::atomic<std::uint32_t> state_{kFree};
};

}  // namespace holdfast
