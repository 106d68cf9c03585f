// SPDX-License-Identifier: Apache-2.0
// A signer's life (src/signer) on a fake token that fails by a script, in virtual time: calls, faults, the loss of
// the token and its return in any order. A header that comes out verifies, is of its time and of its task; after a
// failure not a byte is there; nobody waits beyond his deadline; and when all faults are over the next call works,
// unless the signer has stopped for good.
#include "holdfast/verifier.hpp"

#include "hal/fake/clock.hpp"
#include "hal/fake/device.hpp"
#include "src/assertion/message.hpp"
#include "src/signer/signer_core.hpp"
#include "tests/fuzz/refusal.hpp"

#include <array>
#include <string>
#include <vector>

using namespace holdfast;
using namespace std::chrono_literals;
using fuzz::Choices;
using fuzz::promise;
using hal::fake::Call;
using hal::fake::FakeClock;
using hal::fake::FakeDevice;
using hal::fake::FakeToken;
using hal::fake::kVectorTime;
using hal::fake::Secret;
using hal::fake::SignatureFault;
using hal::fake::TokenReturn;

namespace {

constexpr int kMostSteps = 64;
// Longer than the back-off's longest pause, twice.
constexpr auto kPatience = 10s;

constexpr std::array kStatuses{
    Status::stale_key,         Status::device_gone,      Status::resource_exhausted, Status::token_not_found,
    Status::key_not_found,     Status::module_unusable,  Status::pin_incorrect,      Status::pin_required,
    Status::deadline_exceeded, Status::reset_not_ours,   Status::device_fault,       Status::key_refused,
    Status::ambiguous_match,   Status::invalid_argument, Status::pin_refused_before, Status::permission_denied};

Secret secret_of(unsigned char byte) {
  Secret secret;
  secret.fill(static_cast<std::byte>(byte));
  return secret;
}

class Run {
 public:
  explicit Run(Choices& choices) : choices_(choices) {
    clock_.jump_when_blocked(1);
    const Scheme scheme = choices_.flag() ? Scheme::es256 : Scheme::ed25519;
    key_ = token_.put_key("agent", scheme, secret_of(7)).value();
    always_ = !choices_.flag();
    max_age_ = std::chrono::seconds(choices_.choice(4) * 20);
    device_ = FakeDevice::open(token_, {.label = "agent", .access = hal::DeviceAccess::sign, .sessions = 1}).value();
    core_.emplace(
        *device_, clock_,
        SignerCore::prepare(*device_, clock_,
                            {.runtime_id = RuntimeId::parse("agent-123").value(),
                             .expected_key = choices_.flag() ? std::optional(key_) : std::nullopt,
                             .verify = always_ ? VerifySignatures::always : VerifySignatures::after_open_and_recovery,
                             .max_tasks = 2,
                             .max_age = max_age_})
            .value());
  }

  void go() {
    for (int i = 0; i < kMostSteps && !choices_.is_empty(); ++i) step();
    settle();
    core_.reset();
    device_->close();
    promise(token_.ledger().is_balanced(), "sessions and handles are given back");
  }

 private:
  void step() {
    switch (choices_.choice(12)) {
      case 0:
      case 1: {
        const TaskId& task = tasks_[choices_.choice(tasks_.size())];
        const auto limit = timeout();
        return ask(task, limit, choices_.flag() ? Freshness::fresh : Freshness::reuse);
      }
      case 2:
        return register_task(timeout());
      case 3:
        return core_->forget_headers();
      case 4:
      case 5:
      case 6:
        return plan_fault();
      case 7:
        // Unverified, as the host has asked for it, a wrong signature goes out.
        if (always_)
          token_.script().spoil_signatures(choices_.flag() ? SignatureFault::cut : SignatureFault::wrong, 1);
        return;
      case 8:
        return token_.take_away();
      case 9:
        return token_.bring_back(static_cast<TokenReturn>(choices_.choice(3)));
      case 10:
        return clock_.advance(std::chrono::milliseconds(choices_.pair()));
      default:
        return change_surroundings();
    }
  }

  void plan_fault() {
    const std::size_t kind = choices_.choice(3);
    const Call call = static_cast<Call>(choices_.choice(hal::fake::kCallCount));
    const std::size_t nth = 1 + choices_.choice(8);
    const Error error = failure(kStatuses[choices_.choice(kStatuses.size())], Layer::core, "failing for a fuzzer");
    if (kind == 0) token_.script().fail(call, nth, error);
    if (kind == 1) token_.script().fail_nth(nth, error);
    if (kind == 2) token_.script().fail_always(call, error);
  }

