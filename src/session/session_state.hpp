// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/session.hpp"

#include "hal/clock.hpp"
#include "hal/fork_guard.hpp"
#include "src/session/session_core.hpp"
#include "src/signer/clock_lock.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace holdfast {

/// What a session stands on, step by step. Each step is tried again until it succeeded once, and is then left alone.
/// One thread at a time. May throw `std::bad_alloc`.
class SessionFoundation {
 public:
  virtual ~SessionFoundation() = default;
  /// The identity; stays where it is as long as the foundation.
  [[nodiscard]] virtual Result<const Identity*> identity() = 0;
  /// The identity's signer, when the identity suits the program.
  [[nodiscard]] virtual Result<TypedSigner*> signer() = 0;
  /// Null: this session registers none. After `signer`.
  [[nodiscard]] virtual TaskSource* task_source() noexcept = 0;
  /// Any thread, once `identity` has succeeded; `counters` once `signer` has.
  [[nodiscard]] virtual Result<bool> identity_file_changed() const noexcept = 0;
  [[nodiscard]] virtual SignerCounters counters() const noexcept = 0;
};

/// The headers beside `Authorization` for an account, with the memory of their values.
class CompanionHeaders {
 public:
  /// `file_invalid` for an account id that no header can carry: anything but visible ASCII.
  [[nodiscard]] Result<void> set(const AccountMetadata& account);
  [[nodiscard]] std::span<const HeaderField> fields() const noexcept { return {fields_.data(), size_}; }

 private:
  std::string account_id_;
  std::array<HeaderField, kMaxCompanions> fields_;
  std::size_t size_ = 0;
};

struct AgentSession::State {
  State(hal::ForkGuard guard, TaskRules checked, std::unique_ptr<SessionFoundation> base, hal::Clock& time,
        EventLog* told) noexcept
      : fork_guard(std::move(guard)),
        rules(std::move(checked)),
        foundation(std::move(base)),
        clock(time),
        log(told) {}

  /// The core of a ready session; else null, and `unusable` is what every method that needs it answers. In a child
  /// that is `forked`: the threads that hold a lock of this session, or were copying into it, are the parent's and
  /// let nothing go there.
  [[nodiscard]] SessionCore* usable() const noexcept {
    return fork_guard.is_forked() ? nullptr : ready.load(std::memory_order_acquire);
  }
  [[nodiscard]] Error unusable() const noexcept;
  /// Climbs as far as it gets; the error says what stopped it, and is kept.
  [[nodiscard]] Result<void> climb() noexcept;
  [[nodiscard]] Result<void> climb_once();
  [[nodiscard]] Error error() const noexcept;
  [[nodiscard]] Error settle(const Error& why) noexcept;

  hal::ForkGuard fork_guard;
  TaskRules rules;
  std::unique_ptr<SessionFoundation> foundation;
  hal::Clock& clock;
  EventLog* log;  // null: nobody is told
  CompanionHeaders companions;
  std::optional<SessionCore> core;
  ClockLock climbing;
  std::atomic<std::uint64_t> climbs{0};
  // Published when it is complete, and final from then on.
  std::atomic<const Identity*> identity{nullptr};
  std::atomic<SessionCore*> ready{nullptr};

 private:
  mutable ClockLock reading_;  // held for the copy of `error_` only
  Error error_;
};

}  // namespace holdfast
