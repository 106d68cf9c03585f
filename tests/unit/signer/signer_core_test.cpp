// SPDX-License-Identifier: Apache-2.0
#include "tests/support/child_process.hpp"
#include "tests/unit/signer/signer_core_fixture.hpp"

#include <atomic>
#include <thread>
#include <vector>

namespace holdfast::test {
namespace {

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
  clock_.advance(22s);
  EXPECT_EQ(ask().header, first);
  clock_.advance(1s);
  EXPECT_NE(ask().header, first) << "renewed ahead of time";
  EXPECT_EQ(signatures(), 2U);
}

TEST_F(SignerCoreTest, WhileTheTokenCannotSignAHeaderLivesToItsEnd) {
  auto aged = settings();
  aged.max_age = 30s;
  open(aged);
  const std::string first = ask().header;
  token_.script().fail_always(Call::sign, failure(Status::device_fault, Layer::core, "testing"));
  clock_.advance(25s);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask().header, first);
  EXPECT_EQ(signatures(), 2U) << "tried once, and again after a second";
  EXPECT_EQ(core_->counters().device_errors, 1U) << "and told";
  clock_.advance(1s);
  EXPECT_EQ(ask().header, first);
  EXPECT_EQ(signatures(), 3U);
  clock_.advance(4s);
  EXPECT_EQ(ask().header, first);
  EXPECT_EQ(ask(Freshness::fresh).status, Status::device_fault) << "who asks for a new one is not given an old one";
  clock_.advance(1ms);
  const Answer over = ask();
  EXPECT_EQ(over.status, Status::device_fault);
  EXPECT_TRUE(over.is_wiped);
  EXPECT_EQ(core_->counters().headers_reused, 5U);
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
}  // namespace holdfast::test
