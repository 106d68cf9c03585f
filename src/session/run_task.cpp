// SPDX-License-Identifier: Apache-2.0
#include "src/session/run_task.hpp"

#include <algorithm>

namespace holdfast {

Result<const TaskId*> RunTask::get(std::chrono::milliseconds timeout) noexcept {
  if (const TaskId* task = task_.load(std::memory_order_acquire); task != nullptr) return task;
  const hal::BootTime deadline = clock_.boot().after(std::max(timeout, std::chrono::milliseconds::zero()));
  // Who reads an odd number came while that registration was under way.
  const std::uint64_t seen = registrations_.load(std::memory_order_acquire);
  if (!lock_.take(clock_, deadline)) {
    return failure(Status::deadline_exceeded, Layer::core, "waiting for another thread to register the task");
  }
  const bool waited_for_failure = seen % 2 == 1 && failed_registration_ == seen;
  auto result = task_.load(std::memory_order_relaxed) != nullptr ? Result<const TaskId*>(task_.load())
                : waited_for_failure                             ? Result<const TaskId*>(last_failure_)
                                                                 : register_locked(deadline);
  lock_.release(clock_);
  return result;
}

Result<const TaskId*> RunTask::register_locked(hal::BootTime deadline) noexcept {
  const std::uint64_t registration = registrations_.fetch_add(1, std::memory_order_acq_rel) + 1;
  const auto left = std::chrono::nanoseconds(std::max<std::int64_t>(deadline.ns - clock_.boot().ns, 0));
  auto task = source_.register_task(signer_, std::chrono::duration_cast<std::chrono::milliseconds>(left));
  registrations_.fetch_add(1, std::memory_order_acq_rel);
  if (!task) {
    last_failure_ = task.error();
    failed_registration_ = registration;
    return task.error();
  }
  registered_ = std::move(task).value();
  task_.store(&*registered_, std::memory_order_release);
  return &*registered_;
}

}  // namespace holdfast
