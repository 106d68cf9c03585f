// SPDX-License-Identifier: Apache-2.0
#include "src/signer/signer_core.hpp"

#include "holdfast/verifier.hpp"

#include "hal/fake/clock.hpp"
#include "hal/fake/device.hpp"
#include "tests/support/child_process.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
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
using hal::fake::SignatureFault;
using hal::fake::TokenReturn;

constexpr auto kTimeout = 10s;
constexpr std::string_view kVector1 =
    "AgentAssertion eyJhZ2VudF9ydW50aW1lX2lkIjoiYWdlbnQtMTIzIiwic2lnbmF0dXJlIjoiemlRWUlMejZPMi9odVg4MWdBSjdVOGcwSkw3"
    "SXJBU000ZWJJTkpZWE5SdGY1V1BrZW5lZmVYaDNIckVaM2lIZlk4aE1pWUE0Q1ZoS2wwNytmOXlKQkE9PSIsInRhc2tfaWQiOiJ0YXNrLTEyMyIs"
    "InRpbWVzdGFtcCI6IjIwMjYtMDQtMjBUMDA6MDA6MDBaIn0";

Secret secret_of(unsigned char byte) {
  Secret secret;
  secret.fill(static_cast<std::byte>(byte));
  return secret;
}

class SignerCoreTest : public testing::Test {
 protected:
  struct Answer {
    Status status = Status::ok;
    std::string header{};
    std::string detail{};
    bool is_wiped = false;
  };

  SignerCoreTest() { key_ = token_.put_key("agent", Scheme::ed25519, secret_of(7)).value(); }

  SignerCore::Settings settings() const { return {.runtime_id = RuntimeId::parse("agent-123").value()}; }

  SignerCore& open(const SignerCore::Settings& settings, std::uint16_t sessions = 4) {
    core_.reset();
    device_ = FakeDevice::open(token_, {.label = "agent", .sessions = sessions}).value();
    core_ = std::make_unique<SignerCore>(*device_, clock_, SignerCore::prepare(*device_, clock_, settings).value());
    return *core_;
  }
  SignerCore& open() { return open(settings()); }
  Status refusal_to_open(const SignerCore::Settings& settings) {
    device_ = FakeDevice::open(token_, {.label = "agent"}).value();
    return SignerCore::prepare(*device_, clock_, settings).status();
  }

  static Answer ask(SignerCore& core, const TaskId& task, std::chrono::nanoseconds timeout = kTimeout,
                    Freshness freshness = Freshness::reuse) {
    std::array<char, kMaxAuthorizationSize> out;
    out.fill('#');
    const auto size = core.authorization(task, timeout, out, freshness);
    if (size) return {.header = std::string(out.data(), *size)};
    return {.status = size.status(),
            .detail = std::string(size.error().detail.view()),
            .is_wiped = std::ranges::all_of(out, [](char c) { return c == '\0'; })};
  }
  Answer ask(Freshness freshness = Freshness::reuse) { return ask(*core_, task_, kTimeout, freshness); }

  static bool is_valid(const std::string& header, const PublicKey& key, WallSeconds now) {
    const auto parsed = parse_authorization(header);
    return parsed && parsed->runtime_id.view() == "agent-123" &&
           verify_assertion(*parsed, key, {.now = now, .seconds = 0});
  }
  std::uint64_t signatures() { return token_.script().calls(Call::sign); }

  FakeClock clock_;
  FakeToken token_{clock_};
  PublicKey key_;
  hal::DevicePtr device_{nullptr, [](hal::KeyDevice*) noexcept {}};
  std::unique_ptr<SignerCore> core_;
  const TaskId task_ = TaskId::parse("task-123").value();
};

TEST_F(SignerCoreTest, Vector1ComesOutByteForByte) {
  open();
  const Answer answer = ask();
  EXPECT_EQ(answer.header.size(), 270U);
  EXPECT_EQ(answer.header, kVector1);
}

TEST_F(SignerCoreTest, Vector1TaskRegistrationComesOutByteForByte) {
  const auto registration = open().sign_task_registration(kTimeout);
  ASSERT_TRUE(registration);
  EXPECT_EQ(registration->timestamp.view(), "2026-04-20T00:00:00Z");
  EXPECT_EQ(registration->signature.view(),
            "RrvOb9wXUGTmWxz3wQEFnWjPE0Hn2lq5khr11e0+FoVRwf01T9haqhwnj3lsAsqz72jy+obmRPu8R2HlYeNJAQ==");
}

TEST_F(SignerCoreTest, ATaskRegistrationIsNeverReused) {
  open();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(core_->sign_task_registration(kTimeout));
  EXPECT_EQ(signatures(), 3U);
}

