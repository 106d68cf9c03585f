// SPDX-License-Identifier: Apache-2.0
//
// What a signer tells its host's log, and what it keeps to itself.
#include "tests/support/recorded_log.hpp"
#include "tests/unit/signer/signer_core_fixture.hpp"

#include <gmock/gmock.h>

#include <thread>
#include <vector>

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class SignerEvents : public SignerCoreTest {
 protected:
  SignerEvents() {
    auto told = settings();
    told.log = &log_;
    open(told);
  }
  static Error of(Status status) { return failure(status, Layer::core, "testing"); }

  RecordedLog log_;
};

TEST_F(SignerEvents, AGoodSignatureTellsNothing) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(ask(Freshness::fresh).status, Status::ok);
    EXPECT_EQ(ask().status, Status::ok);
    clock_.advance(1s);
  }
  EXPECT_TRUE(core_->sign_task_registration(kTimeout));
  core_->forget_headers();
  EXPECT_THAT(log_.take(), IsEmpty());
}

TEST_F(SignerEvents, ARecoveryBeginsAndEndsOnceHoweverManyCallsItTakes) {
  clock_.jump_when_blocked(1);
  token_.take_away();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(*core_, task_, 1s).status, Status::device_gone);
  EXPECT_THAT(log_.take(), ElementsAre("recovery_begun device_gone"));
  token_.bring_back(TokenReturn::needs_reset);
  EXPECT_EQ(ask().status, Status::ok);
  EXPECT_EQ(ask(Freshness::fresh).status, Status::ok);
  EXPECT_THAT(log_.take(), ElementsAre("recovery_ended"));
  token_.bring_back(TokenReturn::needs_find);
  EXPECT_EQ(ask(Freshness::fresh).status, Status::ok);
  EXPECT_THAT(log_.take(), ElementsAre("recovery_begun stale_key", "recovery_ended"));
}

TEST_F(SignerEvents, ThreadsThatLoseTheKeyTogetherTellItOnce) {
  for (int round = 0; round < 10; ++round) {
    token_.bring_back(TokenReturn::needs_find);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        const TaskId task = TaskId::parse("task-" + std::to_string(i)).value();
        EXPECT_EQ(ask(*core_, task, kTimeout, Freshness::fresh).status, Status::ok);
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_THAT(log_.take(), ElementsAre("recovery_begun stale_key", "recovery_ended"));
  }
}

TEST_F(SignerEvents, ARefusedPinIsToldOnce) {
  token_.script().fail_always(Call::sign, of(Status::pin_incorrect));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask().status, Status::pin_incorrect);
  EXPECT_THAT(log_.take(), ElementsAre("pin_refused pin_incorrect"));
}

TEST_F(SignerEvents, APinRefusedOnTheWayBackIsTold) {
  clock_.jump_when_blocked(1);
  token_.bring_back(TokenReturn::needs_reset);
  token_.script().fail_always(Call::reset, of(Status::pin_incorrect));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask().status, Status::pin_incorrect);
  EXPECT_THAT(log_.take(), ElementsAre("recovery_begun device_gone", "pin_refused pin_incorrect"));
}

TEST_F(SignerEvents, ASignerThatStopsSaysSoOnce) {
  token_.script().spoil_signatures(SignatureFault::wrong, 1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask().status, Status::signature_mismatch);
  EXPECT_THAT(log_.take(), ElementsAre("signer_stopped signature_mismatch"));
}

TEST_F(SignerEvents, WhatIsToldToTheCallerAloneIsNotTold) {
  token_.script().fail(Call::sign, 1, of(Status::device_fault));
  EXPECT_EQ(ask().status, Status::device_fault);
  std::array<char, 1> little{};
  EXPECT_EQ(core_->authorization(task_, kTimeout, little, Freshness::reuse).status(), Status::buffer_too_small);
  EXPECT_THAT(log_.take(), IsEmpty());
}

TEST_F(SignerEvents, OfASignerThatWasLeftBehindNothingIsTold) {
  core_->silence();
  token_.bring_back(TokenReturn::needs_find);
  EXPECT_EQ(ask().status, Status::ok);
  token_.script().fail_always(Call::sign, of(Status::pin_incorrect));
  EXPECT_EQ(ask(Freshness::fresh).status, Status::pin_incorrect);
  EXPECT_THAT(log_.take(), IsEmpty());
}

// Reads what a log may read while it is told, and keeps it.
class ReadingLog final : public EventLog {
 public:
  void record(const Event&) noexcept override {
    seen.push_back(core->counters().recoveries);
    EXPECT_EQ(core->runtime_id().view(), "agent-123");
  }
  SignerCore* core = nullptr;
  std::vector<std::uint64_t> seen;
};

TEST_F(SignerEvents, ALogMayReadTheCounters) {
  ReadingLog log;
  auto told = settings();
  told.log = &log;
  log.core = &open(told);
  token_.bring_back(TokenReturn::needs_find);
  EXPECT_EQ(ask().status, Status::ok);
  EXPECT_THAT(log.seen, ElementsAre(0U, 1U)) << "when it is told that the key is back, it is counted";
}

}  // namespace
}  // namespace holdfast::test
