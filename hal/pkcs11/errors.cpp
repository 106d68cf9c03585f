// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/errors.hpp"

namespace holdfast::hal::pkcs11 {
namespace {

struct Row {
  CK_RV code;
  const char* name;
  Status status;
};

#define HOLDFAST_ROW(code, status) \
  Row { code, #code, Status::status }

// PKCS#11 v3.0 §5.1, each code by what helps against it. CKR_GENERAL_ERROR is what SoftHSM 2.6 and tpm2-pkcs11 1.9
// answer when the token behind them has gone, so reconnecting is the remedy to try.
constexpr Row kRows[] = {
    HOLDFAST_ROW(CKR_OK, ok),
    HOLDFAST_ROW(CKR_CANCEL, permission_denied),
    HOLDFAST_ROW(CKR_HOST_MEMORY, resource_exhausted),
    HOLDFAST_ROW(CKR_SLOT_ID_INVALID, device_gone),
    HOLDFAST_ROW(CKR_GENERAL_ERROR, device_gone),
    HOLDFAST_ROW(CKR_FUNCTION_FAILED, device_fault),
    HOLDFAST_ROW(CKR_ARGUMENTS_BAD, device_fault),
    HOLDFAST_ROW(CKR_NO_EVENT, device_fault),
    HOLDFAST_ROW(CKR_NEED_TO_CREATE_THREADS, module_unusable),
    HOLDFAST_ROW(CKR_CANT_LOCK, module_unusable),
    HOLDFAST_ROW(CKR_ATTRIBUTE_READ_ONLY, device_fault),
    HOLDFAST_ROW(CKR_ATTRIBUTE_SENSITIVE, permission_denied),
    HOLDFAST_ROW(CKR_ATTRIBUTE_TYPE_INVALID, device_fault),
    HOLDFAST_ROW(CKR_ATTRIBUTE_VALUE_INVALID, device_fault),
    HOLDFAST_ROW(CKR_ACTION_PROHIBITED, permission_denied),
    HOLDFAST_ROW(CKR_DATA_INVALID, device_fault),
    HOLDFAST_ROW(CKR_DATA_LEN_RANGE, device_fault),
    HOLDFAST_ROW(CKR_DEVICE_ERROR, device_gone),
    HOLDFAST_ROW(CKR_DEVICE_MEMORY, resource_exhausted),
    HOLDFAST_ROW(CKR_DEVICE_REMOVED, device_gone),
    HOLDFAST_ROW(CKR_ENCRYPTED_DATA_INVALID, device_fault),
    HOLDFAST_ROW(CKR_ENCRYPTED_DATA_LEN_RANGE, device_fault),
    HOLDFAST_ROW(CKR_FUNCTION_CANCELED, permission_denied),
    HOLDFAST_ROW(CKR_FUNCTION_NOT_PARALLEL, device_fault),
    HOLDFAST_ROW(CKR_FUNCTION_NOT_SUPPORTED, module_unusable),
    HOLDFAST_ROW(CKR_KEY_HANDLE_INVALID, stale_key),
    HOLDFAST_ROW(CKR_KEY_SIZE_RANGE, scheme_unsupported),
    HOLDFAST_ROW(CKR_KEY_TYPE_INCONSISTENT, scheme_unsupported),
    HOLDFAST_ROW(CKR_KEY_NOT_NEEDED, device_fault),
    HOLDFAST_ROW(CKR_KEY_CHANGED, device_fault),
    HOLDFAST_ROW(CKR_KEY_NEEDED, device_fault),
    HOLDFAST_ROW(CKR_KEY_INDIGESTIBLE, device_fault),
    HOLDFAST_ROW(CKR_KEY_FUNCTION_NOT_PERMITTED, permission_denied),
    HOLDFAST_ROW(CKR_KEY_NOT_WRAPPABLE, permission_denied),
    HOLDFAST_ROW(CKR_KEY_UNEXTRACTABLE, permission_denied),
    HOLDFAST_ROW(CKR_MECHANISM_INVALID, scheme_unsupported),
    HOLDFAST_ROW(CKR_MECHANISM_PARAM_INVALID, scheme_unsupported),
    HOLDFAST_ROW(CKR_OBJECT_HANDLE_INVALID, stale_key),
    HOLDFAST_ROW(CKR_OPERATION_ACTIVE, device_fault),
    HOLDFAST_ROW(CKR_OPERATION_NOT_INITIALIZED, device_fault),
    HOLDFAST_ROW(CKR_PIN_INCORRECT, pin_incorrect),
    HOLDFAST_ROW(CKR_PIN_INVALID, pin_incorrect),
    HOLDFAST_ROW(CKR_PIN_LEN_RANGE, pin_incorrect),
    HOLDFAST_ROW(CKR_PIN_EXPIRED, pin_locked),
    HOLDFAST_ROW(CKR_PIN_LOCKED, pin_locked),
    HOLDFAST_ROW(CKR_SESSION_CLOSED, device_gone),
    HOLDFAST_ROW(CKR_SESSION_COUNT, resource_exhausted),
    HOLDFAST_ROW(CKR_SESSION_HANDLE_INVALID, device_gone),
    HOLDFAST_ROW(CKR_SESSION_PARALLEL_NOT_SUPPORTED, device_fault),
    HOLDFAST_ROW(CKR_SESSION_READ_ONLY, device_fault),
    HOLDFAST_ROW(CKR_SESSION_EXISTS, permission_denied),
    HOLDFAST_ROW(CKR_SESSION_READ_ONLY_EXISTS, permission_denied),
    HOLDFAST_ROW(CKR_SESSION_READ_WRITE_SO_EXISTS, permission_denied),
    HOLDFAST_ROW(CKR_SIGNATURE_INVALID, device_fault),
    HOLDFAST_ROW(CKR_SIGNATURE_LEN_RANGE, device_fault),
    HOLDFAST_ROW(CKR_TEMPLATE_INCOMPLETE, device_fault),
    HOLDFAST_ROW(CKR_TEMPLATE_INCONSISTENT, device_fault),
    HOLDFAST_ROW(CKR_TOKEN_NOT_PRESENT, device_gone),
    HOLDFAST_ROW(CKR_TOKEN_NOT_RECOGNIZED, token_not_found),
    HOLDFAST_ROW(CKR_TOKEN_WRITE_PROTECTED, permission_denied),
    HOLDFAST_ROW(CKR_UNWRAPPING_KEY_HANDLE_INVALID, device_fault),
    HOLDFAST_ROW(CKR_UNWRAPPING_KEY_SIZE_RANGE, device_fault),
    HOLDFAST_ROW(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, device_fault),
    HOLDFAST_ROW(CKR_USER_ALREADY_LOGGED_IN, device_fault),
    // Somebody logged out below us: logging in again is part of a reset.
    HOLDFAST_ROW(CKR_USER_NOT_LOGGED_IN, device_gone),
    HOLDFAST_ROW(CKR_USER_PIN_NOT_INITIALIZED, pin_locked),
    HOLDFAST_ROW(CKR_USER_TYPE_INVALID, device_fault),
    HOLDFAST_ROW(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, permission_denied),
    HOLDFAST_ROW(CKR_USER_TOO_MANY_TYPES, permission_denied),
    HOLDFAST_ROW(CKR_WRAPPED_KEY_INVALID, device_fault),
    HOLDFAST_ROW(CKR_WRAPPED_KEY_LEN_RANGE, device_fault),
    HOLDFAST_ROW(CKR_WRAPPING_KEY_HANDLE_INVALID, device_fault),
    HOLDFAST_ROW(CKR_WRAPPING_KEY_SIZE_RANGE, device_fault),
    HOLDFAST_ROW(CKR_WRAPPING_KEY_TYPE_INCONSISTENT, device_fault),
    HOLDFAST_ROW(CKR_RANDOM_SEED_NOT_SUPPORTED, device_fault),
    HOLDFAST_ROW(CKR_RANDOM_NO_RNG, device_fault),
    HOLDFAST_ROW(CKR_DOMAIN_PARAMS_INVALID, scheme_unsupported),
    HOLDFAST_ROW(CKR_CURVE_NOT_SUPPORTED, scheme_unsupported),
    HOLDFAST_ROW(CKR_BUFFER_TOO_SMALL, device_fault),
    HOLDFAST_ROW(CKR_SAVED_STATE_INVALID, device_fault),
    HOLDFAST_ROW(CKR_INFORMATION_SENSITIVE, permission_denied),
    HOLDFAST_ROW(CKR_STATE_UNSAVEABLE, device_fault),
    HOLDFAST_ROW(CKR_CRYPTOKI_NOT_INITIALIZED, device_gone),
    HOLDFAST_ROW(CKR_CRYPTOKI_ALREADY_INITIALIZED, module_unusable),
    HOLDFAST_ROW(CKR_MUTEX_BAD, module_unusable),
    HOLDFAST_ROW(CKR_MUTEX_NOT_LOCKED, module_unusable),
    HOLDFAST_ROW(CKR_NEW_PIN_MODE, pin_locked),
    HOLDFAST_ROW(CKR_NEXT_OTP, pin_locked),
    HOLDFAST_ROW(CKR_EXCEEDED_MAX_ITERATIONS, device_fault),
    HOLDFAST_ROW(CKR_FIPS_SELF_TEST_FAILED, device_fault),
    HOLDFAST_ROW(CKR_LIBRARY_LOAD_FAILED, module_unusable),
    HOLDFAST_ROW(CKR_PIN_TOO_WEAK, invalid_argument),
    HOLDFAST_ROW(CKR_PUBLIC_KEY_INVALID, device_fault),
    HOLDFAST_ROW(CKR_FUNCTION_REJECTED, permission_denied),
    HOLDFAST_ROW(CKR_OPERATION_CANCEL_FAILED, device_fault),
};

#undef HOLDFAST_ROW

const Row* row_of(CK_RV code) noexcept {
  const auto* found = std::ranges::find(kRows, code, &Row::code);
  return found != std::ranges::end(kRows) ? found : nullptr;
}

}  // namespace

const char* code_name(CK_RV code) noexcept {
  const Row* row = row_of(code);
  if (row != nullptr) return row->name;
  return (code & CKR_VENDOR_DEFINED) != 0 ? "CKR_VENDOR_DEFINED" : nullptr;
}

Status code_status(CK_RV code) noexcept {
  const Row* row = row_of(code);
  return row != nullptr ? row->status : Status::device_fault;
}

Error native_failure(CK_RV code, const char* doing) noexcept {
  const Status status = code_status(code);
  return native_failure(code, status != Status::ok ? status : Status::device_fault, doing);
}

Error native_failure(CK_RV code, Status status, const char* doing) noexcept {
  Error error = failure(status, Layer::pkcs11, doing);
  error.native = code;
  error.native_name = code_name(code);
  return error;
}

}  // namespace holdfast::hal::pkcs11
