// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/failure_record.hpp"
#include "hal/signal_shield.hpp"

namespace holdfast::hal {

/// One PIN on its way to a token, under the lock of the token's failure record: no other process, and no other device
/// of this one, sends a PIN to that token meanwhile. Tell it how the token judged, on the same thread; if nobody
/// does, because the process died, the PIN counts as refused. Until then a `SignalShield` is up.
class PinAttempt {
 public:
  /// An attempt that nothing is kept of.
  PinAttempt() noexcept = default;
  PinAttempt(PinAttempt&&) noexcept = default;
  PinAttempt& operator=(PinAttempt&&) noexcept = default;

  /// The token took it: what was refused of this owner is forgotten, but for what is in other files.
  void accepted() noexcept;
  /// The token was erased, or has new PINs: all that was refused is forgotten.
  void renewed() noexcept;
  /// The token refused it, or answered what may have been a refusal.
  void refused(std::uint64_t native) noexcept;
  /// The answer was lost, and may have been a refusal: counts as one.
  void lost() noexcept { finish(); }
  /// The token judged nothing, or it is known that sending the PIN again cannot lock it.
  void unjudged() noexcept;

 private:
  friend class PinGovernor;
  void finish() noexcept;

  // In this order: signals take their course when the record is unlocked.
  std::optional<SignalShield> shield_;
  std::optional<FailureRecord> record_;
  PinFailure before_;
  bool had_before_ = false;
  PinFailure now_;
};

/// The rule for secrets that a token counts failures of: PINs of users and security officers, auth values of TPM
/// keys.
///
/// A PIN is sent once. When it is refused, its source is written into the token's failure record (`FailureRecord`),
/// and as long as the source is in the same state, no thread and no process of this user sends it again: also one
/// that was started anew. A pipe or an environment cannot be told from its next state: it is sent a second time after
/// a minute at the earliest, and after that not until some PIN was accepted. A person who is asked may try again
/// after five seconds. A PIN that is accepted clears the record of all but other files, which change when they are
/// corrected.
///
/// The record is in a folder that a restart of the machine empties. Where no folder can be had, no PIN is sent.
class PinGovernor {
 public:
  PinGovernor(Clock& clock, std::string_view folder) noexcept : clock_(clock), folder_(folder) {}

  /// Whether a PIN that is to be asked for, or comes from a source without a file, would be sent now; to know it
  /// before a person is asked. Anything else is found out by `begin`.
  [[nodiscard]] Result<void> check(const PinOwner& owner, SourceIdentity::Kind kind) noexcept;

  /// Waits for the token's record (at most two minutes) and allows the attempt: `pin_refused_before`, with the time
  /// to wait as detail where that helps. `is_proven`: this PIN was accepted before, by this device, and is sent again
  /// after a reset, unless the very file it came from was refused since; a try of that file that was cut off is none.
  /// A record that cannot be had is then no reason against it, as the host may be locked down by now.
  [[nodiscard]] Result<PinAttempt> begin(const PinOwner& owner, const SourceIdentity& source, bool is_proven,
                                         BootTime deadline) noexcept;

  /// Forgets what was refused of a token that was initialised just now.
  void forget(const PinOwner& owner) noexcept;

 private:
  [[nodiscard]] Result<FailureRecord> lock(const PinOwner& owner, BootTime deadline) noexcept;
  [[nodiscard]] Result<void> judge(FailureRecord& record, const PinOwner& owner, const SourceIdentity& source,
                                   bool is_proven) noexcept;

  Clock& clock_;
  FixedText<1024> folder_;
};

}  // namespace holdfast::hal
