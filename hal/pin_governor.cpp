// SPDX-License-Identifier: Apache-2.0
#include "hal/pin_governor.hpp"

#include <algorithm>
#include <charconv>

namespace holdfast::hal {
namespace {

constexpr const char* kDoing = "looking up refused PINs";
constexpr std::chrono::seconds kPauseOfPersons{5};
constexpr std::chrono::seconds kPauseOfOthers{60};
constexpr std::uint32_t kMostTriesOfOthers = 2;

constexpr const char* kCorrectFile = "correct the PIN in its file; to send the same one again, touch the file";
constexpr const char* kWaitAndType = "wait as long as it says, then run it again and enter the right PIN";
constexpr const char* kLogIn =
    "log in once with the right PIN from a file or the prompt (holdfast key list URI --pin-source prompt), which "
    "clears the record";

Error refused_before(std::string_view why, const char* hint) noexcept {
  return failure(Status::pin_refused_before, Layer::core, kDoing).about(why).with_hint(hint);
}

Error wait_for(std::chrono::nanoseconds time, bool is_asked) noexcept {
  Error error = refused_before("the last one was refused a moment ago: wait ", nullptr);
  char digits[24];
  const auto seconds = (time.count() + 999'999'999) / 1'000'000'000;
  const auto end = std::to_chars(digits, digits + sizeof digits, seconds).ptr;
  error.detail.append({digits, static_cast<std::size_t>(end - digits)});
  error.detail.append(" s");
  error.hint = is_asked ? kWaitAndType : kLogIn;
  return error;
}

bool is_of(const PinFailure& failure, PinOwner::Role role, const SourceIdentity& source) noexcept {
  if (failure.role != role) return false;
  return source.kind == SourceIdentity::Kind::file ? failure.source == source : failure.source.kind == source.kind;
}

void name_key(PinFailure& failure, std::string_view key) noexcept {
  for (const char c : key) {
    const bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' ||
                          c == '_' || c == '~' || c == '-';
    failure.key.append(is_plain ? std::string_view(&c, 1) : std::string_view("?"));
  }
}

}  // namespace

// ---- an attempt ------------------------------------------------------------------------------------------------

namespace {

template <typename Which>
void remove_if(FailureRecord& record, Which which) noexcept {
  for (std::size_t i = record.failures().size(); i > 0; --i) {
    const PinFailure& one = record.failures()[i - 1];
    if (which(one)) record.remove(one);
  }
}

}  // namespace

void PinAttempt::accepted() noexcept {
  if (record_) {
    // What is in another file is as wrong as it was: with each success here, the service that reads it would lose the
    // token one try more, and a TPM's count is not taken back by one. Of the others nobody can tell what they hold
    // now.
    remove_if(*record_, [this](const PinFailure& one) {
      return one.role == now_.role &&
             (one.source.kind != SourceIdentity::Kind::file || is_of(one, now_.role, now_.source));
    });
    (void)record_->save();  // what stays behind says "trying": at worst a person is asked
  }
  finish();
}

void PinAttempt::renewed() noexcept {
  if (record_) {
    record_->clear();
    (void)record_->save();
  }
  finish();
}

void PinAttempt::refused(std::uint64_t native) noexcept {
  if (record_) {
    for (PinFailure& one : record_->failures()) {
      if (!is_of(one, now_.role, now_.source)) continue;
      one.state = PinFailure::State::refused;
      one.native = native;
    }
    (void)record_->save();  // "trying" counts the same
  }
  finish();
}

void PinAttempt::unjudged() noexcept {
  if (record_) {
    remove_if(*record_, [this](const PinFailure& one) { return is_of(one, now_.role, now_.source); });
    if (had_before_) record_->add(before_);
    (void)record_->save();
  }
  finish();
}

void PinAttempt::finish() noexcept {
  record_.reset();
  shield_.reset();
}

// ---- the governor ----------------------------------------------------------------------------------------------

Result<FailureRecord> PinGovernor::lock(const PinOwner& owner, BootTime deadline) noexcept {
  const FileDescriptor folder = HOLDFAST_TRY(FailureRecord::open_folder(folder_.view()));
  return FailureRecord::lock(folder, owner, clock_, deadline);
}

Result<void> PinGovernor::judge(FailureRecord& record, const PinOwner& owner, const SourceIdentity& source,
                                bool is_proven) noexcept {
  const std::int64_t now = clock_.boot().ns;
  for (PinFailure& one : record.failures()) {
    if (one.role != owner.role) continue;
    if (source.has_file() && one.source == source) {
      const bool was_judged = one.state == PinFailure::State::refused;
      // Somebody's try of it that was cut off says nothing against a PIN that the token took from this very file.
      if (is_proven && !was_judged) continue;
      return refused_before(was_judged ? "" : "a login with it was cut off before the token answered", kCorrectFile);
    }
    if (source.kind == SourceIdentity::Kind::file || one.source.kind != source.kind) continue;
    // Of a source without a file nobody can tell whose PIN was refused. One that was accepted is not held back for
    // it: another service's wrong credential would stop it for good.
    if (is_proven) continue;
    const bool is_asked = source.kind == SourceIdentity::Kind::asked;
    if (!is_asked && one.times >= kMostTriesOfOthers) {
      return refused_before("two in a row from this kind of source were refused", kLogIn);
    }
    // Of another boot, or damaged: the pause begins now.
    one.boot_ns = std::min(one.boot_ns, now);
    const std::chrono::nanoseconds pause = is_asked ? kPauseOfPersons : kPauseOfOthers;
    const std::chrono::nanoseconds passed{now - one.boot_ns};
    if (passed < pause) return wait_for(pause - passed, is_asked);
  }
  return {};
}

Result<void> PinGovernor::check(const PinOwner& owner, SourceIdentity::Kind kind) noexcept {
  FailureRecord record = HOLDFAST_TRY(lock(owner, kNoDeadline));
  SourceIdentity source;
  source.kind = kind;
  const auto verdict = judge(record, owner, source, false);
  (void)record.save();  // an empty one is not left behind
  return verdict;
}

Result<PinAttempt> PinGovernor::begin(const PinOwner& owner, const SourceIdentity& source, bool is_proven,
                                      BootTime deadline) noexcept {
  auto record = lock(owner, deadline);
  if (!record && !is_proven) return record.error();
  PinAttempt attempt;
  attempt.shield_.emplace();
  if (!record) return attempt;
  if (const auto verdict = judge(*record, owner, source, is_proven); !verdict) {
    (void)record->save();
    return verdict.error();
  }

  attempt.now_.role = owner.role;
  attempt.now_.source = source;
  attempt.now_.boot_ns = clock_.boot().ns;
  name_key(attempt.now_, owner.key);
  const auto is_superseded = [&](const PinFailure& one) {
    // The same file in an earlier state will not come back.
    return one.role == owner.role &&
           (source.has_file() ? one.source.kind == source.kind && one.source.device == source.device &&
                                    one.source.inode == source.inode
                              : one.source.kind == source.kind);
  };
  for (const PinFailure& one : record->failures()) {
    if (!is_superseded(one) && !is_of(one, owner.role, source)) continue;
    attempt.before_ = one;
    attempt.had_before_ = true;
    attempt.now_.times = one.times + 1;
  }
  remove_if(*record, [&](const PinFailure& one) { return is_superseded(one) || is_of(one, owner.role, source); });
  record->add(attempt.now_);
  if (const auto saved = record->save(); !saved && !is_proven) return saved.error();
  attempt.record_ = std::move(*record);
  return attempt;
}

void PinGovernor::forget(const PinOwner& owner) noexcept {
  auto record = lock(owner, kNoDeadline);
  if (!record) return;
  record->clear();
  (void)record->save();
}

}  // namespace holdfast::hal
