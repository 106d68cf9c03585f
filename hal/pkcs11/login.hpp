// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"
#include "hal/pin_governor.hpp"
#include "hal/pkcs11/cryptoki.hpp"

namespace holdfast::hal::pkcs11 {

/// The PIN of one opened device: it is sent at most once until it was accepted, an accepted one is kept in locked
/// memory for the login after a reset, and the first refusal ends it all. What other devices and processes may not
/// repeat is the governor's to say. Used by one thread at a time.
class Login {
 public:
  Login(Clock& clock, std::string_view failure_records) noexcept : governor_(clock, failure_records) {}

  /// Reads the PIN from `source`, if the token wants one that goes through us. `pin_refused_before`, and nobody is
  /// asked, if it would not be sent.
  [[nodiscard]] Result<void> prepare(const PinSource& source, const CK_TOKEN_INFO& token) noexcept;

  /// Takes the token's turn among all devices and processes, and is allowed the login: before the module's gate, as
  /// it may have to wait until `deadline`. `key` is the name of the key that is wanted. `pin_refused_before`,
  /// `deadline_exceeded`, and what keeps the failure record from being had.
  [[nodiscard]] Result<void> begin(const CK_TOKEN_INFO& token, std::string_view key, BootTime deadline) noexcept;

  /// Logs the user in on `session`, after `begin`. `pin_incorrect` after a refusal, without a call; `pin_locked`,
  /// without a call, for a token that says it has one try left or none.
  [[nodiscard]] Result<void> log_in(const Session& session, const CK_TOKEN_INFO& token) noexcept;

  /// Gives the turn back; a login that was not made was none.
  void end() noexcept { attempt_.unjudged(); }

  /// A PIN was refused since `prepare`.
  [[nodiscard]] bool is_refused() const noexcept { return refusal_.status != Status::ok; }
  [[nodiscard]] const Error& refusal() const noexcept { return refusal_; }
  /// Wipes the PIN.
  void forget() noexcept { pin_ = SecretBytes(); }

 private:
  PinGovernor governor_;
  PinAttempt attempt_;
  SecretBytes pin_;
  SourceIdentity source_;
  FixedText<190> whose_;  ///< for people: the token and the PIN's source
  bool is_proven_ = false;
  Error refusal_;
};

/// Whose PIN it is, as the governor knows tokens.
[[nodiscard]] PinOwner owner_of(const CK_TOKEN_INFO& token, PinOwner::Role role) noexcept;

/// The answers after which it is certain that the token did not judge the PIN. After any other it may have counted a
/// try, under whatever name, so the PIN is not sent again.
[[nodiscard]] bool is_unjudged(CK_RV code) noexcept;

/// The answers for a token or a connection that was lost in the middle of the call (PKCS#11 v3.0 §5.1.2 and §5.1.3):
/// the PIN may have been judged before. Only one that was accepted earlier is sent again after them.
[[nodiscard]] bool is_lost_answer(CK_RV code) noexcept;

/// Looks at the token's PIN flags before a PIN is spent on them: a program does not use up a last try.
[[nodiscard]] Result<void> check_user_pin_flags(const CK_TOKEN_INFO& token) noexcept;
[[nodiscard]] Result<void> check_so_pin_flags(const CK_TOKEN_INFO& token) noexcept;

/// The error for a login call that answered `code`.
[[nodiscard]] Error login_failure(CK_RV code, const char* doing) noexcept;

}  // namespace holdfast::hal::pkcs11
