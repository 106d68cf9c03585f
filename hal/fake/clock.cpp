// SPDX-License-Identifier: Apache-2.0
#include "hal/fake/clock.hpp"

#include <algorithm>

namespace holdfast::hal::fake {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
// A machine that has been up for a while: zero would hide a forgotten subtraction.
constexpr std::int64_t kBootAtStart = 1'000 * kNanosecondsPerSecond;

}  // namespace

FakeClock::FakeClock(WallSeconds wall) noexcept
    : wall_ns_(wall.value * kNanosecondsPerSecond), boot_ns_(kBootAtStart) {}

WallSeconds FakeClock::wall() noexcept {
  const std::int64_t ns = wall_ns_.load(std::memory_order_acquire);
  const bool rounds_up = ns < 0 && ns % kNanosecondsPerSecond != 0;
  return {ns / kNanosecondsPerSecond - (rounds_up ? 1 : 0)};
}

BootTime FakeClock::boot() noexcept { return {boot_ns_.load(std::memory_order_acquire)}; }

bool FakeClock::wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, BootTime deadline) noexcept {
  std::unique_lock lock(mutex_);
  // Under the lock, as the kernel compares under its own: a waker changes the word first and locks afterwards.
  if (word.load(std::memory_order_acquire) != expected) return true;
  return block(lock, &word, deadline);
}

void FakeClock::wake_all(std::atomic<std::uint32_t>& word) noexcept {
  const std::lock_guard lock(mutex_);
  for (Waiter* waiter = waiters_; waiter != nullptr; waiter = waiter->next) {
    if (waiter->word == &word) waiter->is_woken = true;
  }
  changed_.notify_all();
}

void FakeClock::sleep_until(BootTime moment) noexcept {
  std::unique_lock lock(mutex_);
  block(lock, nullptr, moment);
}

void FakeClock::advance(std::chrono::nanoseconds duration) noexcept {
  const std::lock_guard lock(mutex_);
  move_to(boot_ns_.load(std::memory_order_relaxed) + duration.count());
}

void FakeClock::set_wall(WallSeconds wall) noexcept {
  wall_ns_.store(wall.value * kNanosecondsPerSecond, std::memory_order_release);
}

void FakeClock::jump_when_blocked(std::size_t threads) noexcept {
  const std::lock_guard lock(mutex_);
  jump_at_ = threads;
  jump_if_due();
}

std::size_t FakeClock::blocked() noexcept {
  const std::lock_guard lock(mutex_);
  return count_blocked();
}

void FakeClock::await_blocked(std::size_t threads) noexcept {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return count_blocked() >= threads; });
}

bool FakeClock::block(std::unique_lock<std::mutex>& lock, const std::atomic<std::uint32_t>* word,
                      BootTime deadline) noexcept {
  Waiter self{.word = word, .deadline = deadline, .next = waiters_};
  waiters_ = &self;
  changed_.notify_all();
  jump_if_due();
  changed_.wait(lock, [&] { return !is_blocked(self); });
  Waiter** link = &waiters_;
  while (*link != &self) link = &(*link)->next;
  *link = self.next;
  return self.is_woken;
}

bool FakeClock::is_blocked(const Waiter& waiter) const noexcept {
  return !waiter.is_woken && boot_ns_.load(std::memory_order_relaxed) < waiter.deadline.ns;
}

std::size_t FakeClock::count_blocked() const noexcept {
  std::size_t count = 0;
  for (const Waiter* waiter = waiters_; waiter != nullptr; waiter = waiter->next) {
    if (is_blocked(*waiter)) ++count;
  }
  return count;
}

void FakeClock::jump_if_due() noexcept {
  if (jump_at_ == 0 || count_blocked() < jump_at_) return;
  BootTime earliest = kNoDeadline;
  for (const Waiter* waiter = waiters_; waiter != nullptr; waiter = waiter->next) {
    if (is_blocked(*waiter)) earliest = std::min(earliest, waiter->deadline);
  }
  if (earliest < kNoDeadline) move_to(earliest.ns);
}

void FakeClock::move_to(std::int64_t boot_ns) noexcept {
  const std::int64_t moved = boot_ns - boot_ns_.load(std::memory_order_relaxed);
  wall_ns_.fetch_add(moved, std::memory_order_release);
  boot_ns_.fetch_add(moved, std::memory_order_release);
  changed_.notify_all();
}

}  // namespace holdfast::hal::fake
