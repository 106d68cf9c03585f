// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/clock.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace holdfast::hal::fake {

/// 2026-04-20T00:00:00Z, the time of the protocol's first vector.
inline constexpr WallSeconds kVectorTime{1'776'643'200};

/// Virtual time: it moves when a test says so, and not otherwise.
///
/// Two ways to run it. By hand (the default): threads that wait stay blocked until `advance` passes their deadline or
/// somebody wakes them; `await_blocked` tells a test when they are. By itself (`jump_when_blocked(n)`): as soon as
/// `n` threads are blocked with nobody left to wake them, time jumps to the earliest of their deadlines.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(WallSeconds wall = kVectorTime) noexcept;

  WallSeconds wall() noexcept override;
  BootTime boot() noexcept override;
  bool wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, BootTime deadline) noexcept override;
  void wake_all(std::atomic<std::uint32_t>& word) noexcept override;
  void sleep_until(BootTime moment) noexcept override;

  /// Both clocks move forward.
  void advance(std::chrono::nanoseconds duration) noexcept;
  /// Only the wall clock changes, as when somebody sets it; to the beginning of that second.
  void set_wall(WallSeconds wall) noexcept;

  /// From now on time moves by itself whenever `threads` threads are blocked; 0: never.
  void jump_when_blocked(std::size_t threads) noexcept;
  /// Threads in `wait` or `sleep_until` that neither a wake-up nor the present moment has released.
  [[nodiscard]] std::size_t blocked() noexcept;
  /// Waits, in real time, until at least `threads` threads are blocked.
  void await_blocked(std::size_t threads) noexcept;

 private:
  struct Waiter {
    const std::atomic<std::uint32_t>* word;
    BootTime deadline;
    bool is_woken = false;
    Waiter* next = nullptr;
  };

  bool block(std::unique_lock<std::mutex>& lock, const std::atomic<std::uint32_t>* word, BootTime deadline) noexcept;
  [[nodiscard]] bool is_blocked(const Waiter& waiter) const noexcept;
  [[nodiscard]] std::size_t count_blocked() const noexcept;
  void jump_if_due() noexcept;
  void move_to(std::int64_t boot_ns) noexcept;

  std::mutex mutex_;
  std::condition_variable changed_;
  Waiter* waiters_ = nullptr;
  std::size_t jump_at_ = 0;
  // Read without the lock, so that a clock read costs a test no ordering between its threads.
  std::atomic<std::int64_t> wall_ns_;
  std::atomic<std::int64_t> boot_ns_;
};

}  // namespace holdfast::hal::fake
