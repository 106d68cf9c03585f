// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/registrar.hpp"

#include "hal/clock.hpp"

#include <algorithm>
#include <atomic>
#include <string>

namespace holdfast::test {

/// Signs nothing: a header is its task's id. From any thread.
class EchoSigner final : public TypedSigner {
 public:
  Result<std::size_t> authorization(const TaskId& task, std::chrono::nanoseconds, std::span<char> out,
                                    Freshness) noexcept override {
    signatures.fetch_add(1);
    if (out.size() < task.view().size()) return failure(Status::buffer_too_small, Layer::core, "signing in a test");
    std::ranges::copy(task.view(), out.begin());
    return task.view().size();
  }
  Result<TaskRegistration> sign_task_registration(std::chrono::nanoseconds) noexcept override {
    return TaskRegistration{};
  }
  void forget_headers() noexcept override { forgotten.fetch_add(1); }
  const RuntimeId& runtime_id() const noexcept override { return runtime_id_; }
  const PublicKey& public_key() const noexcept override { return public_key_; }

  std::atomic<int> signatures{0};
  std::atomic<int> forgotten{0};

 private:
  RuntimeId runtime_id_ = RuntimeId::parse("agent-123").value();
  PublicKey public_key_;
};

/// Hands out `task-1`, `task-2`, …; between `hold` and `let_go` it answers no sooner than that, as an authority does.
class SlowSource final : public TaskSource {
 public:
  explicit SlowSource(hal::Clock& clock) : clock_(clock) {}
  Result<TaskId> register_task(TypedSigner&, std::chrono::milliseconds timeout) noexcept override {
    const int call = calls.fetch_add(1) + 1;
    last_timeout.store(timeout.count());
    while (held_.load() != 0) clock_.wait(held_, 1, hal::kNoDeadline);
    if (status.load() != Status::ok) return failure(status.load(), Layer::registrar, "registering a task");
    return TaskId::parse("task-" + std::to_string(call)).value();
  }
  void hold() { held_.store(1); }
  void let_go() {
    held_.store(0);
    clock_.wake_all(held_);
  }

  std::atomic<int> calls{0};
  std::atomic<std::int64_t> last_timeout{0};
  std::atomic<Status> status{Status::ok};

 private:
  hal::Clock& clock_;
  std::atomic<std::uint32_t> held_{0};
};

}  // namespace holdfast::test
