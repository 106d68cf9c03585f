// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"
#include "hal/pkcs11/cryptoki.hpp"

namespace holdfast::hal::pkcs11 {

/// The PIN rule of one opened device: a PIN is sent at most once until it was accepted, an accepted one is kept in
/// locked memory for the login after a reset, and the first refusal ends it all. Used by one thread at a time.
class Login {
 public:
  /// Reads the PIN from `source`, if the token wants one that goes through us.
  [[nodiscard]] Result<void> prepare(const PinSource& source, const CK_TOKEN_INFO& token) noexcept;

  /// Logs the user in on `session`. `pin_incorrect` after a refusal, without a call; `pin_locked`, without a call,
  /// for a token that says it has one try left or none.
  [[nodiscard]] Result<void> log_in(const Session& session, const CK_TOKEN_INFO& token) noexcept;

  /// A PIN was refused since `prepare`.
  [[nodiscard]] bool is_refused() const noexcept { return refusal_.status != Status::ok; }
  [[nodiscard]] const Error& refusal() const noexcept { return refusal_; }
  /// Wipes the PIN.
  void forget() noexcept { pin_ = SecretBytes(); }

 private:
  SecretBytes pin_;
  Error refusal_;
};

/// Looks at the token's PIN flags before a PIN is spent on them: a program does not use up a last try.
[[nodiscard]] Result<void> check_user_pin_flags(const CK_TOKEN_INFO& token) noexcept;
[[nodiscard]] Result<void> check_so_pin_flags(const CK_TOKEN_INFO& token) noexcept;

/// The error for a login call that answered `code`.
[[nodiscard]] Error login_failure(CK_RV code, const char* doing) noexcept;

}  // namespace holdfast::hal::pkcs11
