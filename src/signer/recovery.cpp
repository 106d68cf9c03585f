// SPDX-License-Identifier: Apache-2.0
#include "src/signer/recovery.hpp"

#include <algorithm>

namespace holdfast {
namespace {

constexpr const char* kWaiting = "waiting for the token or TPM to come back";

// The token, the TPM, what leads to it, or what we had in it is not there.
bool is_loss(Status status) noexcept { return status == Status::stale_key || status == Status::device_gone; }

// The same, said by a device that was asked to find something: one that just came back may lack a token, a module
// that can be initialised, or the key.
bool is_absence(Status status) noexcept {
  return is_loss(status) || status == Status::token_not_found || status == Status::key_not_found ||
         status == Status::module_unusable;
}

// A failure that says `ok` would open every rung: a device that says so misbehaves.
Error told(const Error& failed) noexcept {
  Error error = failed;
  if (error.status == Status::ok) error.status = Status::device_fault;
  return error;
}

const char* doing_on(Rung rung) noexcept {
  switch (rung) {
    case Rung::find:
      return "waiting for another thread that finds the key again";
    case Rung::prove:
      return "waiting for another thread that tries the found key";
    case Rung::reset:
      return "waiting for another thread that builds the connection anew";
    case Rung::wait:
      return "waiting, as another thread, for the token or TPM to come back";
    case Rung::use:
    case Rung::stop:
      break;
  }
  return "waiting for another thread that recovers the key";
}

}  // namespace

Rung next_rung(Rung rung, Status outcome) noexcept {
  // Somebody else has all the sessions, slots or memory: that passes, and no reset of ours would speed it up.
  const bool is_crowded = outcome == Status::resource_exhausted;
  switch (rung) {
    case Rung::use:
      if (outcome == Status::ok) return Rung::use;
      if (is_crowded) return Rung::wait;
      return is_loss(outcome) ? Rung::find : Rung::stop;
    case Rung::find:
      if (outcome == Status::ok) return Rung::prove;
      if (is_crowded) return Rung::wait;
      return is_absence(outcome) ? Rung::reset : Rung::stop;
    case Rung::prove:
      if (outcome == Status::ok) return Rung::use;
      if (is_crowded) return Rung::wait;
      return is_loss(outcome) ? Rung::reset : Rung::stop;
    case Rung::reset:
      // Not ours to reset: what is ours was made anew, so the key may be found; if it is not, the next reset is not
      // due and the ladder waits.
      if (outcome == Status::ok || outcome == Status::reset_not_ours) return Rung::find;
      return is_absence(outcome) || is_crowded ? Rung::wait : Rung::stop;
    case Rung::wait:
      return Rung::find;
    case Rung::stop:
      break;
  }
  return Rung::stop;
}

Result<Recovery::Ascent> Recovery::climb(hal::KeyHandle used, const Error& failed, Trial& trial,
                                         hal::BootTime deadline) noexcept {
  // At once and past any climber: a wrong signature is not made good by somebody else's new handle.
  if (const Error error = told(failed); used.generation != 0 && next_rung(Rung::use, error.status) == Rung::stop) {
    return error;
  }
  if (!climbing_.take(clock_, deadline)) return waited_in_vain();
  const hal::KeyHandle current = handle();
  Result<Ascent> result = Ascent::taken_over;
  if (current.generation == 0 || current == used) {
    if (current.generation != 0) lose(failed);
    result = ascend(trial, deadline);
  }
  climbing_.release(clock_);
  return result;
}

void Recovery::lose(const Error& failed) noexcept {
  last_ = failed;
  handle_.store(0, std::memory_order_release);
  is_reset_ours_ = true;
  was_reset_ = false;
  if (clock_.boot() >= proven_at_.after(kLongestPause)) pause_ = kFirstPause;
  stand_on(next_rung(Rung::use, failed.status));
  log_.record({.kind = EventKind::recovery_begun, .why = failed});
}

Result<Recovery::Ascent> Recovery::ascend(Trial& trial, hal::BootTime deadline) noexcept {
  while (true) {
    const Rung rung = this->rung();
    Status outcome = Status::ok;
    switch (rung) {
      case Rung::find:
        outcome = find(deadline);
        break;
      case Rung::prove:
        outcome = prove(trial);
        break;
      case Rung::reset:
        if (is_pausing()) {
          // The token is there and was asked: waiting for a key that somebody removed would only hide it. (Before a
          // reset it means nothing: SoftHSM 2.6 says so of every key while its folder is away.)
          stand_on(was_reset_ && last_.status == Status::key_not_found ? Rung::stop : Rung::wait);
          continue;
        }
        outcome = reset(trial, deadline);
        break;
      case Rung::wait:
        if (!wait(deadline)) return in_vain();
        break;
      case Rung::use:
        return Ascent::proven;
      case Rung::stop:
        stand_on(Rung::find);  // where the next call begins
        return last_;
    }
    const Rung next = next_rung(rung, outcome);
    stand_on(next);
    // Past its deadline a call has climbed one rung and no more. A found key is tried all the same: it is what the
    // call came for.
    const bool is_below = next == Rung::find || next == Rung::reset || next == Rung::wait;
    if (is_below && clock_.boot() >= deadline) return in_vain();
  }
}

Status Recovery::find(hal::BootTime deadline) noexcept {
  const auto found = device_.find_key({key_}, deadline);
  if (!found) return note(found.error());
  found_ = *found;
  return Status::ok;
}

Status Recovery::prove(Trial& trial) noexcept {
  if (const auto used = trial.use(found_); !used) {
    last_ = told(used.error());
    return last_.status;
  }
  proven_at_ = clock_.boot();
  recoveries_.fetch_add(1, std::memory_order_relaxed);
  handle_.store(pack(found_), std::memory_order_release);
  log_.record({.kind = EventKind::recovery_ended});
  return Status::ok;
}

Status Recovery::reset(Trial& trial, hal::BootTime deadline) noexcept {
  const auto done = device_.reset(deadline);
  trial.was_reset();
  plan_pause();
  is_reset_ours_ = done.status() != Status::reset_not_ours;
  if (done) {
    was_reset_ = true;
    resets_.fetch_add(1, std::memory_order_relaxed);
    return Status::ok;
  }
  // That the module is not ours tells nothing of the token: the failure that led here does.
  if (!is_reset_ours_) return done.status();
  return note(done.error());
}

// Until the back-off has passed; false if the deadline comes first.
bool Recovery::wait(hal::BootTime deadline) noexcept {
  if (is_pausing() && deadline > clock_.boot()) clock_.sleep_until(std::min(not_before_, deadline));
  return !is_pausing();
}

Status Recovery::note(const Error& failed) noexcept {
  failures_.fetch_add(1, std::memory_order_relaxed);
  last_ = told(failed);
  return last_.status;
}

void Recovery::stand_on(Rung rung) noexcept {
  if (rung == Rung::wait && !is_pausing()) plan_pause();
  rung_.store(rung, std::memory_order_relaxed);
}

void Recovery::plan_pause() noexcept {
  not_before_ = clock_.boot().after(pause_);
  pause_ = std::min<std::chrono::nanoseconds>(pause_ * 2, kLongestPause);
}

Error Recovery::in_vain() const noexcept {
  Error error = last_;
  if (!is_absence(error.status)) return error;
  error.status = is_reset_ours_ ? Status::device_gone : Status::reset_not_ours;
  error.hint = nullptr;  // the status' own: reconnecting is under way, or the owner's to do
  if (error.detail.empty()) error.detail.append(kWaiting);
  return error;
}

Error Recovery::waited_in_vain() const noexcept {
  return failure(Status::deadline_exceeded, Layer::core, doing_on(rung()))
      .with_hint("the device is being recovered: try again, or allow more time");
}

}  // namespace holdfast
