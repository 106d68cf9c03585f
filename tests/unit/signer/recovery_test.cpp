// SPDX-License-Identifier: Apache-2.0
//
// The ladder in virtual time, on the fake token: what is tried, in which order, how often, and who waits for whom.
#include "src/signer/recovery.hpp"

#include "holdfast/verifier.hpp"

#include "hal/fake/clock.hpp"
#include "hal/fake/device.hpp"
#include "src/signer/signer_core.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace holdfast {
namespace {

using namespace std::chrono_literals;
using hal::fake::Call;
using hal::fake::FakeClock;
using hal::fake::FakeDevice;
using hal::fake::FakeToken;
using hal::fake::kVectorTime;
using hal::fake::Secret;
using hal::fake::TokenReturn;

Error of(Status status) { return failure(status, Layer::core, "testing"); }

TEST(NextRung, IsDecidedByWhatTheRungEndedWith) {
  struct Step {
    Rung rung;
    Status outcome;
    Rung next;
  };
  constexpr Step kSteps[] = {
      {Rung::use, Status::ok, Rung::use},
      {Rung::use, Status::stale_key, Rung::find},
      {Rung::use, Status::device_gone, Rung::find},
      {Rung::use, Status::resource_exhausted, Rung::wait},
      {Rung::find, Status::ok, Rung::prove},
      {Rung::find, Status::stale_key, Rung::reset},
      {Rung::find, Status::device_gone, Rung::reset},
      {Rung::find, Status::token_not_found, Rung::reset},
      {Rung::find, Status::key_not_found, Rung::reset},
      {Rung::find, Status::module_unusable, Rung::reset},
      {Rung::find, Status::resource_exhausted, Rung::wait},
      {Rung::prove, Status::ok, Rung::use},
      {Rung::prove, Status::stale_key, Rung::reset},
      {Rung::prove, Status::device_gone, Rung::reset},
      {Rung::prove, Status::resource_exhausted, Rung::wait},
      {Rung::reset, Status::ok, Rung::find},
      {Rung::reset, Status::reset_not_ours, Rung::find},
      {Rung::reset, Status::stale_key, Rung::wait},
      {Rung::reset, Status::device_gone, Rung::wait},
      {Rung::reset, Status::token_not_found, Rung::wait},
      {Rung::reset, Status::key_not_found, Rung::wait},
      {Rung::reset, Status::module_unusable, Rung::wait},
      {Rung::reset, Status::resource_exhausted, Rung::wait},
  };
  for (const Rung rung : {Rung::use, Rung::find, Rung::prove, Rung::reset, Rung::stop}) {
    for (holdfast_status value = 0; value < HOLDFAST_STATUS_COUNT; ++value) {
      Rung expected = Rung::stop;  // a PIN, another key, a wrong signature, a wrong call: no rung helps
      for (const Step& step : kSteps) {
        if (step.rung == rung && step.outcome == static_cast<Status>(value)) expected = step.next;
      }
      EXPECT_EQ(next_rung(rung, static_cast<Status>(value)), expected)
          << static_cast<int>(rung) << ' ' << status_name(static_cast<Status>(value));
    }
  }
  EXPECT_EQ(next_rung(Rung::wait, Status::ok), Rung::find);
}

class RecoveryLadder : public testing::Test {
 protected:
  struct Answer {
    Error error{};
    std::string header{};
    std::chrono::nanoseconds took{0};
    [[nodiscard]] Status status() const { return error.status; }
  };

  RecoveryLadder() {
    key_ = token_.put_key("agent", Scheme::ed25519, secret_of(7)).value();
    open({});
  }
  static Secret secret_of(unsigned char byte) {
    Secret secret;
    secret.fill(static_cast<std::byte>(byte));
    return secret;
  }
  void open(std::chrono::seconds max_age) {
    core_.reset();
    device_ = FakeDevice::open(token_, {.label = "agent"}).value();
    const SignerCore::Settings settings{.runtime_id = RuntimeId::parse("agent-123").value(), .max_age = max_age};
    core_ = std::make_unique<SignerCore>(*device_, clock_, SignerCore::prepare(*device_, clock_, settings).value());
  }

