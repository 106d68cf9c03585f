// SPDX-License-Identifier: Apache-2.0
#include "src/session/run_task.hpp"

#include "hal/fake/clock.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
#include <vector>

namespace holdfast {
namespace {

using namespace std::chrono_literals;
using hal::fake::FakeClock;

class NoSigner final : public TypedSigner {
 public:
  Result<std::size_t> authorization(const TaskId&, std::chrono::nanoseconds, std::span<char>,
                                    Freshness) noexcept override {
    return std::size_t{0};
  }
  Result<TaskRegistration> sign_task_registration(std::chrono::nanoseconds) noexcept override {
    return TaskRegistration{};
  }
  void forget_headers() noexcept override {}
  const RuntimeId& runtime_id() const noexcept override { return runtime_id_; }
  const PublicKey& public_key() const noexcept override { return public_key_; }

 private:
  RuntimeId runtime_id_ = RuntimeId::parse("agent-123").value();
  PublicKey public_key_;
};

/// Answers after `let_go`, as an authority does after a while.
class SlowSource final : public TaskSource {
 public:
  explicit SlowSource(hal::Clock& clock) : clock_(clock) {}
  Result<TaskId> register_task(TypedSigner&, std::chrono::milliseconds timeout) noexcept override {
    calls.fetch_add(1);
    last_timeout.store(timeout.count());
    while (held_.load() != 0) clock_.wait(held_, 1, hal::kNoDeadline);
    if (status.load() != Status::ok) return failure(status.load(), Layer::registrar, "registering a task");
    return TaskId::parse("task-" + std::to_string(calls.load())).value();
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

class RunTaskTest : public testing::Test {
 protected:
  FakeClock clock_;
  NoSigner signer_;
  SlowSource source_{clock_};
  RunTask task_{signer_, source_, clock_};
};

TEST_F(RunTaskTest, IsRegisteredOnce) {
  for (int i = 0; i < 3; ++i) {
    const auto task = task_.get(30s);
    ASSERT_TRUE(task);
    EXPECT_EQ((*task)->view(), "task-1");
  }
  EXPECT_EQ(source_.calls.load(), 1);
  EXPECT_EQ(source_.last_timeout.load(), 30'000);
}

TEST_F(RunTaskTest, AFailureIsReportedAndTheNextCallTriesAgain) {
  source_.status = Status::authority_unavailable;
  EXPECT_EQ(task_.get(30s).status(), Status::authority_unavailable);
  EXPECT_EQ(task_.get(30s).status(), Status::authority_unavailable);
  EXPECT_EQ(source_.calls.load(), 2);
  source_.status = Status::ok;
  EXPECT_EQ((*task_.get(30s).value()).view(), "task-3");
}

TEST_F(RunTaskTest, ThreadsShareOneRegistration) {
  source_.hold();
  std::array<std::string, 6> tasks;
  std::vector<std::thread> threads;
  for (std::string& task : tasks) {
    threads.emplace_back([&] { task = std::string(task_.get(1h).value()->view()); });
  }
  clock_.await_blocked(tasks.size());
  source_.let_go();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::ranges::count(tasks, "task-1"), std::ssize(tasks));
  EXPECT_EQ(source_.calls.load(), 1);
}

TEST_F(RunTaskTest, ThreadsThatWaitedShareTheFailure) {
  source_.hold();
  source_.status = Status::authority_refused;
  std::array<Status, 6> answers{};
  std::thread first([&] { answers[0] = task_.get(1h).status(); });
  clock_.await_blocked(1);
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < answers.size(); ++i) {
    threads.emplace_back([&, i] { answers[i] = task_.get(1h).status(); });
  }
  clock_.await_blocked(answers.size());
  source_.let_go();
  first.join();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::ranges::count(answers, Status::authority_refused), std::ssize(answers));
  EXPECT_EQ(source_.calls.load(), 1);
}

TEST_F(RunTaskTest, WaitingEndsAtTheDeadline) {
  source_.hold();
  std::thread first([&] { (void)task_.get(1h); });
  clock_.await_blocked(1);
  Status waited = Status::ok;
  std::thread waiter([&] { waited = task_.get(5s).status(); });
  clock_.await_blocked(2);
  clock_.advance(5s);
  waiter.join();
  EXPECT_EQ(waited, Status::deadline_exceeded);
  source_.let_go();
  first.join();
  EXPECT_TRUE(task_.get(0s)) << "and what was registered meanwhile is there";
}

}  // namespace
}  // namespace holdfast
