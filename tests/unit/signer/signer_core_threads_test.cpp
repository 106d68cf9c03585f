// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/signer/signer_core_fixture.hpp"

#include <atomic>
#include <thread>
#include <vector>

namespace holdfast::test {
namespace {

TEST_F(SignerCoreTest, ManyThreadsOneSignature) {
  constexpr std::size_t kThreads = 8;
  open();
  token_.hang();
  std::array<Answer, kThreads> answers;
  std::vector<std::thread> threads;
  for (Answer& answer : answers) threads.emplace_back([&] { answer = ask(*core_, task_); });
  clock_.await_blocked(kThreads);
  token_.release();
  for (std::thread& thread : threads) thread.join();
  for (const Answer& answer : answers) EXPECT_EQ(answer.header, kVector1);
  EXPECT_EQ(signatures(), 1U);
  EXPECT_EQ(core_->counters().headers, kThreads);
  EXPECT_EQ(core_->counters().headers_reused, kThreads - 1);
}

TEST_F(SignerCoreTest, WhileOneThreadRenewsAheadOfTimeTheOthersDoNotWait) {
  auto aged = settings();
  aged.max_age = 4s;
  open(aged);
  const std::string first = ask().header;
  clock_.advance(3500ms);
  token_.hang();
  Answer renewed;
  std::thread thread([&] { renewed = ask(*core_, task_); });
  clock_.await_blocked(1);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(*core_, task_, 0s).header, first);
  token_.release();
  thread.join();
  EXPECT_TRUE(is_valid(renewed.header, key_, {kVectorTime.value + 3}));
  EXPECT_EQ(ask().header, renewed.header);
  EXPECT_EQ(signatures(), 2U);
}

TEST_F(SignerCoreTest, WhenTheSigningThreadFailsAnotherTakesItsPlace) {
  constexpr std::size_t kThreads = 4;
  open();
  token_.hang();
  token_.script().fail(Call::sign, 1, failure(Status::device_fault, Layer::core, "testing"));
  std::array<Answer, kThreads> answers;
  std::vector<std::thread> threads;
  for (Answer& answer : answers) threads.emplace_back([&] { answer = ask(*core_, task_); });
  clock_.await_blocked(kThreads);
  token_.release();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::ranges::count(answers, Status::device_fault, &Answer::status), 1);
  EXPECT_EQ(std::ranges::count(answers, std::string(kVector1), &Answer::header), static_cast<int>(kThreads) - 1);
  EXPECT_EQ(signatures(), 2U);
}

TEST_F(SignerCoreTest, WhoeverTakesThePlaceOfAThreadThatFailedSignsTheTimeItIsThen) {
  open();
  token_.hang();
  token_.script().fail(Call::sign, 1, failure(Status::device_fault, Layer::core, "testing"));
  std::array<Answer, 2> answers;
  std::thread signing([&] { answers[0] = ask(*core_, task_, 1h); });
  clock_.await_blocked(1);
  std::thread waiting([&] { answers[1] = ask(*core_, task_, 1h); });
  clock_.await_blocked(2);
  clock_.advance(400s);
  token_.release();
  signing.join();
  waiting.join();
  EXPECT_EQ(answers[0].status, Status::device_fault);
  EXPECT_TRUE(is_valid(answers[1].header, key_, {kVectorTime.value + 400}));
}

TEST_F(SignerCoreTest, WaitingForAnotherThreadEndsAtTheDeadline) {
  open();
  token_.hang();
  Answer signing;
  std::thread thread([&] { signing = ask(*core_, task_, 1h); });
  clock_.await_blocked(1);
  Answer waiting;
  std::thread waiter([&] { waiting = ask(*core_, task_, 3s); });
  clock_.await_blocked(2);
  clock_.advance(3s);
  waiter.join();
  EXPECT_EQ(waiting.status, Status::deadline_exceeded);
  EXPECT_TRUE(waiting.is_wiped);
  token_.release();
  thread.join();
  EXPECT_EQ(signing.header, kVector1) << "the time signed is that of the call's beginning";
}