  Answer ask(std::chrono::nanoseconds timeout, std::string_view task = "task-123",
             Freshness freshness = Freshness::fresh) {
    std::array<char, kMaxAuthorizationSize> out{};
    const hal::BootTime start = clock_.boot();
    const auto size = core_->authorization(TaskId::parse(task).value(), timeout, out, freshness);
    const std::chrono::nanoseconds took(clock_.boot().ns - start.ns);
    if (size) return {.header = std::string(out.data(), *size), .took = took};
    return {.error = size.error(), .took = took};
  }
  /// Whether it verifies, with the time at which it says it was made.
  bool is_valid(const Answer& answer, WallSeconds made) const {
    const auto parsed = parse_authorization(answer.header);
    return parsed && parsed->time == made && verify_assertion(*parsed, key_, {.now = made, .seconds = 0});
  }
  std::uint64_t resets() { return token_.script().calls(Call::reset); }
  std::uint64_t finds() { return token_.script().calls(Call::find); }
  /// The only thread: whenever it waits, time passes.
  void alone() { clock_.jump_when_blocked(1); }

  FakeClock clock_;
  FakeToken token_{clock_};
  PublicKey key_;
  hal::DevicePtr device_{nullptr, [](hal::KeyDevice*) noexcept {}};
  std::unique_ptr<SignerCore> core_;
};

TEST_F(RecoveryLadder, AStaleHandleCostsOneFindAndNoReset) {
  token_.bring_back(TokenReturn::needs_find);
  EXPECT_TRUE(is_valid(ask(0s), kVectorTime));
  EXPECT_EQ(resets(), 0U);
  EXPECT_EQ(core_->counters().recoveries, 1U);
  EXPECT_EQ(core_->counters().resets, 0U);
}

TEST_F(RecoveryLadder, AnErrorThatSaysOkIsNoSignature) {
  token_.script().fail(Call::sign, 1, of(Status::ok));
  const Answer answer = ask(10s);
  EXPECT_EQ(answer.status(), Status::device_fault);
  EXPECT_EQ(answer.header, "");
  EXPECT_TRUE(is_valid(ask(10s), kVectorTime));
}

TEST_F(RecoveryLadder, ADeadConnectionIsFoundDeadBeforeItIsReset) {
  token_.bring_back(TokenReturn::needs_reset);
  const std::uint64_t before = finds();
  EXPECT_TRUE(is_valid(ask(10s), kVectorTime));
  EXPECT_EQ(resets(), 1U);
  EXPECT_EQ(finds(), before + 1) << "the fake counts those that reach it";
  EXPECT_EQ(core_->counters().resets, 1U);
  EXPECT_EQ(core_->counters().recoveries, 1U);
  EXPECT_EQ(core_->counters().device_errors, 2U) << "the signature and the first find";
}

TEST_F(RecoveryLadder, ATokenThatSignsOnlyAfterAResetGetsOne) {
  // tpm2-pkcs11 after a TPM reset: the key is found, and no signature succeeds.
  token_.script().fail(Call::sign, 1, of(Status::device_gone));
  const auto first = ask(10s);
  EXPECT_EQ(first.status(), Status::ok);
  EXPECT_EQ(resets(), 0U) << "one failure is cured by finding";
  token_.script().fail_always(Call::sign, of(Status::device_gone));
  EXPECT_EQ(ask(0s).status(), Status::device_gone);
  EXPECT_EQ(resets(), 0U) << "a call past its deadline climbs one rung";
  token_.script().clear();
  EXPECT_EQ(ask(0s).status(), Status::device_gone) << "the second rung";
  EXPECT_EQ(resets(), 1U);
  EXPECT_EQ(ask(0s).status(), Status::ok) << "and the third is the top";
}

TEST_F(RecoveryLadder, TheBackOffDoublesFromFiftyMillisecondsToASecond) {
  token_.take_away();
  std::thread caller([&] { EXPECT_EQ(ask(1h).status(), Status::ok); });
  std::uint64_t expected = 1;
  for (const auto pause : {50ms, 100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms, 1000ms}) {
    clock_.await_blocked(1);
    EXPECT_EQ(resets(), expected);
    clock_.advance(pause - 1ns);
    EXPECT_EQ(resets(), expected) << "not a nanosecond too early";
    clock_.advance(1ns);
    ++expected;
  }
  clock_.await_blocked(1);
  token_.bring_back(TokenReturn::needs_reset);
  clock_.advance(1s);
  caller.join();
  EXPECT_EQ(resets(), expected + 1);
}

TEST_F(RecoveryLadder, TheFirstHeaderAfterTheReturnComesWithinTheBackOff) {
  for (const auto away : {1ms, 49ms, 51ms, 700ms, 12'345ms}) {
    clock_.advance(1h);
    token_.take_away();
    Answer answer;
    const hal::BootTime lost = clock_.boot();
    std::thread caller([&] { answer = ask(1h); });
    for (auto left = std::chrono::nanoseconds(away); left.count() > 0; left -= 1ms) {
      clock_.await_blocked(1);
      clock_.advance(1ms);
    }
    clock_.await_blocked(1);
    token_.bring_back(TokenReturn::needs_reset);
    clock_.jump_when_blocked(1);
    caller.join();
    clock_.jump_when_blocked(0);
    EXPECT_EQ(answer.status(), Status::ok);
    EXPECT_LE(answer.took - away, 1s);
    EXPECT_LE(answer.took - away, away + 50ms) << "a pause is as long as those before it together, and 50 ms";
    EXPECT_GE(clock_.boot(), lost);
  }
}

TEST_F(RecoveryLadder, TheDeadlineEndsTheCallAndNotTheLadder) {
  alone();
  token_.take_away();
  const Answer answer = ask(3s);
  EXPECT_EQ(answer.status(), Status::device_gone);
  EXPECT_EQ(answer.took, 3s);
  EXPECT_EQ(answer.error.detail.view(), "it was taken away");
  EXPECT_EQ(hint_of(answer.error), "plug it in or start it again; the next call reconnects");
  const std::uint64_t before = resets();
  EXPECT_EQ(ask(0s).status(), Status::device_gone);
  EXPECT_EQ(resets(), before) << "the next call does not begin from the bottom";
  token_.bring_back(TokenReturn::needs_reset);
  const Answer back = ask(2s);
  EXPECT_EQ(back.status(), Status::ok);
  EXPECT_LE(back.took, 1s);
}

TEST_F(RecoveryLadder, CallsWithoutTimeClimbToo) {
  token_.take_away();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(ask(0s).status(), Status::device_gone);
    clock_.advance(1s);
  }
  token_.bring_back(TokenReturn::needs_reset);
  int calls = 0;
  while (ask(0s).status() != Status::ok && calls < 10) {
    clock_.advance(1s);
    ++calls;
  }
  EXPECT_LT(calls, 4);
}

TEST_F(RecoveryLadder, OneClimbsAndTheOthersKeepTheirOwnDeadlines) {
  token_.take_away();
  Answer climber;
  std::thread first([&] { climber = ask(1h, "task-0"); });
  clock_.await_blocked(1);
  std::array<Answer, 3> answers;
  std::vector<std::thread> others;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    others.emplace_back(
        [&, i] { answers[i] = ask(std::chrono::milliseconds(10 * (i + 1)), "task-" + std::to_string(i + 1)); });
  }
  clock_.await_blocked(4);
  const std::uint64_t calls = token_.script().calls();
  for (std::size_t i = 0; i < answers.size(); ++i) {
    clock_.advance(10ms);
    others[i].join();
    EXPECT_EQ(answers[i].status(), Status::deadline_exceeded);
    EXPECT_EQ(answers[i].took, std::chrono::milliseconds(10 * (i + 1)));
    EXPECT_NE(std::string_view(answers[i].error.doing).find("another thread"), std::string_view::npos);
  }
  EXPECT_EQ(token_.script().calls(), calls) << "those who wait leave the token alone";
  token_.bring_back(TokenReturn::needs_reset);
  clock_.advance(1s);
  first.join();
  EXPECT_EQ(climber.status(), Status::ok);
}

