// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/clock.hpp"

namespace holdfast::hal::pkcs11 {

/// Counts the threads inside a module, so that it is never finalised under one of them: C_Finalize is
/// undefined while another thread is in a call (PKCS#11 v3.0 §5.4), and SoftHSM crashes.
///
/// Passing costs two atomic additions; only a reset ever waits here.
class CallGate {
 public:
  constexpr CallGate() noexcept = default;

  /// Goes in; waits while the gate is closed. False if the deadline passed first.
  [[nodiscard]] bool enter(Clock& clock, BootTime deadline) noexcept {
    while (true) {
      // Looked at before it is touched: waiters that came in only to go out again would wake each other for ever.
      const std::uint32_t seen = word_.load(std::memory_order_relaxed);
      if ((seen & kClosed) != 0) {
        if (!clock.wait(word_, seen, deadline)) return false;
        continue;
      }
      if ((word_.fetch_add(1, std::memory_order_acquire) & kClosed) == 0) return true;
      leave(clock);
    }
  }
  void leave(Clock& clock) noexcept {
    if ((word_.fetch_sub(1, std::memory_order_release) & kClosed) != 0) clock.wake_all(word_);
  }

  /// Lets nobody in any more and waits until everybody is out; on false (deadline) the gate is open again.
  [[nodiscard]] bool close(Clock& clock, BootTime deadline) noexcept {
    std::uint32_t seen = word_.fetch_or(kClosed, std::memory_order_acquire) | kClosed;
    while (seen != kClosed) {
      if (!clock.wait(word_, seen, deadline)) {
        open(clock);
        return false;
      }
      seen = word_.load(std::memory_order_acquire);
    }
    return true;
  }
  void open(Clock& clock) noexcept {
    word_.fetch_and(~kClosed, std::memory_order_release);
    clock.wake_all(word_);
  }
  /// For a forked child only: whoever was inside is not in this process.
  void forget() noexcept { word_.store(0, std::memory_order_relaxed); }

 private:
  static constexpr std::uint32_t kClosed = 1U << 31;
  std::atomic<std::uint32_t> word_{0};
};

/// A passage through a gate, left at the end of the scope.
class Passage {
 public:
  Passage(CallGate& gate, Clock& clock, BootTime deadline) noexcept
      : gate_(&gate), clock_(&clock), is_in_(gate.enter(clock, deadline)) {}
  Passage(Passage&& other) noexcept
      : gate_(other.gate_), clock_(other.clock_), is_in_(std::exchange(other.is_in_, false)) {}
  ~Passage() {
    if (is_in_) gate_->leave(*clock_);
  }
  Passage(const Passage&) = delete;
  Passage& operator=(const Passage&) = delete;
  Passage& operator=(Passage&&) = delete;

  [[nodiscard]] explicit operator bool() const noexcept { return is_in_; }

 private:
  CallGate* gate_;
  Clock* clock_;
  bool is_in_;
};

}  // namespace holdfast::hal::pkcs11
