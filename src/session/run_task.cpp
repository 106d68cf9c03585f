// SPDX-License-Identifier: Apache-2.0
#include "src/session/run_task.hpp"

#include "src/assertion/detail_text.hpp"

#include <algorithm>

namespace holdfast {
namespace {

constexpr const char* kWaiting = "waiting for another thread to register the task";
constexpr const char* kRegistering = "registering the run task";
constexpr const char* kReporting = "reporting a rejected task";

std::int64_t whole_seconds(std::int64_t ns) noexcept { return (ns + 999'999'999) / 1'000'000'000; }

}  // namespace

Result<CurrentTask> RunTask::get(std::chrono::milliseconds timeout) noexcept {
  if (const auto task = cell_.load()) return *task;
  const hal::BootTime deadline = deadline_of(timeout);
  // Who reads an odd number came while that registration was under way.
  const std::uint64_t seen = registrations_.load(std::memory_order_acquire);
  if (!lock_.take(clock_, deadline)) return failure(Status::deadline_exceeded, Layer::core, kWaiting);
  Result<void> outcome;
  if (cell_.generation().value == 0) {
    const bool waited_for_failure = seen % 2 == 1 && failed_registration_ == seen;
    outcome = waited_for_failure ? Result<void>(last_failure_) : register_locked(deadline);
  }
  lock_.release(clock_);
  if (!outcome) return outcome.error();
  return *cell_.load();
}

Result<void> RunTask::rejected(TaskGeneration reported, std::chrono::milliseconds timeout) noexcept {
  const TaskGeneration present = cell_.generation();
  if (reported.value == 0 || reported > present) {
    return failure(Status::invalid_argument, Layer::core, kReporting)
        .about((DetailText() << "no header of generation " << reported.value << " was handed out").view());
  }
  if (reported < present) return {};
  const hal::BootTime deadline = deadline_of(timeout);
  if (!lock_.take(clock_, deadline)) return failure(Status::deadline_exceeded, Layer::core, kWaiting);
  const Result<void> outcome = replace_locked(reported, deadline);
  lock_.release(clock_);
  return outcome;
}

Result<TaskGeneration> RunTask::adopt(const TaskId& task, std::chrono::milliseconds timeout) noexcept {
  if (!lock_.take(clock_, deadline_of(timeout))) return failure(Status::deadline_exceeded, Layer::core, kWaiting);
  const auto present = cell_.load();
  const TaskGeneration generation = present && present->id == task ? present->generation : cell_.store(task);
  lock_.release(clock_);
  return generation;
}

Result<void> RunTask::replace_locked(TaskGeneration reported, hal::BootTime deadline) noexcept {
  if (reported < cell_.generation()) return {};
  if (forgotten_ != reported) {
    signer_.forget_headers();
    forgotten_ = reported;
    tell(EventKind::task_rejected, reported);
  }
  if (source_ == nullptr) {
    return failure(Status::task_required, Layer::core, kReporting).about("the authority rejected the present one");
  }
  const hal::BootTime now = clock_.boot();
  if (last_replacement_ && now < last_replacement_->after(rejection_interval_)) {
    return last_failure_.status == Status::ok ? too_soon(now) : last_failure_;
  }
  last_replacement_ = now;
  return register_locked(deadline);
}

Result<void> RunTask::register_locked(hal::BootTime deadline) noexcept {
  if (source_ == nullptr) return failure(Status::task_required, Layer::core, kRegistering);
  const std::uint64_t registration = registrations_.fetch_add(1, std::memory_order_acq_rel) + 1;
  const auto left = std::chrono::nanoseconds(std::max<std::int64_t>(deadline.ns - clock_.boot().ns, 0));
  const auto task = source_->register_task(signer_, std::chrono::duration_cast<std::chrono::milliseconds>(left));
  registrations_.fetch_add(1, std::memory_order_acq_rel);
  if (!task) {
    last_failure_ = task.error();
    failed_registration_ = registration;
    tell(EventKind::registration_failed, {}, task.error());
    return task.error();
  }
  last_failure_ = Error{};
  tell(EventKind::task_registered, cell_.store(*task));
  return {};
}

// The task that was registered for a rejection is rejected, too: then it is hardly the task.
Error RunTask::too_soon(hal::BootTime now) const noexcept {
  const std::int64_t ago = now.ns - last_replacement_->ns;
  return failure(Status::authority_refused, Layer::core, kReporting)
      .about((DetailText() << "a task was registered " << ago / 1'000'000'000
                           << " s ago already; the next one can be in "
                           << whole_seconds(rejection_interval_.count() - ago) << " s")
                 .view())
      .with_hint("hand the answer on; if it is about the agent, check this machine's clock and the authority's log");
}

hal::BootTime RunTask::deadline_of(std::chrono::milliseconds timeout) const noexcept {
  // Longer than anybody waits, and short enough to be counted in nanoseconds.
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 365);
  return clock_.boot().after(std::clamp(timeout, std::chrono::milliseconds::zero(), kLongest));
}

}  // namespace holdfast
