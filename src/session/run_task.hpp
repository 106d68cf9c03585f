// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/result.hpp"
#include "holdfast/signer.hpp"

#include "hal/clock.hpp"
#include "src/signer/clock_lock.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace holdfast {

/// Where a task comes from: an authority, or a test.
class TaskSource {
 public:
  [[nodiscard]] virtual Result<TaskId> register_task(TypedSigner& signer,
                                                     std::chrono::milliseconds timeout) noexcept = 0;

 protected:
  ~TaskSource() = default;
};

/// The one task of a session: registered once, kept in memory, read without a lock. From any thread.
class RunTask {
 public:
  /// All three outlive the task.
  RunTask(TypedSigner& signer, TaskSource& source, hal::Clock& clock) noexcept
      : signer_(signer), source_(source), clock_(clock) {}

  /// The task; registers it if there is none. Single-flight: who comes while another thread registers waits for it,
  /// `timeout` at most (`deadline_exceeded`), and shares its failure as well as its success: an authority that is
  /// down is not asked once more by every thread in turn. Who comes after a failure tries anew.
  [[nodiscard]] Result<const TaskId*> get(std::chrono::milliseconds timeout) noexcept;

  RunTask(const RunTask&) = delete;
  RunTask& operator=(const RunTask&) = delete;

 private:
  [[nodiscard]] Result<const TaskId*> register_locked(hal::BootTime deadline) noexcept;

  TypedSigner& signer_;
  TaskSource& source_;
  hal::Clock& clock_;
  std::atomic<const TaskId*> task_{nullptr};     // points to `registered_`, which never changes afterwards
  std::atomic<std::uint64_t> registrations_{0};  // begun
  ClockLock lock_;
  // With the lock.
  std::optional<TaskId> registered_;
  Error last_failure_;
  std::uint64_t failed_registration_ = 0;
};

}  // namespace holdfast
