// SPDX-License-Identifier: Apache-2.0
#include "hal/clock.hpp"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace holdfast::hal {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

// Where a long has 32 bits and time_t has 64 (Debian 13's armhf), the older call reads another timespec than ours.
#ifdef SYS_futex_time64
constexpr long kFutex = sizeof(time_t) > sizeof(long) ? SYS_futex_time64 : SYS_futex;
#else
constexpr long kFutex = SYS_futex;
#endif

std::int64_t read_ns(clockid_t id) noexcept {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<std::int64_t>(now.tv_sec) * kNanosecondsPerSecond + now.tv_nsec;
}

timespec to_timespec(std::int64_t ns) noexcept {
  return {.tv_sec = static_cast<time_t>(ns / kNanosecondsPerSecond),
          .tv_nsec = static_cast<long>(ns % kNanosecondsPerSecond)};
}

class SystemClock final : public Clock {
 public:
  WallSeconds wall() noexcept override {
    timespec now{};
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return {now.tv_sec};
  }

  BootTime boot() noexcept override { return {read_ns(CLOCK_BOOTTIME)}; }

  // What the kernel wrote down at its last tick (4 ms apart at 250 Hz, 10 at 100), without asking the processor. It
  // stands still while the machine sleeps; the first tick after that moves it.
  std::uint64_t tick() noexcept override { return static_cast<std::uint64_t>(read_ns(CLOCK_MONOTONIC_COARSE)); }

  bool wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, BootTime deadline) noexcept override {
    // The futex takes a relative time on CLOCK_MONOTONIC: a machine that sleeps meanwhile wakes its waiters late
    // by that time, and the loop of every caller then sees the boot-time deadline passed.
    timespec remaining{};
    const timespec* limit = nullptr;
    if (deadline < kNoDeadline) {
      const std::int64_t left = deadline.ns - boot().ns;
      if (left <= 0) return false;
      remaining = to_timespec(left);
      limit = &remaining;
    }
    static_assert(sizeof(word) == sizeof(std::uint32_t), "a futex is 32 bits (futex(2))");
    const long result = syscall(kFutex, &word, FUTEX_WAIT_PRIVATE, expected, limit, nullptr, 0);
    return !(result != 0 && errno == ETIMEDOUT);
  }

  void wake_all(std::atomic<std::uint32_t>& word) noexcept override {
    syscall(kFutex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  }

  void sleep_until(BootTime moment) noexcept override {
    const timespec until = to_timespec(moment.ns);
    while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
  }
};

}  // namespace

Clock& system_clock() noexcept {
  static SystemClock clock;  // no state, so no order of construction or destruction to get wrong
  return clock;
}

}  // namespace holdfast::hal
