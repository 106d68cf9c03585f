// SPDX-License-Identifier: Apache-2.0
#include "holdfast/session.hpp"

#include "src/session/session_state.hpp"

#include <algorithm>
#include <exception>

namespace holdfast {
namespace {

constexpr const char* kOpening = "opening a session";

Error forked() noexcept { return failure(Status::forked, Layer::core, "using a session"); }

Error out_of_memory() noexcept { return failure(Status::resource_exhausted, Layer::core, kOpening).about("memory"); }

// What the caller brought.
class GivenParts final : public SessionFoundation {
 public:
  explicit GivenParts(const SessionParts& parts)
      : signer_(parts.signer),
        task_source_(parts.task_source),
        identity_{.runtime_id = parts.signer.runtime_id(),
                  .public_key = parts.signer.public_key(),
                  .account = parts.account} {}
  Result<const Identity*> identity() override { return &identity_; }
  Result<TypedSigner*> signer() override { return &signer_; }
  TaskSource* task_source() noexcept override { return task_source_; }
  Result<bool> identity_file_changed() const noexcept override { return false; }
  SignerCounters counters() const noexcept override { return {}; }

 private:
  TypedSigner& signer_;
  TaskSource* task_source_;
  Identity identity_;
};

// A refused PIN is not tried again, however often a host asks (P5).
bool is_for_a_person_only(Status status) noexcept {
  return status == Status::pin_incorrect || status == Status::pin_locked;
}

}  // namespace

Result<void> CompanionHeaders::set(const AccountMetadata& account) {
  size_ = 0;
  account_id_ = account.account_id;
  const bool is_visible = std::ranges::all_of(account_id_, [](char c) { return c > 0x20 && c < 0x7f; });
  if (!is_visible) {
    return failure(Status::file_invalid, Layer::identity, kOpening)
        .about("the account id holds a space, a control character or one outside ASCII: no header can carry it");
  }
  if (!account_id_.empty()) fields_[size_++] = {"ChatGPT-Account-ID", account_id_};
  if (account.is_fedramp) fields_[size_++] = {"X-OpenAI-Fedramp", "true"};
  return {};
}

Error AgentSession::State::unusable() const noexcept { return fork_guard.is_forked() ? forked() : error(); }

Result<void> AgentSession::State::climb() noexcept {
  if (fork_guard.is_forked()) return forked();
  if (ready.load(std::memory_order_acquire) != nullptr) return {};
  const std::uint64_t seen = climbs.load(std::memory_order_acquire);
  (void)climbing.take(clock, hal::kNoDeadline);
  Result<void> outcome;
  if (ready.load(std::memory_order_relaxed) == nullptr) {
    // Who waited for another thread's try shares how it ended.
    const bool has_waited = climbs.load(std::memory_order_relaxed) != seen;
    const Error before = error();
    if (has_waited || is_for_a_person_only(before.status)) {
      outcome = before;
    } else {
      try {
        outcome = climb_once();
      } catch (const std::exception&) {
        outcome = out_of_memory();
      }
      if (!outcome) outcome = settle(outcome.error());
      climbs.fetch_add(1, std::memory_order_release);
    }
  }
  climbing.release(clock);
  return outcome;
}

Result<void> AgentSession::State::climb_once() {
  const Identity* known = HOLDFAST_TRY(foundation->identity());
  if (identity.load(std::memory_order_relaxed) == nullptr) {
    HOLDFAST_TRY(companions.set(known->account));
    identity.store(known, std::memory_order_release);
  }
  TypedSigner* signer = HOLDFAST_TRY(foundation->signer());
  core.emplace(*signer, foundation->task_source(), rules, companions.fields(), clock, log);
  ready.store(&*core, std::memory_order_release);
  return {};
}

Error AgentSession::State::error() const noexcept {
  (void)reading_.take(clock, hal::kNoDeadline);
  const Error copy = error_;
  reading_.release(clock);
  return copy;
}

Error AgentSession::State::settle(const Error& why) noexcept {
  (void)reading_.take(clock, hal::kNoDeadline);
  error_ = why;
  reading_.release(clock);
  return why;
}

AgentSession::AgentSession(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
AgentSession::AgentSession(AgentSession&&) noexcept = default;
AgentSession& AgentSession::operator=(AgentSession&&) noexcept = default;
AgentSession::~AgentSession() = default;

Result<AgentSession> AgentSession::assemble(const SessionParts& parts) noexcept try {
  TaskRules rules = HOLDFAST_TRY(TaskRules::check(parts.task));
  auto state = std::make_unique<State>(HOLDFAST_TRY(hal::ForkGuard::create()), std::move(rules),
                                       std::make_unique<GivenParts>(parts), hal::system_clock(), parts.log);
  if (const auto climbed = state->climb(); !climbed) {
    Error error = climbed.error();
    if (error.status == Status::file_invalid) error.status = Status::invalid_argument;  // no file said it
    return error;
  }
  return AgentSession(std::move(state));
} catch (const std::exception&) {
  return out_of_memory();
}

SessionState AgentSession::state() const noexcept {
  if (state_->ready.load(std::memory_order_acquire) != nullptr) return SessionState::ready;
  const bool has_identity = state_->identity.load(std::memory_order_acquire) != nullptr;
  return has_identity ? SessionState::identity_only : SessionState::no_identity;
}

Error AgentSession::state_error() const noexcept {
  return state_->usable() != nullptr ? Error{} : state_->unusable();
}

Result<void> AgentSession::reopen() noexcept { return state_->climb(); }

Result<bool> AgentSession::identity_file_changed() const noexcept {
  if (identity() == nullptr) return true;  // nothing was read, so what is there now is new
  return state_->foundation->identity_file_changed();
}

const Identity* AgentSession::identity() const noexcept { return state_->identity.load(std::memory_order_acquire); }

std::span<const HeaderField> AgentSession::companions() const noexcept {
  return identity() == nullptr ? std::span<const HeaderField>() : state_->companions.fields();
}

Result<void> AgentSession::register_task() noexcept { return register_task(state_->rules.registration_timeout); }

Result<void> AgentSession::register_task(std::chrono::milliseconds timeout) noexcept {
  SessionCore* core = state_->usable();
  if (core == nullptr) return state_->unusable();
  return core->register_task(timeout);
}

Result<TaskGeneration> AgentSession::adopt_task(const TaskId& task) noexcept {
  SessionCore* core = state_->usable();
  if (core == nullptr) return state_->unusable();
  return core->adopt_task(task);
}

TaskGeneration AgentSession::generation() const noexcept {
  const SessionCore* core = state_->ready.load(std::memory_order_acquire);
  return core == nullptr ? TaskGeneration{} : core->generation();
}

Result<Authorization> AgentSession::authorization(std::span<char> out, Freshness freshness) noexcept {
  SessionCore* core = state_->usable();
  if (core == nullptr) [[unlikely]] {
    std::ranges::fill(out, '\0');
    return state_->unusable();
  }
  return core->authorization(out, freshness);
}

Result<HeaderSet> AgentSession::headers_for(std::string_view url, std::span<char> out, Freshness freshness) noexcept {
  SessionCore* core = state_->usable();
  if (core == nullptr) [[unlikely]] {
    std::ranges::fill(out, '\0');
    return state_->unusable();
  }
  return core->headers_for(url, out, freshness);
}

Result<void> AgentSession::rejected(TaskGeneration generation, int http_status) noexcept {
  SessionCore* core = state_->usable();
  if (core == nullptr) return state_->unusable();
  return core->rejected(generation, http_status);
}

SignerCounters AgentSession::counters() const noexcept {
  return state_->ready.load(std::memory_order_acquire) == nullptr ? SignerCounters{} : state_->foundation->counters();
}

}  // namespace holdfast