TEST_F(RecoveryLadder, AllWhoWaitedSignOnceItIsBack) {
  constexpr std::size_t kThreads = 4;
  token_.take_away();
  std::array<Answer, kThreads> answers;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] { answers[i] = ask(1h, "task-" + std::to_string(i)); });
  }
  clock_.await_blocked(kThreads);
  const std::uint64_t before = resets();
  token_.bring_back(TokenReturn::needs_reset);
  clock_.jump_when_blocked(kThreads);
  for (std::thread& thread : threads) thread.join();
  for (const Answer& answer : answers) EXPECT_EQ(answer.status(), Status::ok);
  EXPECT_EQ(resets(), before + 1) << "one reset for all";
  EXPECT_EQ(core_->counters().recoveries, 1U);
}

TEST_F(RecoveryLadder, WhenTheClimberRunsOutOfTimeAnotherGoesOn) {
  token_.take_away();
  Answer impatient;
  Answer patient;
  std::thread first([&] { impatient = ask(120ms, "a"); });
  clock_.await_blocked(1);
  std::thread second([&] { patient = ask(1h, "b"); });
  clock_.await_blocked(2);
  clock_.advance(50ms);
  clock_.await_blocked(2);
  clock_.advance(70ms);
  first.join();
  EXPECT_EQ(impatient.status(), Status::device_gone);
  clock_.await_blocked(1);
  token_.bring_back(TokenReturn::needs_reset);
  alone();
  second.join();
  EXPECT_EQ(patient.status(), Status::ok);
}

