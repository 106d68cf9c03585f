// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/session.hpp"

#include "hal/clock.hpp"
#include "src/session/origin.hpp"
#include "src/session/run_task.hpp"

#include <span>
#include <string_view>
#include <vector>

namespace holdfast {

/// The options of a session's task, checked: times in range, origins read.
struct TaskRules {
  std::chrono::milliseconds registration_timeout{};
  std::chrono::milliseconds signing_timeout{};
  std::chrono::milliseconds rejection_interval{};
  std::vector<Origin> origins{};

  /// `invalid_argument`, naming the option. Allocates, may throw `std::bad_alloc`.
  [[nodiscard]] static Result<TaskRules> check(const TaskOptions& options);
};

/// A ready session on a signer, a task source and a clock that somebody else owns: everything of `AgentSession` but
/// the opening. Contract of each method as there.
class SessionCore {
 public:
  /// `source` and `log` may be null; `companions` stay where they are.
  SessionCore(TypedSigner& signer, TaskSource* source, TaskRules rules, std::span<const HeaderField> companions,
              hal::Clock& clock, EventLog* log = nullptr) noexcept
      : signer_(signer),
        rules_(std::move(rules)),
        companions_(companions),
        task_(signer, source, rules_.rejection_interval, clock, log) {}

  [[nodiscard]] Result<void> register_task(std::chrono::milliseconds timeout) noexcept;
  [[nodiscard]] Result<TaskGeneration> adopt_task(const TaskId& task) noexcept;
  [[nodiscard]] TaskGeneration generation() const noexcept { return task_.generation(); }
  [[nodiscard]] Result<Authorization> authorization(std::span<char> out, Freshness freshness) noexcept;
  [[nodiscard]] Result<HeaderSet> headers_for(std::string_view url, std::span<char> out,
                                              Freshness freshness) noexcept;
  [[nodiscard]] Result<void> rejected(TaskGeneration generation, int http_status) noexcept;

 private:
  TypedSigner& signer_;
  TaskRules rules_;
  std::span<const HeaderField> companions_;
  RunTask task_;
};

}  // namespace holdfast
