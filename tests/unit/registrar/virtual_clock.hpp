// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/clock.hpp"

#include <chrono>

namespace holdfast::test {

/// A clock that only moves when somebody sleeps or says so. One thread.
class VirtualClock final : public hal::Clock {
 public:
  WallSeconds wall() noexcept override { return WallSeconds{kStart + now_.ns / 1'000'000'000}; }
  hal::BootTime boot() noexcept override { return now_; }
  bool wait(const std::atomic<std::uint32_t>&, std::uint32_t, hal::BootTime deadline) noexcept override {
    sleep_until(deadline);
    return false;
  }
  void wake_all(std::atomic<std::uint32_t>&) noexcept override {}
  void sleep_until(hal::BootTime moment) noexcept override {
    slept += std::chrono::nanoseconds(moment.ns - now_.ns);
    now_ = std::max(now_, moment);
  }

  void advance(std::chrono::nanoseconds duration) noexcept { now_ = now_.after(duration); }

  static constexpr std::int64_t kStart = 784'111'777;  ///< Sun, 06 Nov 1994 08:49:37 GMT
  std::chrono::nanoseconds slept{0};

 private:
  hal::BootTime now_{1'000'000};
};

}  // namespace holdfast::test