TEST_F(RecoveryLadder, AnotherKeyAfterTheReturnStopsTheSignerForGood) {
  alone();
  token_.take_away();
  EXPECT_EQ(ask(1s).status(), Status::device_gone);
  ASSERT_TRUE(token_.replace_key("agent", Scheme::ed25519, secret_of(8)));
  token_.bring_back(TokenReturn::needs_reset);
  EXPECT_EQ(ask(10s).status(), Status::key_changed);
  ASSERT_TRUE(token_.replace_key("agent", Scheme::ed25519, secret_of(7)));
  const std::uint64_t calls = token_.script().calls();
  EXPECT_EQ(ask(10s).status(), Status::key_changed);
  EXPECT_EQ(token_.script().calls(), calls) << "the token is not asked again";
}

TEST_F(RecoveryLadder, AKeyThatIsNotThereIsSaidAtOnceAndNotForEver) {
  alone();
  token_.remove_key("agent");
  const Answer answer = ask(1h);
  EXPECT_EQ(answer.status(), Status::key_not_found);
  EXPECT_EQ(answer.took, 0s) << "the token is there, so there is nothing to wait for";
  EXPECT_EQ(resets(), 1U) << "though it may have been half there";
  EXPECT_EQ(ask(1h).status(), Status::key_not_found);
  EXPECT_EQ(resets(), 1U) << "not one for every call";
  ASSERT_TRUE(token_.put_key("agent", Scheme::ed25519, secret_of(7)));
  EXPECT_EQ(ask(0s).status(), Status::ok);
}

TEST_F(RecoveryLadder, ALostFolderThatHidesTheKeyIsNotTakenForADeletedKey) {
  alone();
  token_.bring_back(TokenReturn::needs_reset);
  EXPECT_EQ(ask(10s).status(), Status::ok);
  // Lost again at once, so that no reset is due, and the first answer is the one SoftHSM gives without its folder.
  token_.bring_back(TokenReturn::needs_find);
  token_.script().fail(Call::find, 1, of(Status::key_not_found));
  const Answer answer = ask(10s);
  EXPECT_EQ(answer.status(), Status::ok);
  EXPECT_GT(answer.took, 0s);
}

