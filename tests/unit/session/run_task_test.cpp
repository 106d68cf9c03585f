// SPDX-License-Identifier: Apache-2.0
#include "src/session/run_task.hpp"

#include "hal/fake/clock.hpp"
#include "tests/unit/session/task_fixture.hpp"

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

constexpr std::chrono::seconds kInterval{60};

class RunTaskTest : public testing::Test {
 protected:
  FakeClock clock_;
  test::EchoSigner signer_;
  test::SlowSource source_{clock_};
  RunTask task_{signer_, &source_, kInterval, clock_};

  std::string current() { return std::string(task_.get(30s).value().id.view()); }
  Status reject(std::uint64_t generation) { return task_.rejected({generation}, 30s).status(); }
};

TEST_F(RunTaskTest, IsRegisteredOnce) {
  for (int i = 0; i < 3; ++i) {
    const auto task = task_.get(30s);
    ASSERT_TRUE(task);
    EXPECT_EQ(task->id.view(), "task-1");
    EXPECT_EQ(task->generation, TaskGeneration{1});
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
  EXPECT_EQ(current(), "task-3");
}

TEST_F(RunTaskTest, ThreadsShareOneRegistration) {
  source_.hold();
  std::array<std::string, 6> tasks;
  std::vector<std::thread> threads;
  for (std::string& task : tasks) {
    threads.emplace_back([&] { task = std::string(task_.get(1h).value().id.view()); });
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

TEST_F(RunTaskTest, ARejectedTaskIsReplacedByOneNewOne) {
  EXPECT_EQ(current(), "task-1");
  EXPECT_EQ(reject(1), Status::ok);
  const auto task = task_.get(30s);
  EXPECT_EQ(task->id.view(), "task-2");
  EXPECT_EQ(task->generation, TaskGeneration{2});
  EXPECT_EQ(source_.calls.load(), 2);
  EXPECT_EQ(signer_.forgotten.load(), 1);
}

TEST_F(RunTaskTest, ALateReportForAnOlderTaskChangesNothing) {
  (void)current();
  EXPECT_EQ(reject(1), Status::ok);
  clock_.advance(kInterval * 2);
  EXPECT_EQ(reject(1), Status::ok) << "there is a newer task: send again";
  EXPECT_EQ(current(), "task-2");
  EXPECT_EQ(source_.calls.load(), 2);
  EXPECT_EQ(signer_.forgotten.load(), 1);
}

TEST_F(RunTaskTest, AGenerationThatNeverWasIsAMistake) {
  EXPECT_EQ(reject(0), Status::invalid_argument);
  EXPECT_EQ(reject(1), Status::invalid_argument) << "no task yet";
  (void)current();
  EXPECT_EQ(reject(2), Status::invalid_argument);
  EXPECT_EQ(source_.calls.load(), 1);
}

TEST_F(RunTaskTest, RejectionsLeadToOneRegistrationInAnInterval) {
  (void)current();
  EXPECT_EQ(reject(1), Status::ok);
  clock_.advance(10s);
  const auto again = task_.rejected({2}, 30s);
  ASSERT_EQ(again.status(), Status::authority_refused);
  EXPECT_EQ(again.error().detail.view(), "a task was registered 10 s ago already; the next one can be in 50 s");
  EXPECT_EQ(signer_.forgotten.load(), 2) << "its headers are not handed out again";
  EXPECT_EQ(reject(2), Status::authority_refused);
  EXPECT_EQ(signer_.forgotten.load(), 2) << "but a storm of reports does not empty the cache again and again";
  EXPECT_EQ(current(), "task-2");
  clock_.advance(50s);
  EXPECT_EQ(reject(2), Status::ok);
  EXPECT_EQ(current(), "task-3");
  EXPECT_EQ(source_.calls.load(), 3);
}

TEST_F(RunTaskTest, AFailedReplacementKeepsTheTaskAndIsToldForTheInterval) {
  (void)current();
  source_.status = Status::authority_unavailable;
  EXPECT_EQ(reject(1), Status::authority_unavailable);
  EXPECT_EQ(reject(1), Status::authority_unavailable);
  EXPECT_EQ(source_.calls.load(), 2) << "the authority was asked once";
  EXPECT_EQ(current(), "task-1");
  clock_.advance(kInterval);
  source_.status = Status::ok;
  EXPECT_EQ(reject(1), Status::ok);
  EXPECT_EQ(current(), "task-3");
}

TEST_F(RunTaskTest, AStormOfRejectionsRegistersOnce) {
  (void)current();
  source_.hold();
  std::array<Status, 8> answers{};
  std::vector<std::thread> threads;
  for (Status& answer : answers) {
    threads.emplace_back([&] { answer = task_.rejected({1}, 1h).status(); });
  }
  clock_.await_blocked(answers.size());
  EXPECT_EQ(current(), "task-1") << "readers wait for nobody";
  source_.let_go();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::ranges::count(answers, Status::ok), std::ssize(answers));
  EXPECT_EQ(source_.calls.load(), 2);
  EXPECT_EQ(current(), "task-2");
}

TEST_F(RunTaskTest, AStormSharesTheFailureToo) {
  (void)current();
  source_.hold();
  source_.status = Status::authority_refused;
  std::array<Status, 8> answers{};
  std::vector<std::thread> threads;
  for (Status& answer : answers) {
    threads.emplace_back([&] { answer = task_.rejected({1}, 1h).status(); });
  }
  clock_.await_blocked(answers.size());
  source_.let_go();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::ranges::count(answers, Status::authority_refused), std::ssize(answers));
  EXPECT_EQ(source_.calls.load(), 2);
}

TEST_F(RunTaskTest, AReporterWaitsUntilItsDeadline) {
  (void)current();
  source_.hold();
  std::thread first([&] { (void)task_.rejected({1}, 1h); });
  clock_.await_blocked(1);
  Status waited = Status::ok;
  std::thread waiter([&] { waited = task_.rejected({1}, 5s).status(); });
  clock_.await_blocked(2);
  clock_.advance(5s);
  waiter.join();
  EXPECT_EQ(waited, Status::deadline_exceeded);
  source_.let_go();
  first.join();
}

TEST_F(RunTaskTest, AnAdoptedTaskIsUsedWithoutARegistration) {
  const TaskId brought = TaskId::parse("brought").value();
  EXPECT_EQ(task_.adopt(brought, 0s).value(), TaskGeneration{1});
  EXPECT_EQ(current(), "brought");
  EXPECT_EQ(task_.adopt(brought, 0s).value(), TaskGeneration{1}) << "the same task is no new one";
  EXPECT_EQ(task_.adopt(TaskId::parse("other").value(), 0s).value(), TaskGeneration{2});
  EXPECT_EQ(reject(1), Status::ok) << "late: another was adopted meanwhile";
  EXPECT_EQ(current(), "other");
  EXPECT_EQ(source_.calls.load(), 0);
  EXPECT_EQ(reject(2), Status::ok);
  EXPECT_EQ(current(), "task-1") << "the source is asked when it is rejected";
}

TEST_F(RunTaskTest, WithoutASourceATaskMustBeAdopted) {
  RunTask task(signer_, nullptr, kInterval, clock_);
  EXPECT_EQ(task.get(30s).status(), Status::task_required);
  ASSERT_TRUE(task.adopt(TaskId::parse("brought").value(), 0s));
  EXPECT_EQ(task.get(0s)->id.view(), "brought");
  EXPECT_EQ(task.rejected({1}, 30s).status(), Status::task_required);
  EXPECT_EQ(signer_.forgotten.load(), 1);
  EXPECT_EQ(task.get(0s)->id.view(), "brought");
}

// Readers see a task or another, never a mixture, while it is replaced all the time.
TEST_F(RunTaskTest, ReadersSeeWholeTasks) {
  std::atomic<bool> is_over{false};
  const std::array<TaskId, 2> tasks{TaskId::parse(std::string(128, 'a')).value(), TaskId::parse("b").value()};
  ASSERT_TRUE(task_.adopt(tasks[1], 0s));
  std::vector<std::thread> readers;
  std::atomic<int> mixed{0};
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!is_over.load()) {
        const auto task = task_.get(0s).value();
        // Odd generations are "b", even ones the long one.
        if (!(task.id == tasks[task.generation.value % 2])) mixed.fetch_add(1);
      }
    });
  }
  for (int i = 0; i < 20'000; ++i) {
    if (!task_.adopt(tasks[static_cast<std::size_t>(i) % 2], 1h)) mixed.fetch_add(1);
  }
  is_over.store(true);
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(mixed.load(), 0);
}

}  // namespace
}  // namespace holdfast
