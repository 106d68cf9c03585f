// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/session.hpp"

#include "hal/clock.hpp"
#include "src/session/task_cell.hpp"
#include "src/signer/clock_lock.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace holdfast {

/// The one task of a session: registered once, replaced when it is rejected, kept in memory, read without a lock.
/// From any thread. Allocates nothing.
///
/// Registering is single-flight: who comes while another thread registers waits for it, `timeout` at most
/// (`deadline_exceeded`), and shares its failure as well as its success: an authority that is down is not asked once
/// more by every thread in turn.
class RunTask {
 public:
  /// `source` null: tasks are only adopted. `log` null: nobody is told. All of them outlive the task.
  RunTask(TypedSigner& signer, TaskSource* source, std::chrono::nanoseconds rejection_interval, hal::Clock& clock,
          EventLog* log = nullptr) noexcept
      : signer_(signer), source_(source), rejection_interval_(rejection_interval), clock_(clock), log_(log) {}

  /// The task; registers it if there is none. Who comes after a failure tries anew.
  [[nodiscard]] Result<CurrentTask> get(std::chrono::milliseconds timeout) noexcept;

  /// The authority rejected the task of this generation: contract as `AgentSession::rejected`.
  [[nodiscard]] Result<void> rejected(TaskGeneration reported, std::chrono::milliseconds timeout) noexcept;

  /// Contract as `AgentSession::adopt_task`.
  [[nodiscard]] Result<TaskGeneration> adopt(const TaskId& task, std::chrono::milliseconds timeout) noexcept;

  [[nodiscard]] TaskGeneration generation() const noexcept { return cell_.generation(); }

  RunTask(const RunTask&) = delete;
  RunTask& operator=(const RunTask&) = delete;

 private:
  // All with the lock held.
  [[nodiscard]] Result<void> register_locked(hal::BootTime deadline) noexcept;
  [[nodiscard]] Result<void> replace_locked(TaskGeneration reported, hal::BootTime deadline) noexcept;
  void tell(EventKind kind, TaskGeneration generation, const Error& why = {}) const noexcept {
    if (log_ != nullptr) log_->record({.kind = kind, .why = why, .generation = generation.value});
  }
  [[nodiscard]] Error too_soon(hal::BootTime now) const noexcept;
  [[nodiscard]] hal::BootTime deadline_of(std::chrono::milliseconds timeout) const noexcept;

  TypedSigner& signer_;
  TaskSource* source_;
  std::chrono::nanoseconds rejection_interval_;
  hal::Clock& clock_;
  EventLog* log_;
  TaskCell cell_;
  std::atomic<std::uint64_t> registrations_{0};  // odd while one is under way
  ClockLock lock_;
  // With the lock.
  Error last_failure_;  // status ok: the last registration succeeded
  std::uint64_t failed_registration_ = 0;
  TaskGeneration forgotten_;                       // the last generation whose headers were dropped
  std::optional<hal::BootTime> last_replacement_;  // when it began
};

}  // namespace holdfast