TEST_F(RecoveryLadder, AModuleOfSomebodyElseIsWaitedForWithoutSpinning) {
  alone();
  token_.script().fail_always(Call::reset, of(Status::reset_not_ours));
  token_.script().fail_always(Call::sign, of(Status::device_gone));
  const Answer answer = ask(10s);
  EXPECT_EQ(answer.status(), Status::reset_not_ours);
  EXPECT_EQ(answer.took, 10s);
  EXPECT_EQ(hint_of(answer.error), "let its owner initialise it again");
  EXPECT_LE(finds(), 40U) << "two for each pause";
  EXPECT_EQ(core_->counters().resets, 0U);
  token_.script().clear();
  token_.script().fail_always(Call::reset, of(Status::reset_not_ours));
  EXPECT_EQ(ask(10s).status(), Status::ok) << "its owner did, and finding was enough";
}

TEST_F(RecoveryLadder, ARefusedPinIsNeverFollowedByAReset) {
  alone();
  for (const Status refused : {Status::pin_incorrect, Status::pin_locked, Status::pin_refused_before}) {
    // In the login after a reset: the one that was made is the last.
    token_.bring_back(TokenReturn::needs_reset);
    token_.script().fail(Call::reset, 1, of(refused));
    const std::uint64_t before = resets();
    const Answer answer = ask(10s);
    EXPECT_EQ(answer.status(), refused);
    EXPECT_EQ(answer.took, 0s);
    EXPECT_EQ(resets(), before + 1);

    // And from then on, as a device answers that latched.
    ASSERT_TRUE(device_->reset(hal::kNoDeadline));
    token_.script().fail_always(Call::find, of(refused));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(10s).status(), refused);
    EXPECT_EQ(resets(), before + 2) << "the test's own";
    token_.script().clear();
    EXPECT_EQ(ask(10s).status(), Status::ok) << "whether it is for good is the device's to say";
    clock_.advance(1h);
  }
}

TEST_F(RecoveryLadder, ATokenThatFlapsIsResetNoMoreThanOnceASecond) {
  alone();
  const hal::BootTime start = clock_.boot();
  constexpr int kTimes = 50;
  for (int i = 0; i < kTimes; ++i) {
    token_.bring_back(TokenReturn::needs_reset);
    ASSERT_EQ(ask(10s).status(), Status::ok);
  }
  EXPECT_EQ(resets(), static_cast<std::uint64_t>(kTimes));
  EXPECT_GE(std::chrono::nanoseconds(clock_.boot().ns - start.ns), 1s * (kTimes - 8));
  clock_.advance(2s);
  token_.bring_back(TokenReturn::needs_reset);
  EXPECT_EQ(ask(10s).took, 0s) << "after a quiet time the first reset is not late";
}

TEST_F(RecoveryLadder, ACrowdedDeviceIsWaitedForAndNotReset) {
  alone();
  token_.bring_back(TokenReturn::needs_find);
  token_.script().fail(Call::find, 1, of(Status::resource_exhausted));
  const Answer answer = ask(10s);
  EXPECT_EQ(answer.status(), Status::ok);
  EXPECT_EQ(answer.took, 50ms);
  EXPECT_EQ(resets(), 0U);
  token_.script().fail_always(Call::sign, of(Status::resource_exhausted));
  EXPECT_EQ(ask(10s).status(), Status::resource_exhausted) << "at the deadline it is told as it is";
  EXPECT_EQ(resets(), 0U);
}