  void change_surroundings() {
    switch (choices_.choice(5)) {
      case 0:
        return token_.set_latency(std::chrono::milliseconds(choices_.pair() % 2000));
      case 1:
        return clock_.set_wall({kVectorTime.value - 200 + choices_.octet()});
      case 2:
        return clock_.set_wall(
            {static_cast<std::int64_t>(choices_.number() % 8'000'000'000)});  // up to the year 2223
      case 3:
        (void)token_.replace_key("agent", key_.scheme(), secret_of(8));
        is_replaced_ = true;
        return;
      default:
        return token_.script().clear();
    }
  }

  std::chrono::nanoseconds timeout() { return std::chrono::milliseconds(choices_.pair()); }
  void ask(const TaskId& task, std::chrono::nanoseconds timeout, Freshness freshness) {
    std::array<char, kMaxAuthorizationSize> out;
    out.fill('#');
    const hal::BootTime begin = clock_.boot();
    const auto size = core_->authorization(task, timeout, out, freshness);
    last_ = size.status();
    promise_punctual(begin, timeout);
    if (!fuzz::is_taken(size)) {
      promise(std::ranges::all_of(out, [](char c) { return c == '\0'; }), "after a failure not a byte is there");
      return;
    }
    const auto said = parse_authorization({out.data(), *size});
    promise(said.has_value() && said->task_id == task && said->runtime_id == core_->runtime_id(),
            "a header is of its agent and task");
    // The clock may have been set while the header was kept.
    const std::int64_t window = freshness == Freshness::fresh ? 2 : max_age_.count() + 2;
    const std::int64_t latency = (clock_.boot().ns - begin.ns) / 1'000'000'000;
    const auto verdict = verify_assertion(*said, key_, {.now = clock_.wall(), .seconds = window + latency});
    promise(verdict.has_value(), "a header that comes out verifies, and is of its time");
  }

  void register_task(std::chrono::nanoseconds timeout) {
    const hal::BootTime begin = clock_.boot();
    const auto registration = core_->sign_task_registration(timeout);
    last_ = registration.status();
    promise_punctual(begin, timeout);
    if (!fuzz::is_taken(registration)) return;
    const auto time = parse_timestamp(registration->timestamp.view());
    promise(time.has_value(), "a registration has a time");
    promise(verify_task_registration(core_->runtime_id(), registration->timestamp.view(),
                                     registration->signature.view(), key_, {.now = *time, .seconds = 0})
                .has_value(),
            "a registration that comes out verifies");
  }

  // A native call is not stopped, so what the token takes for its work comes on top, once for each rung.
  void promise_punctual(hal::BootTime begin, std::chrono::nanoseconds timeout) {
    constexpr auto kNativeCalls = 8s;
    promise(clock_.boot() <= begin.after(timeout + kNativeCalls), "nobody waits beyond his deadline");
  }

  // The faults are over, the token is there, the clock is right; and the pause before a device is reset again is
  // over, in which a key that was not found is not looked for.
  void settle() {
    token_.script().clear();
    token_.script().spoil_signatures(SignatureFault::none, 0);
    token_.set_latency(0ns);
    token_.bring_back(TokenReturn::as_before);
    clock_.advance(Recovery::kLongestPause);
    clock_.set_wall(kVectorTime);
    ask(tasks_[0], kPatience, Freshness::fresh);
    const bool is_stopped = last_ == Status::signature_mismatch || last_ == Status::key_changed;
    promise(last_ == Status::ok || is_stopped, "after the faults the next call works, or it has stopped");
    promise(last_ != Status::key_changed || is_replaced_, "no key is another one but by a replacement");
    const Status first = last_;
    ask(tasks_[0], kPatience, Freshness::fresh);
    promise(last_ == first, "what the signer answers does not waver");
    if (is_stopped) {
      token_.script().clear();
      const std::uint64_t calls = token_.script().calls();
      ask(tasks_[1], kPatience, Freshness::reuse);
      promise(last_ == Status::signature_mismatch || last_ == Status::key_changed, "who has stopped stays so");
      promise(token_.script().calls() == calls, "who has stopped leaves the token alone");
    }
  }

  Choices& choices_;
  FakeClock clock_;
  FakeToken token_{clock_};
  PublicKey key_;
  bool always_ = true;
  bool is_replaced_ = false;
  std::chrono::seconds max_age_{0};
  hal::DevicePtr device_{nullptr, [](hal::KeyDevice*) noexcept {}};
  std::optional<SignerCore> core_;
  Status last_ = Status::ok;
  const std::array<TaskId, 3> tasks_{TaskId::parse("task-1").value(), TaskId::parse("task-2").value(),
                                     TaskId::parse("task-3").value()};
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices(data, size);
  Run(choices).go();
  return 0;
}
