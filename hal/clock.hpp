// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>

namespace holdfast::hal {

/// A moment on the boot-time clock (CLOCK_BOOTTIME: monotonic, counts suspend), in nanoseconds.
struct BootTime {
  std::int64_t ns = 0;
  friend auto operator<=>(const BootTime&, const BootTime&) = default;

  [[nodiscard]] BootTime after(std::chrono::nanoseconds duration) const noexcept {
    return BootTime{ns > INT64_MAX - duration.count() ? INT64_MAX : ns + duration.count()};
  }
};

/// "Wait as long as it takes": never reached.
inline constexpr BootTime kNoDeadline{INT64_MAX};

/// The one seam through which all time and all waiting go, so that tests run in virtual time.
///
/// Not public: a host cannot choose the time that is signed (P2). Every method may be called from any
/// thread, allocates nothing and touches no file.
class Clock {
 public:
  /// The wall clock's whole seconds (the coarse clock is enough: it may lag a tick of some milliseconds).
  [[nodiscard]] virtual WallSeconds wall() noexcept = 0;
  [[nodiscard]] virtual BootTime boot() noexcept = 0;
  /// A number that changes when time passes, at least every 10 ms, and costs a fraction of a reading: who finds it as
  /// it was when both clocks were read may go by that reading. A wall clock that is set may show in it a tick later.
  [[nodiscard]] virtual std::uint64_t tick() noexcept {
    constexpr std::uint64_t kOdd = 0x9E37'79B9'7F4A'7C15;  // 2^64 / golden ratio: one clock does not undo the other
    return static_cast<std::uint64_t>(boot().ns) + static_cast<std::uint64_t>(wall().value) * kOdd;
  }

  /// Blocks while `word` holds `expected`, until it is woken or `deadline` passes; false when the deadline
  /// passed first. May wake without reason: callers look at their condition again.
  virtual bool wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, BootTime deadline) noexcept = 0;
  /// Wakes every thread that waits on `word`; the caller has changed its value before.
  virtual void wake_all(std::atomic<std::uint32_t>& word) noexcept = 0;
  /// Blocks until `moment`.
  virtual void sleep_until(BootTime moment) noexcept = 0;

 protected:
  ~Clock() = default;
};

/// The machine's own clocks; one object serves the whole process and holds no state.
[[nodiscard]] Clock& system_clock() noexcept;

}  // namespace holdfast::hal