TEST_F(SignerCoreTest, WaitingForASessionEndsAtTheDeadline) {
  open(settings(), 1);
  token_.hang();
  std::thread thread([&] { (void)ask(*core_, task_, 1h); });
  clock_.await_blocked(1);
  EXPECT_EQ(ask(*core_, TaskId::parse("other").value(), 0s).status, Status::deadline_exceeded);
  EXPECT_EQ(ask(*core_, TaskId::parse("other").value(), -1h).status, Status::deadline_exceeded);
  EXPECT_EQ(ask(*core_, TaskId::parse("other").value(), std::chrono::nanoseconds::min()).status,
            Status::deadline_exceeded);
  EXPECT_EQ(core_->sign_task_registration(0s).status(), Status::deadline_exceeded);
  token_.release();
  thread.join();
}

TEST_F(SignerCoreTest, AKeptHeaderNeedsNoTime) {
  open();
  (void)ask();
  EXPECT_EQ(ask(*core_, task_, -1s).header, kVector1);
  EXPECT_EQ(ask(*core_, task_, std::chrono::nanoseconds::max()).header, kVector1);
}

TEST_F(SignerCoreTest, ThreadsThatLoseTheirHandleFindItOnce) {
  constexpr std::size_t kThreads = 4;
  open();
  token_.hang();
  std::array<Answer, kThreads> answers;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] { answers[i] = ask(*core_, TaskId::parse("task-" + std::to_string(i)).value()); });
  }
  clock_.await_blocked(kThreads);
  token_.bring_back(TokenReturn::needs_find);
  token_.release();
  for (std::thread& thread : threads) thread.join();
  for (const Answer& answer : answers) EXPECT_TRUE(is_valid(answer.header, key_, kVectorTime));
  EXPECT_EQ(token_.script().calls(Call::find), 2U) << "at open and once for all of them";
}

// They found the key lost already, or waited for another's climb; longer than an authority's window of five minutes.
TEST_F(SignerCoreTest, WhatIsSignedAfterARecoverySaysTheTimeItIsThen) {
  open();
  token_.take_away();
  ASSERT_EQ(ask(*core_, task_, 0s).status, Status::device_gone);
  std::array<Answer, 2> answers;
  std::thread climber([&] { answers[0] = ask(*core_, task_, 1h); });
  clock_.await_blocked(1);
  std::thread waiter([&] { answers[1] = ask(*core_, TaskId::parse("other").value(), 1h); });
  std::string registered;
  std::thread registering([&] {
    const auto registration = core_->sign_task_registration(1h);
    if (registration) registered = registration->timestamp.view();
  });
  clock_.await_blocked(3);
  clock_.advance(400s);
  clock_.await_blocked(3);
  token_.bring_back(TokenReturn::needs_reset);
  clock_.advance(1s);
  for (std::thread* thread : {&climber, &waiter, &registering}) thread->join();
  for (const Answer& answer : answers) EXPECT_TRUE(is_valid(answer.header, key_, {kVectorTime.value + 401}));
  EXPECT_EQ(registered, "2026-04-20T00:06:41Z");
}

TEST_F(SignerCoreTest, HeadersOfManyTasksFromManyThreadsAllVerify) {
  constexpr int kRounds = 300;
  auto few = settings();
  few.max_tasks = 3;
  open(few, 2);
  std::atomic<int> wrong{0};
  std::atomic<bool> is_done{false};
  std::thread time([&] {
    while (!is_done.load()) {
      clock_.advance(100ms);
      core_->forget_headers();
      std::this_thread::yield();
    }
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < kRounds; ++round) {
        const TaskId task = TaskId::parse("task-" + std::to_string((round + i) % 5)).value();
        const Answer answer = ask(*core_, task, 1000h, round % 7 == 0 ? Freshness::fresh : Freshness::reuse);
        const auto parsed = parse_authorization(answer.header);
        const bool is_right =
            parsed && parsed->task_id == task && verify_assertion(*parsed, key_, {.now = parsed->time, .seconds = 0});
        if (!is_right) wrong.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  is_done.store(true);
  time.join();
  EXPECT_EQ(wrong.load(), 0);
}

}  // namespace
}  // namespace holdfast::test
