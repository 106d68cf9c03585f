// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/login.hpp"

#include "hal/display.hpp"
#include "hal/pkcs11/errors.hpp"

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kLoggingIn = "logging in";

// The answers after which it is certain that the token did not judge the PIN. After any other it may have counted a
// try, under whatever name, so the PIN is not sent again.
bool is_unjudged(CK_RV code) noexcept {
  switch (code) {
    case CKR_HOST_MEMORY:
    case CKR_DEVICE_MEMORY:
    case CKR_SLOT_ID_INVALID:
    case CKR_GENERAL_ERROR:  // SoftHSM 2.6 when its token folder is away
    case CKR_DEVICE_ERROR:
    case CKR_DEVICE_REMOVED:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_TOKEN_NOT_RECOGNIZED:
    case CKR_SESSION_CLOSED:
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_CRYPTOKI_NOT_INITIALIZED:
    case CKR_USER_PIN_NOT_INITIALIZED:
    case CKR_USER_ANOTHER_ALREADY_LOGGED_IN:
    case CKR_USER_TOO_MANY_TYPES:
      return true;
    default:
      return false;
  }
}

Error no_try(const char* hint, std::string_view why) noexcept {
  return failure(Status::pin_locked, Layer::pkcs11, kLoggingIn).about(why).with_hint(hint);
}

}  // namespace

Error login_failure(CK_RV code, const char* doing) noexcept {
  Error error = native_failure(code, doing);
  if (code == CKR_PIN_EXPIRED) {
    error.hint = "set a new PIN with the token's own tools, then try again";
  } else if (code == CKR_USER_PIN_NOT_INITIALIZED) {
    error.hint = "the security officer must set a user PIN first: holdfast token init";
  } else if (code == CKR_CANCEL || code == CKR_FUNCTION_CANCELED) {
    error.status = Status::pin_required;
    error.hint = "enter the PIN on the token's own pad when it asks";
  }
  return error;
}

Result<void> check_user_pin_flags(const CK_TOKEN_INFO& token) noexcept {
  if ((token.flags & CKF_USER_PIN_LOCKED) != 0) return failure(Status::pin_locked, Layer::pkcs11, kLoggingIn);
  if ((token.flags & CKF_USER_PIN_FINAL_TRY) != 0) {
    return no_try("log in once with the token's own tools and the right PIN, which clears the count",
                  "the token has one try left, which a program does not spend");
  }
  if ((token.flags & CKF_USER_PIN_TO_BE_CHANGED) != 0) {
    return no_try("set a new PIN with the token's own tools, then try again", "the user PIN must be changed first");
  }
  if ((token.flags & CKF_USER_PIN_INITIALIZED) == 0) {
    return no_try("the security officer must set a user PIN first: holdfast token init", "the token has no user PIN");
  }
  return {};
}

Result<void> check_so_pin_flags(const CK_TOKEN_INFO& token) noexcept {
  if ((token.flags & CKF_SO_PIN_LOCKED) != 0) {
    return no_try("the token's maker knows whether it can be reset", "the security officer's PIN is locked");
  }
  if ((token.flags & CKF_SO_PIN_FINAL_TRY) != 0) {
    return no_try("log in once as security officer with the token's own tools, which clears the count",
                  "the token has one try of the security officer's PIN left, which a program does not spend");
  }
  return {};
}

Result<void> Login::prepare(const PinSource& source, const CK_TOKEN_INFO& token) noexcept {
  if ((token.flags & CKF_LOGIN_REQUIRED) == 0 || (token.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0) return {};
  // Before a person is asked for something that would not be used.
  HOLDFAST_TRY(check_user_pin_flags(token));
  FixedText<96> what{"PIN for token '"};
  append_printable(what, field(token.label));
  what.append("'");
  pin_ = HOLDFAST_TRY(read_pin(source, what.view()));
  return {};
}

Result<void> Login::log_in(const Session& session, const CK_TOKEN_INFO& token) noexcept {
  if ((token.flags & CKF_LOGIN_REQUIRED) == 0) return {};
  if (is_refused()) return refusal_;
  HOLDFAST_TRY(check_user_pin_flags(token));
  // A token with its own PIN pad is asked with no PIN at all (PKCS#11 v3.0 §5.6.8).
  const bool has_pad = (token.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
  const std::span<const std::byte> pin = pin_.reveal({});
  if (!has_pad && pin.empty()) return failure(Status::pin_required, Layer::pkcs11, kLoggingIn);
  const CK_RV code =
      session.calls->C_Login(session.handle, CKU_USER, has_pad ? nullptr : native(pin), has_pad ? 0 : pin.size());
  // A login is the whole process's: another device of ours on this token, or the host, has logged in. The module
  // answers this to a wrong PIN as well, so nothing is known of ours; it stays unproven, and if it is wrong, the
  // login after the next reset is its one try. Asking the token to judge it now would take a C_Logout, which throws
  // out the other device.
  if (code == CKR_OK || code == CKR_USER_ALREADY_LOGGED_IN) return {};
  const Error error = login_failure(code, kLoggingIn);
  if (!is_unjudged(code)) {
    refusal_ = error;
    forget();
  }
  return error;
}

}  // namespace holdfast::hal::pkcs11