TEST_F(RecoveryLadder, AResetEmptiesTheHeaderCache) {
  open(60s);
  alone();
  const Answer kept = ask(10s, "kept", Freshness::reuse);
  EXPECT_EQ(ask(10s, "kept", Freshness::reuse).header, kept.header);
  token_.bring_back(TokenReturn::needs_reset);
  EXPECT_EQ(ask(10s, "other").status(), Status::ok);
  const std::uint64_t before = token_.script().calls(Call::sign);
  EXPECT_EQ(ask(10s, "kept", Freshness::reuse).status(), Status::ok);
  EXPECT_EQ(token_.script().calls(Call::sign), before + 1) << "signed anew";
  EXPECT_EQ(ask(10s, "other", Freshness::reuse).status(), Status::ok);
  EXPECT_EQ(token_.script().calls(Call::sign), before + 1) << "what was signed after the reset is kept";
}

TEST_F(RecoveryLadder, AHeaderMadeAfterAWaitSaysTheTimeOfItsSignature) {
  token_.take_away();
  Answer answer;
  std::thread caller([&] { answer = ask(1h); });
  clock_.await_blocked(1);
  clock_.advance(30s);
  clock_.await_blocked(1);
  token_.bring_back(TokenReturn::needs_reset);
  clock_.advance(1s);
  caller.join();
  EXPECT_TRUE(is_valid(answer, {kVectorTime.value + 31}));
}

TEST_F(RecoveryLadder, TheWallClockMayJumpAnHourBackAndForth) {
  open(60s);
  alone();
  for (const std::int64_t jump : {-3600, 3600, -3600, 3600}) {
    const std::int64_t now = kVectorTime.value + (jump < 0 ? jump : 0);
    EXPECT_EQ(ask(10s, "kept", Freshness::reuse).status(), Status::ok);
    token_.take_away();
    clock_.set_wall({now});
    const Answer away = ask(3s);
    EXPECT_EQ(away.status(), Status::device_gone);
    EXPECT_EQ(away.took, 3s) << "deadlines and pauses are of the boot clock";
    token_.bring_back(TokenReturn::needs_reset);
    clock_.set_wall({now});
    const Answer back = ask(3s, "kept", Freshness::reuse);
    EXPECT_LE(back.took, 1s);
    const WallSeconds made = parse_authorization(back.header)->time;
    EXPECT_TRUE(is_valid(back, made));
    EXPECT_GE(made, WallSeconds{now});
    EXPECT_LE(made, WallSeconds{now + 1}) << "no header of the other hour is handed out";
    clock_.advance(2s);
  }
}

TEST_F(RecoveryLadder, AWrongSignatureIsNotHiddenByAClimb) {
  alone();
  token_.bring_back(TokenReturn::needs_reset);
  token_.script().spoil_signatures(hal::fake::SignatureFault::wrong, 1);
  EXPECT_EQ(ask(10s).status(), Status::signature_mismatch) << "the proof itself";
  EXPECT_EQ(ask(10s).status(), Status::signature_mismatch);
  EXPECT_EQ(core_->counters().recoveries, 0U);
}

TEST_F(RecoveryLadder, ATaskRegistrationClimbsTheSameLadder) {
  alone();
  token_.bring_back(TokenReturn::needs_reset);
  const auto registration = core_->sign_task_registration(10s);
  ASSERT_TRUE(registration);
  EXPECT_EQ(resets(), 1U);
  EXPECT_TRUE(verify_task_registration(core_->runtime_id(), registration->timestamp.view(),
                                       registration->signature.view(), key_, {.now = kVectorTime, .seconds = 0}));
  token_.take_away();
  EXPECT_EQ(core_->sign_task_registration(2s).status(), Status::device_gone);
}

TEST_F(RecoveryLadder, WhatNoRungHelpsAgainstIsAnsweredAtOnceAndLeavesTheHandle) {
  token_.script().fail_always(Call::sign, of(Status::device_fault));
  const std::uint64_t before = finds();
  EXPECT_EQ(ask(10s).status(), Status::device_fault);
  EXPECT_EQ(finds(), before);
  token_.script().clear();
  EXPECT_EQ(ask(0s).status(), Status::ok);
  EXPECT_EQ(core_->counters().recoveries, 0U);
}

}  // namespace
}  // namespace holdfast
