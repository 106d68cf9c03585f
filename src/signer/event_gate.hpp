// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/event.hpp"

#include "src/signer/clock_lock.hpp"

#include <atomic>

namespace holdfast {

/// A signer's way to its host's log. It can be shut: a native call that never returned may come back after the signer
/// was closed, and the host's log need not be there any more. One event at a time. Allocates nothing.
class EventGate final : public EventLog {
 public:
  /// `log` may be null: nothing is told then.
  EventGate(EventLog* log, hal::Clock& clock) noexcept : clock_(clock), log_(log) {}
  EventGate(const EventGate&) = delete;
  EventGate& operator=(const EventGate&) = delete;

  void record(const Event& event) noexcept override {
    if (log_.load(std::memory_order_relaxed) == nullptr) return;
    (void)lock_.take(clock_, hal::kNoDeadline);
    if (EventLog* log = log_.load(std::memory_order_relaxed); log != nullptr) log->record(event);
    lock_.release(clock_);
  }
  /// Of the same kind only the first.
  void record_once(EventKind kind, const Error& why) noexcept {
    const auto bit = std::uint32_t{1} << static_cast<unsigned>(kind);
    if ((told_.fetch_or(bit, std::memory_order_relaxed) & bit) == 0) record({.kind = kind, .why = why});
  }
  /// Waits for an event that is being told. Nothing is told afterwards.
  void shut() noexcept {
    (void)lock_.take(clock_, hal::kNoDeadline);
    log_.store(nullptr, std::memory_order_relaxed);
    lock_.release(clock_);
  }

 private:
  hal::Clock& clock_;
  ClockLock lock_;
  std::atomic<EventLog*> log_;  // changed with the lock, looked at without it
  std::atomic<std::uint32_t> told_{0};
};

/// Whether it is a PIN, or the lack of one that may still be sent, that a person has to see to.
[[nodiscard]] inline bool is_refused_pin(Status status) noexcept {
  return status == Status::pin_incorrect || status == Status::pin_locked || status == Status::pin_refused_before;
}

}  // namespace holdfast
