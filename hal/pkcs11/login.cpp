// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/login.hpp"

#include "hal/display.hpp"
#include "hal/pkcs11/errors.hpp"

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kLoggingIn = "logging in";
constexpr const char* kTypedWrong =
    "run it again and enter the PIN once more, after 5 seconds: it was sent once, and tokens lock after a few wrong "
    "ones";

Error no_try(const char* hint, std::string_view why) noexcept {
  return failure(Status::pin_locked, Layer::pkcs11, kLoggingIn).about(why).with_hint(hint);
}

bool wants_login(const CK_TOKEN_INFO& token) noexcept { return (token.flags & CKF_LOGIN_REQUIRED) != 0; }
bool has_pad(const CK_TOKEN_INFO& token) noexcept { return (token.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0; }

// What is known of a source before it is read; a file is known by what was read.
std::optional<SourceIdentity::Kind> known_kind(const PinSource& source) noexcept {
  switch (source.origin != PinSource::Kind::none ? source.origin : source.kind) {
    case PinSource::Kind::prompt:
      return SourceIdentity::Kind::asked;
    case PinSource::Kind::environment:
      return SourceIdentity::Kind::passing;
    default:
      return std::nullopt;
  }
}

}  // namespace

bool is_unjudged(CK_RV code) noexcept {
  switch (code) {
    case CKR_HOST_MEMORY:
    case CKR_DEVICE_MEMORY:
    case CKR_SLOT_ID_INVALID:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_TOKEN_NOT_RECOGNIZED:
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

bool is_lost_answer(CK_RV code) noexcept {
  switch (code) {
    case CKR_GENERAL_ERROR:  // SoftHSM 2.6 when its token folder is away
    case CKR_DEVICE_ERROR:   // p11-kit's client whose server died
    case CKR_DEVICE_REMOVED:
    case CKR_SESSION_CLOSED:
      return true;
    default:
      return false;
  }
}

PinOwner owner_of(const CK_TOKEN_INFO& token, PinOwner::Role role) noexcept {
  return {.serial = field(token.serialNumber),
          .manufacturer = field(token.manufacturerID),
          .label = field(token.label),
          .role = role,
          .key = {}};
}

Error login_failure(CK_RV code, const char* doing) noexcept {
  Error error = native_failure(code, doing);
  if (code == CKR_PIN_EXPIRED) {
    error.hint = "set a new PIN with the token's own tools, then try again";
  } else if (code == CKR_USER_PIN_NOT_INITIALIZED) {
    error.hint = "the security officer must set a user PIN first: holdfast token init";
  } else if (code == CKR_CANCEL || code == CKR_FUNCTION_CANCELED) {
    error.status = Status::pin_required;
    error.hint = "enter the PIN on the token's own pad when it asks";
  } else if (error.status == Status::module_unusable) {
    // The module was usable until here. As a refusal it is final, where a module that cannot be used is waited for.
    error.status = Status::permission_denied;
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
  if (!wants_login(token)) return {};
  whose_.append("token ");
  append_printable(whose_, field(token.label));
  whose_.append(", PIN from ");
  whose_.append(has_pad(token) ? "its own pad" : source.in_words().view());
  if (has_pad(token)) {
    source_.kind = SourceIdentity::Kind::asked;
    return {};
  }
  // Before a person is asked for something that would not be used.
  HOLDFAST_TRY(check_user_pin_flags(token));
  if (const auto kind = known_kind(source)) {
    if (const auto allowed = governor_.check(owner_of(token, PinOwner::Role::user), *kind); !allowed) {
      Error error = allowed.error();
      if (error.detail.empty()) error.detail.append(whose_.view());
      return error;
    }
  }
  FixedText<96> what{"PIN for token '"};
  append_printable(what, field(token.label));
  what.append("'");
  pin_ = HOLDFAST_TRY(read_pin(source, what.view(), &source_));
  return {};
}

Result<void> Login::begin(const CK_TOKEN_INFO& token, std::string_view key, BootTime deadline) noexcept {
  if (!wants_login(token)) return {};
  if (is_refused()) return refusal_;
  PinOwner owner = owner_of(token, PinOwner::Role::user);
  owner.key = key;
  auto attempt = governor_.begin(owner, source_, is_proven_, deadline);
  if (!attempt) {
    Error error = attempt.error();
    if (error.detail.empty()) error.detail.append(whose_.view());
    // Another process saw this file refused: once that is cleared, it is by another PIN than the one kept here. A
    // source without a file is only made to wait, and one that was accepted not even that.
    const bool is_for_good = is_proven_ || source_.kind == SourceIdentity::Kind::file;
    if (error.status == Status::pin_refused_before && is_for_good) {
      refusal_ = error;
      forget();
    }
    return error;
  }
  attempt_ = std::move(*attempt);
  return {};
}

Result<void> Login::log_in(const Session& session, const CK_TOKEN_INFO& token) noexcept {
  if (!wants_login(token)) return {};
  if (is_refused()) return refusal_;
  HOLDFAST_TRY(check_user_pin_flags(token));
  const std::span<const std::byte> pin = pin_.reveal({});
  if (!has_pad(token) && pin.empty()) return failure(Status::pin_required, Layer::pkcs11, kLoggingIn);
  // A token with its own PIN pad is asked with no PIN at all (PKCS#11 v3.0 §5.6.8).
  const CK_RV code = has_pad(token) ? session.calls->C_Login(session.handle, CKU_USER, nullptr, 0)
                                    : session.calls->C_Login(session.handle, CKU_USER, native(pin), pin.size());
  if (code == CKR_OK) {
    attempt_.accepted();
    is_proven_ = true;
    return {};
  }
  // A login is the whole process's: another device of ours on this token, or the host, has logged in. The module
  // answers this to a wrong PIN as well, so nothing is known of ours; it stays unproven, and if it is wrong, the
  // login after the next reset is its one try. Asking the token to judge it now would take a C_Logout, which throws
  // out the other device.
  if (code == CKR_USER_ALREADY_LOGGED_IN) {
    attempt_.unjudged();
    return {};
  }
  Error error = login_failure(code, kLoggingIn).about(whose_.view());
  if (error.status == Status::pin_incorrect && source_.kind == SourceIdentity::Kind::asked) error.hint = kTypedWrong;
  // A proven PIN is right, however the token judged it. What becomes of an unproven one is the record's to say from
  // now on, so nothing is latched here.
  const bool is_lost = is_lost_answer(code);
  if (is_unjudged(code) || is_lost) {
    is_lost && !is_proven_ ? attempt_.lost() : attempt_.unjudged();
    return error;
  }
  attempt_.refused(code);
  refusal_ = error;
  forget();
  return error;
}

}  // namespace holdfast::hal::pkcs11