TEST_F(SignerCoreTest, AnEs256HeaderVerifies) {
  const PublicKey key = token_.replace_key("agent", Scheme::es256, secret_of(9)).value();
  auto with_scheme = settings();
  with_scheme.scheme = Scheme::es256;
  open(with_scheme);
  EXPECT_TRUE(is_valid(ask().header, key, kVectorTime));
  const auto registration = core_->sign_task_registration(kTimeout);
  ASSERT_TRUE(registration);
  EXPECT_TRUE(verify_task_registration(core_->runtime_id(), registration->timestamp.view(),
                                       registration->signature.view(), key, {.now = kVectorTime, .seconds = 0}));
}

TEST_F(SignerCoreTest, TheLongestIdsFitTheLargestBuffer) {
  auto longest = settings();
  longest.runtime_id = RuntimeId::parse(std::string(kMaxIdentifierSize, 'r')).value();
  SignerCore& core = open(longest);
  const TaskId task = TaskId::parse(std::string(kMaxIdentifierSize, 't')).value();
  EXPECT_EQ(ask(core, task).header.size(), kMaxAuthorizationSize);
  EXPECT_EQ(ask(core, task).header.size(), kMaxAuthorizationSize) << "reused";
  EXPECT_EQ(signatures(), 1U);
}

TEST_F(SignerCoreTest, OneSignatureATaskAndSecond) {
  open();
  const std::string first = ask().header;
  clock_.advance(999ms);
  EXPECT_EQ(ask().header, first);
  EXPECT_EQ(signatures(), 1U);
  EXPECT_NE(ask(*core_, TaskId::parse("another").value()).header, first);
  EXPECT_EQ(signatures(), 2U);
  clock_.advance(1ms);
  const std::string second = ask().header;
  EXPECT_NE(second, first);
  EXPECT_TRUE(is_valid(second, key_, {kVectorTime.value + 1}));
  EXPECT_EQ(signatures(), 3U);
}

TEST_F(SignerCoreTest, MaxAgeLetsAHeaderLiveLonger) {
  auto aged = settings();
  aged.max_age = 30s;
  open(aged);
  const std::string first = ask().header;
  clock_.advance(30s);
  EXPECT_EQ(ask().header, first);
  clock_.advance(1s);
  EXPECT_NE(ask().header, first);
  EXPECT_EQ(signatures(), 2U);
}

TEST_F(SignerCoreTest, FreshAsksTheDeviceAndFillsTheCache) {
  auto aged = settings();
  aged.max_age = 30s;
  open(aged);
  const std::string first = ask().header;
  clock_.advance(5s);
  const std::string fresh = ask(Freshness::fresh).header;
  EXPECT_NE(fresh, first);
  EXPECT_EQ(ask().header, fresh);
  EXPECT_EQ(signatures(), 2U);
}

TEST_F(SignerCoreTest, ARejectionAndAClockSetBackEmptyTheCache) {
  open();
  (void)ask();
  core_->forget_headers();
  (void)ask();
  EXPECT_EQ(signatures(), 2U);
  clock_.set_wall({kVectorTime.value - 100});
  EXPECT_TRUE(is_valid(ask().header, key_, {kVectorTime.value - 100}));
  EXPECT_EQ(signatures(), 3U);
}

TEST_F(SignerCoreTest, AClockThatWasNeverSetIsRefusedBeforeTheDeviceIsAsked) {
  open();
  for (const std::int64_t second : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1'577'836'799}}) {
    clock_.set_wall({second});
    const Answer answer = ask();
    EXPECT_EQ(answer.status, Status::clock_implausible) << second;
    EXPECT_TRUE(answer.is_wiped);
    EXPECT_EQ(core_->sign_task_registration(kTimeout).status(), Status::clock_implausible);
  }
  EXPECT_EQ(ask().detail, "it says 2019-12-31T23:59:59Z");
  EXPECT_EQ(signatures(), 0U);
  clock_.set_wall({1'577'836'800});
  EXPECT_TRUE(is_valid(ask().header, key_, {1'577'836'800}));
}

TEST_F(SignerCoreTest, AYearOfFiveDigitsIsRefused) {
  open();
  // Beyond what the virtual clock's nanoseconds hold lies year 2262; so a clock of its own.
  class FarClock final : public hal::Clock {
   public:
    WallSeconds wall() noexcept override { return {253'402'300'800}; }
    hal::BootTime boot() noexcept override { return {1}; }
    bool wait(const std::atomic<std::uint32_t>&, std::uint32_t, hal::BootTime) noexcept override { return false; }
    void wake_all(std::atomic<std::uint32_t>&) noexcept override {}
    void sleep_until(hal::BootTime) noexcept override {}
  } far;
  SignerCore core(*device_, far, SignerCore::prepare(*device_, far, settings()).value());
  EXPECT_EQ(ask(core, task_).status, Status::clock_implausible);
}

TEST_F(SignerCoreTest, AShortBufferIsRefusedBeforeTheDeviceIsAsked) {
  open();
  std::array<char, 270> out;
  for (const std::size_t room : {0U, 1U, 269U}) {
    out.fill('#');
    const auto size = core_->authorization(task_, kTimeout, std::span(out).first(room), Freshness::reuse);
    EXPECT_EQ(size.status(), Status::buffer_too_small);
    EXPECT_EQ(std::ranges::count(out, '\0'), static_cast<std::ptrdiff_t>(room));
  }
  EXPECT_EQ(signatures(), 0U);
  EXPECT_TRUE(core_->authorization(task_, kTimeout, out, Freshness::reuse));
  EXPECT_EQ(core_->authorization(task_, kTimeout, std::span(out).first(269), Freshness::reuse).status(),
            Status::buffer_too_small)
      << "nor is a kept header cut";
}

TEST_F(SignerCoreTest, AWrongSignatureStopsTheSignerForGood) {
  auto aged = settings();
  aged.max_age = 60s;
  open(aged);
  ASSERT_EQ(ask().status, Status::ok);
  token_.script().spoil_signatures(SignatureFault::wrong, 1);
  const Answer wrong = ask(Freshness::fresh);
  EXPECT_EQ(wrong.status, Status::signature_mismatch);
  EXPECT_TRUE(wrong.is_wiped);

  const std::uint64_t calls = token_.script().calls();
  const Answer later = ask();
  EXPECT_EQ(later.status, Status::signature_mismatch) << "a header kept from before is not handed out either";
  EXPECT_TRUE(later.is_wiped);
  EXPECT_EQ(core_->sign_task_registration(kTimeout).status(), Status::signature_mismatch);
  EXPECT_EQ(token_.script().calls(), calls) << "the device is not asked again";
}

TEST_F(SignerCoreTest, ThreadsThatWaitedForAWrongSignatureStopAsWell) {
  open();
  token_.hang();
  token_.script().spoil_signatures(SignatureFault::wrong, 1);
  std::array<Answer, 4> answers;
  std::vector<std::thread> threads;
  for (Answer& answer : answers) threads.emplace_back([&] { answer = ask(*core_, task_); });
  clock_.await_blocked(answers.size());
  token_.release();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::ranges::count(answers, Status::signature_mismatch, &Answer::status), std::ssize(answers));
  EXPECT_EQ(signatures(), 1U);
}

TEST_F(SignerCoreTest, AWrongTaskRegistrationStopsTheSignerToo) {
  open();
  token_.script().spoil_signatures(SignatureFault::wrong, 1);
  EXPECT_EQ(core_->sign_task_registration(kTimeout).status(), Status::signature_mismatch);
  EXPECT_EQ(ask().status, Status::signature_mismatch);
}

TEST_F(SignerCoreTest, AStaleKeyIsFoundAgainOnce) {
  open();
  token_.bring_back(TokenReturn::needs_find);
  EXPECT_EQ(ask().header, kVector1);
  EXPECT_EQ(token_.script().calls(Call::find), 2U);
  EXPECT_EQ(core_->counters().device_errors, 1U);
}

TEST_F(SignerCoreTest, ADeviceThatStaysAwayIsReportedAndItsReturnIsNoticed) {
  open();
  clock_.jump_when_blocked(1);
  token_.take_away();
  const Answer away = ask();
  EXPECT_EQ(away.status, Status::device_gone);
  EXPECT_TRUE(away.is_wiped);
  token_.bring_back(TokenReturn::needs_find);
  EXPECT_TRUE(is_valid(ask().header, key_, clock_.wall()));
}

TEST_F(SignerCoreTest, AnotherKeyUnderTheSameNameStopsTheSignerForGood) {
  open();
  ASSERT_TRUE(token_.replace_key("agent", Scheme::ed25519, secret_of(8)));
  EXPECT_EQ(ask().status, Status::key_changed);
  ASSERT_TRUE(token_.replace_key("agent", Scheme::ed25519, secret_of(7)));
  EXPECT_EQ(ask().status, Status::key_changed) << "also when the right one is back";
}

TEST_F(SignerCoreTest, VerificationAfterOpenAndRecoveryChecksTheFirstSignatureOfEach) {
  auto rarely = settings();
  rarely.verify = VerifySignatures::after_open_and_recovery;
  open(rarely);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(Freshness::fresh).status, Status::ok);
  EXPECT_EQ(core_->counters().verifications, 1U);
  token_.bring_back(TokenReturn::needs_find);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(Freshness::fresh).status, Status::ok);
  EXPECT_EQ(core_->counters().verifications, 2U);
  token_.bring_back(TokenReturn::needs_find);
  token_.script().spoil_signatures(SignatureFault::wrong, 1);
  EXPECT_EQ(ask(Freshness::fresh).status, Status::signature_mismatch);
}

TEST_F(SignerCoreTest, EveryFailureAtEveryCallLeavesNothingBehind) {
  clock_.jump_when_blocked(1);
  for (const Status status : {Status::device_fault, Status::device_gone, Status::stale_key, Status::key_not_found,
                              Status::deadline_exceeded, Status::resource_exhausted}) {
    for (std::uint64_t nth = 1;; ++nth) {
      open();
      token_.bring_back(TokenReturn::needs_find);  // so that there is a key to find again
      token_.script().fail_nth(nth, failure(status, Layer::core, "testing"));
      const Answer answer = ask();
      const auto ledger = token_.ledger();
      EXPECT_EQ(ledger.sessions_taken, ledger.sessions_returned);
      EXPECT_EQ(ledger.handles_taken, ledger.handles_returned + 1) << "the handle in use";
      token_.script().clear();
      if (answer.status != Status::ok) {
        EXPECT_TRUE(answer.is_wiped);
        EXPECT_TRUE(is_valid(ask().header, key_, clock_.wall())) << "the next call works";
      }
      ASSERT_LT(nth, 20U);
      if (answer.status == Status::ok && nth > 6) break;
    }
  }
  core_.reset();
  device_.reset();
  EXPECT_TRUE(token_.ledger().is_balanced());
}

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

TEST_F(SignerCoreTest, AForkedChildIsRefusedAndTheParentGoesOn) {
  open();
  ASSERT_EQ(ask().header, kVector1);
  const int child = test::run_in_child([&] {
    const Answer answer = ask();
    const bool is_refused = answer.status == Status::forked && answer.is_wiped &&
                            core_->sign_task_registration(kTimeout).status() == Status::forked;
    core_->forget_headers();
    core_.reset();
    device_.reset();
    return is_refused;
  });
  EXPECT_EQ(child, 0);
  EXPECT_EQ(ask().header, kVector1);
  EXPECT_EQ(signatures(), 1U) << "the child emptied its own copy only";
}

TEST_F(SignerCoreTest, CountersAddUp) {
  open();
  for (int i = 0; i < 3; ++i) (void)ask();
  (void)ask(Freshness::fresh);
  (void)core_->sign_task_registration(kTimeout);
  const SignerCounters counters = core_->counters();
  EXPECT_EQ(counters.headers, 4U);
  EXPECT_EQ(counters.headers_reused, 2U);
  EXPECT_EQ(counters.signatures, 3U);
  EXPECT_EQ(counters.verifications, 3U);
  EXPECT_EQ(counters.device_errors, 0U);
}

TEST_F(SignerCoreTest, OpeningSignsNothing) {
  open();
  EXPECT_EQ(signatures(), 0U);
  EXPECT_EQ(core_->public_key(), key_);
  EXPECT_EQ(core_->runtime_id().view(), "agent-123");
}

TEST_F(SignerCoreTest, OpeningRefusesAKeyThatTheProfileDoesNotTake) {
  token_.set_attributes("agent", hal::fake::brought_in());
  EXPECT_EQ(refusal_to_open(settings()), Status::key_refused);
  auto imported = settings();
  imported.profile = KeyProfile::imported;
  EXPECT_EQ(ask(open(imported), task_).header, kVector1);
}

TEST_F(SignerCoreTest, OpeningRefusesAnotherKeyOrScheme) {
  auto expecting = settings();
  expecting.expected_key = key_;
  EXPECT_EQ(ask(open(expecting), task_).header, kVector1);
  expecting.expected_key = hal::fake::derive_public(Scheme::ed25519, secret_of(8)).value();
  EXPECT_EQ(refusal_to_open(expecting), Status::key_changed);
  auto other = settings();
  other.scheme = Scheme::es256;
  EXPECT_EQ(refusal_to_open(other), Status::scheme_unsupported);
}

TEST_F(SignerCoreTest, OpeningNeedsAPublicKeyFromTheDeviceOrTheCaller) {
  token_.show_public("agent", false);
  EXPECT_EQ(refusal_to_open(settings()), Status::key_refused);
  auto expecting = settings();
  expecting.expected_key = key_;
  EXPECT_EQ(ask(open(expecting), task_).header, kVector1);
}

TEST_F(SignerCoreTest, OpeningReportsAMissingAndAnAmbiguousKey) {
  ASSERT_TRUE(token_.put_key("agent", Scheme::ed25519, secret_of(8)));
  EXPECT_EQ(refusal_to_open(settings()), Status::ambiguous_match);
  token_.remove_key("agent");
  token_.remove_key("agent");
  EXPECT_EQ(refusal_to_open(settings()), Status::key_not_found);
}

}  // namespace
}  // namespace holdfast
