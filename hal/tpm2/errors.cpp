// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/errors.hpp"

#include <tss2/tss2_common.h>
#include <tss2/tss2_tpm2_types.h>

#include <charconv>

namespace holdfast::hal::tpm2 {
namespace {

struct Row {
  ResponseCode code;
  const char* name;
  Status status;
  std::string_view text;
  const char* hint = nullptr;
};

constexpr const char* kContextGapHint =
    "another program keeps a TPM session open and unused; restart it, or have it use or flush its session "
    "(tpm2_getcap handles-saved-session lists them)";
constexpr const char* kObjectMemoryHint =
    "other programs left objects in the TPM: use the resource manager (/dev/tpmrm0), or flush them with "
    "tpm2_flushcontext --transient-object";
constexpr const char* kSessionMemoryHint =
    "other programs left sessions in the TPM: flush them with tpm2_flushcontext --loaded-session";
constexpr const char* kFailureModeHint = "the TPM failed its self-test: power the machine off and on";
constexpr const char* kStartupHint = "the TPM was not started: the firmware does it at boot; restart the machine";
constexpr const char* kIntegrityHint =
    "the key belongs to another TPM or another parent, or the TPM was cleared since: make a new key";
constexpr const char* kHierarchyHint = "the hierarchy is switched off or has an auth value: ask who set the TPM up";

// Of a later edition than tpm2-tss 3's headers (TPM 2.0 Library 1.83, Part 2 §6.6.3).
#ifndef TPM2_RC_FW_LIMITED
#define TPM2_RC_FW_LIMITED (TPM2_RC_FMT1 + 0x028)
#define TPM2_RC_SVN_LIMITED (TPM2_RC_FMT1 + 0x029)
#endif
// Of tpm2-tss 4.1.
#ifndef TSS2_BASE_RC_CALLBACK_NULL
#define TSS2_BASE_RC_CALLBACK_NULL 54U
#endif

#define HOLDFAST_ROW(name, status, ...) \
  Row { TPM2_RC_##name, "TPM_RC_" #name, Status::status, __VA_ARGS__ }

// TPM 2.0 Library Part 2 §6.6.3, each code by what helps against it.
constexpr Row kTpmRows[] = {
    HOLDFAST_ROW(SUCCESS, ok, "success"),
    HOLDFAST_ROW(BAD_TAG, device_fault, "a TPM 1.2 answered", "this machine has a TPM 1.2; a TPM 2.0 is needed"),
    HOLDFAST_ROW(INITIALIZE, device_gone, "the TPM was not started up", kStartupHint),
    HOLDFAST_ROW(FAILURE, device_fault, "the TPM is in failure mode", kFailureModeHint),
    HOLDFAST_ROW(SEQUENCE, device_fault, "improper use of a sequence"),
    HOLDFAST_ROW(PRIVATE, device_fault, "a code that is not used"),
    HOLDFAST_ROW(HMAC, device_fault, "a code that is not used"),
    HOLDFAST_ROW(DISABLED, permission_denied, "the command is disabled"),
    HOLDFAST_ROW(EXCLUSIVE, device_fault, "an audit session wanted to be alone"),
    HOLDFAST_ROW(AUTH_TYPE, device_fault, "the wrong kind of authorisation"),
    HOLDFAST_ROW(AUTH_MISSING, device_fault, "an authorisation is missing"),
    HOLDFAST_ROW(POLICY, device_fault, "a policy failed"),
    HOLDFAST_ROW(PCR, key_refused, "a PCR check failed"),
    HOLDFAST_ROW(PCR_CHANGED, key_refused, "a PCR has changed since it was checked"),
    HOLDFAST_ROW(UPGRADE, device_fault, "the TPM is being upgraded"),
    HOLDFAST_ROW(TOO_MANY_CONTEXTS, device_fault, "the context counter is at its end",
                 "restart the machine: the TPM has saved as many contexts as it can count"),
    HOLDFAST_ROW(AUTH_UNAVAILABLE, key_refused, "the key cannot be authorised in this way"),
    HOLDFAST_ROW(REBOOT, device_gone, "the TPM must be restarted", kStartupHint),
    HOLDFAST_ROW(UNBALANCED, device_fault, "algorithms do not fit each other"),
    HOLDFAST_ROW(COMMAND_SIZE, device_fault, "the command's size is wrong"),
    HOLDFAST_ROW(COMMAND_CODE, device_fault, "the TPM does not know the command"),
    HOLDFAST_ROW(AUTHSIZE, device_fault, "the authorisation area's size is wrong"),
    HOLDFAST_ROW(AUTH_CONTEXT, device_fault, "the command takes no authorisation"),
    HOLDFAST_ROW(NV_RANGE, device_fault, "outside of the NV memory"),
    HOLDFAST_ROW(NV_SIZE, device_fault, "more NV memory than allowed"),
    HOLDFAST_ROW(NV_LOCKED, permission_denied, "the NV memory is locked"),
    HOLDFAST_ROW(NV_AUTHORIZATION, permission_denied, "no access to the NV memory"),
    HOLDFAST_ROW(NV_UNINITIALIZED, device_fault, "the NV memory was never written"),
    HOLDFAST_ROW(NV_SPACE, resource_exhausted, "no room for another persistent key",
                 "remove a persistent key that nobody needs, or keep the key in a file: tpm2:file=/PATH"),
    HOLDFAST_ROW(NV_DEFINED, already_exists, "the persistent handle is taken"),
    HOLDFAST_ROW(BAD_CONTEXT, device_fault, "a saved context is not valid"),
    HOLDFAST_ROW(CPHASH, device_fault, "the command is not the one the policy names"),
    HOLDFAST_ROW(PARENT, device_fault, "the parent is none"),
    HOLDFAST_ROW(NEEDS_TEST, device_fault, "a function needs to be tested"),
    HOLDFAST_ROW(NO_RESULT, device_fault, "no result, for no reason the TPM gives"),
    HOLDFAST_ROW(SENSITIVE, device_fault, "the private part cannot be read"),
    HOLDFAST_ROW(ASYMMETRIC, scheme_unsupported, "the asymmetric algorithm is not supported"),
    HOLDFAST_ROW(ATTRIBUTES, key_refused, "the key's attributes do not allow it"),
    HOLDFAST_ROW(HASH, scheme_unsupported, "the hash is not supported"),
    HOLDFAST_ROW(VALUE, device_fault, "a value is out of range"),
    HOLDFAST_ROW(HIERARCHY, permission_denied, "the hierarchy cannot be used", kHierarchyHint),
    HOLDFAST_ROW(KEY_SIZE, scheme_unsupported, "the key size is not supported"),
    HOLDFAST_ROW(MGF, device_fault, "the mask generation is not supported"),
    HOLDFAST_ROW(MODE, device_fault, "the mode is not supported"),
    HOLDFAST_ROW(TYPE, key_refused, "the object is of the wrong type"),
    HOLDFAST_ROW(HANDLE, key_not_found, "nothing has this handle"),
    HOLDFAST_ROW(KDF, device_fault, "the key derivation is not supported"),
    HOLDFAST_ROW(RANGE, device_fault, "a value is out of range"),
    HOLDFAST_ROW(AUTH_FAIL, pin_incorrect, "the auth value was refused, and the TPM counted it"),
    HOLDFAST_ROW(NONCE, device_fault, "a nonce is wrong"),
    HOLDFAST_ROW(PP, permission_denied, "physical presence is needed"),
    HOLDFAST_ROW(SCHEME, scheme_unsupported, "the scheme is not supported or not the key's"),
    HOLDFAST_ROW(SIZE, device_fault, "a structure has the wrong size"),
    HOLDFAST_ROW(SYMMETRIC, device_fault, "the symmetric algorithm is not supported"),
    HOLDFAST_ROW(TAG, device_fault, "a structure has the wrong tag"),
    HOLDFAST_ROW(SELECTOR, device_fault, "a union's selector is wrong"),
    HOLDFAST_ROW(INSUFFICIENT, device_fault, "a structure is cut short"),
    HOLDFAST_ROW(SIGNATURE, device_fault, "the signature is not valid"),
    HOLDFAST_ROW(KEY, key_refused, "the key does not fit the use"),
    HOLDFAST_ROW(POLICY_FAIL, key_refused, "the key's policy is not satisfied"),
    HOLDFAST_ROW(INTEGRITY, key_refused, "the key was not made under this parent in this TPM", kIntegrityHint),
    HOLDFAST_ROW(TICKET, key_refused, "the ticket is not valid"),
    HOLDFAST_ROW(RESERVED_BITS, device_fault, "reserved bits are set"),
    HOLDFAST_ROW(BAD_AUTH, pin_incorrect, "the auth value was refused"),
    HOLDFAST_ROW(EXPIRED, key_refused, "the policy has expired"),
    HOLDFAST_ROW(POLICY_CC, key_refused, "the policy is for another command"),
    HOLDFAST_ROW(BINDING, key_refused, "public and private part do not belong together", kIntegrityHint),
    HOLDFAST_ROW(CURVE, scheme_unsupported, "the curve is not supported"),
    HOLDFAST_ROW(ECC_POINT, device_fault, "the point is not on the curve"),
    HOLDFAST_ROW(FW_LIMITED, key_refused, "the key is bound to a firmware that this TPM has not"),
    HOLDFAST_ROW(SVN_LIMITED, key_refused, "the key is bound to a newer firmware than this TPM has"),
    HOLDFAST_ROW(CONTEXT_GAP, resource_exhausted, "an unused session is too far behind", kContextGapHint),
    HOLDFAST_ROW(OBJECT_MEMORY, resource_exhausted, "no room for another object", kObjectMemoryHint),
    HOLDFAST_ROW(SESSION_MEMORY, resource_exhausted, "no room for another session", kSessionMemoryHint),
    HOLDFAST_ROW(MEMORY, resource_exhausted, "the TPM is out of memory", kObjectMemoryHint),
    HOLDFAST_ROW(SESSION_HANDLES, resource_exhausted, "no handle for another session", kSessionMemoryHint),
    HOLDFAST_ROW(OBJECT_HANDLES, resource_exhausted, "no handle for another object", kObjectMemoryHint),
    HOLDFAST_ROW(LOCALITY, permission_denied, "the locality is wrong"),
    HOLDFAST_ROW(YIELDED, deadline_exceeded, "the TPM put the command off"),
    HOLDFAST_ROW(CANCELED, deadline_exceeded, "the command was cancelled"),
    HOLDFAST_ROW(TESTING, deadline_exceeded, "the TPM is testing itself"),
    HOLDFAST_ROW(REFERENCE_H0, stale_key, "the object of the first handle is not loaded"),
    HOLDFAST_ROW(REFERENCE_H1, stale_key, "the object of the second handle is not loaded"),
    HOLDFAST_ROW(REFERENCE_H2, stale_key, "the object of the third handle is not loaded"),
    HOLDFAST_ROW(REFERENCE_H3, stale_key, "the object of the fourth handle is not loaded"),
    HOLDFAST_ROW(REFERENCE_H4, stale_key, "the object of the fifth handle is not loaded"),
    HOLDFAST_ROW(REFERENCE_H5, stale_key, "the object of the sixth handle is not loaded"),
    HOLDFAST_ROW(REFERENCE_H6, stale_key, "the object of the seventh handle is not loaded"),
    HOLDFAST_ROW(REFERENCE_S0, stale_key, "the first session is not loaded"),
    HOLDFAST_ROW(REFERENCE_S1, stale_key, "the second session is not loaded"),
    HOLDFAST_ROW(REFERENCE_S2, stale_key, "the third session is not loaded"),
    HOLDFAST_ROW(REFERENCE_S3, stale_key, "the fourth session is not loaded"),
    HOLDFAST_ROW(REFERENCE_S4, stale_key, "the fifth session is not loaded"),
    HOLDFAST_ROW(REFERENCE_S5, stale_key, "the sixth session is not loaded"),
    HOLDFAST_ROW(REFERENCE_S6, stale_key, "the seventh session is not loaded"),
    HOLDFAST_ROW(NV_RATE, deadline_exceeded, "the TPM spares its NV memory"),
    HOLDFAST_ROW(LOCKOUT, pin_locked, "the TPM is locked out after wrong auth values"),
    HOLDFAST_ROW(RETRY, deadline_exceeded, "the TPM could not begin"),
    HOLDFAST_ROW(NV_UNAVAILABLE, device_gone, "the NV memory is not available"),
};
#undef HOLDFAST_ROW

#define HOLDFAST_ROW(name, status, text) \
  Row { TSS2_BASE_RC_##name, "TSS2_BASE_RC_" #name, Status::status, text }

// tss2_common.h: what the software between us and the TPM answers.
constexpr Row kSoftwareRows[] = {
    HOLDFAST_ROW(GENERAL_FAILURE, device_fault, "a failure without a name"),
    HOLDFAST_ROW(NOT_IMPLEMENTED, device_fault, "not implemented"),
    HOLDFAST_ROW(BAD_CONTEXT, device_gone, "the connection is not usable any more"),
    HOLDFAST_ROW(ABI_MISMATCH, device_fault, "the library's version does not fit"),
    HOLDFAST_ROW(BAD_REFERENCE, device_fault, "a pointer is missing"),
    HOLDFAST_ROW(INSUFFICIENT_BUFFER, device_fault, "the answer is longer than any TPM's"),
    HOLDFAST_ROW(BAD_SEQUENCE, device_gone, "an earlier command did not end"),
    HOLDFAST_ROW(NO_CONNECTION, device_gone, "no connection"),
    HOLDFAST_ROW(TRY_AGAIN, device_gone, "no answer yet"),
    HOLDFAST_ROW(IO_ERROR, device_gone, "input or output failed"),
    HOLDFAST_ROW(BAD_VALUE, device_fault, "a value is not acceptable"),
    HOLDFAST_ROW(NOT_PERMITTED, permission_denied, "not permitted"),
    HOLDFAST_ROW(INVALID_SESSIONS, device_fault, "the sessions do not fit"),
    HOLDFAST_ROW(NO_DECRYPT_PARAM, device_fault, "nothing to encrypt"),
    HOLDFAST_ROW(NO_ENCRYPT_PARAM, device_fault, "nothing to decrypt"),
    HOLDFAST_ROW(BAD_SIZE, device_fault, "a size is wrong"),
    HOLDFAST_ROW(MALFORMED_RESPONSE, device_fault, "the answer is malformed"),
    HOLDFAST_ROW(INSUFFICIENT_CONTEXT, device_fault, "too little memory for the context"),
    HOLDFAST_ROW(INSUFFICIENT_RESPONSE, device_gone, "the answer is cut short"),
    HOLDFAST_ROW(INCOMPATIBLE_TCTI, device_fault, "the TCTI's version does not fit"),
    HOLDFAST_ROW(NOT_SUPPORTED, device_fault, "not supported"),
    HOLDFAST_ROW(BAD_TCTI_STRUCTURE, device_fault, "the TCTI is broken"),
    HOLDFAST_ROW(MEMORY, resource_exhausted, "out of memory"),
    HOLDFAST_ROW(BAD_TR, device_fault, "an object is not known"),
    HOLDFAST_ROW(MULTIPLE_DECRYPT_SESSIONS, device_fault, "more than one session decrypts"),
    HOLDFAST_ROW(MULTIPLE_ENCRYPT_SESSIONS, device_fault, "more than one session encrypts"),
    HOLDFAST_ROW(RSP_AUTH_FAILED, device_fault, "the answer's HMAC is wrong"),
    HOLDFAST_ROW(NO_CONFIG, device_fault, "no configuration"),
    HOLDFAST_ROW(BAD_PATH, device_fault, "a path is wrong"),
    HOLDFAST_ROW(NOT_DELETABLE, device_fault, "it cannot be deleted"),
    HOLDFAST_ROW(PATH_ALREADY_EXISTS, already_exists, "the path exists"),
    HOLDFAST_ROW(KEY_NOT_FOUND, key_not_found, "no such key"),
    HOLDFAST_ROW(SIGNATURE_VERIFICATION_FAILED, device_fault, "a signature does not verify"),
    HOLDFAST_ROW(HASH_MISMATCH, device_fault, "hashes differ"),
    HOLDFAST_ROW(KEY_NOT_DUPLICABLE, device_fault, "the key cannot be duplicated"),
    HOLDFAST_ROW(PATH_NOT_FOUND, device_fault, "no such path"),
    HOLDFAST_ROW(NO_CERT, device_fault, "no certificate"),
    HOLDFAST_ROW(NO_PCR, device_fault, "no such PCR"),
    HOLDFAST_ROW(PCR_NOT_RESETTABLE, device_fault, "the PCR cannot be reset"),
    HOLDFAST_ROW(BAD_TEMPLATE, device_fault, "a template is wrong"),
    HOLDFAST_ROW(AUTHORIZATION_FAILED, pin_incorrect, "the authorisation failed"),
    HOLDFAST_ROW(AUTHORIZATION_UNKNOWN, pin_required, "an authorisation is needed"),
    HOLDFAST_ROW(NV_NOT_READABLE, device_fault, "the NV memory cannot be read"),
    HOLDFAST_ROW(NV_TOO_SMALL, device_fault, "the NV memory is too small"),
    HOLDFAST_ROW(NV_NOT_WRITEABLE, device_fault, "the NV memory cannot be written"),
    HOLDFAST_ROW(POLICY_UNKNOWN, device_fault, "the policy is not known"),
    HOLDFAST_ROW(NV_WRONG_TYPE, device_fault, "the NV memory is of another kind"),
    HOLDFAST_ROW(NAME_ALREADY_EXISTS, already_exists, "the name exists"),
    HOLDFAST_ROW(NO_TPM, token_not_found, "no TPM"),
    HOLDFAST_ROW(BAD_KEY, device_fault, "the key is not usable"),
    HOLDFAST_ROW(NO_HANDLE, device_fault, "no handle"),
    HOLDFAST_ROW(NOT_PROVISIONED, device_fault, "not provisioned"),
    HOLDFAST_ROW(ALREADY_PROVISIONED, already_exists, "provisioned already"),
    HOLDFAST_ROW(CALLBACK_NULL, device_fault, "a callback is missing"),
};
#undef HOLDFAST_ROW

bool is_from_tpm(ResponseCode code) noexcept {
  const ResponseCode layer = code & TSS2_RC_LAYER_MASK;
  return layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER;
}

bool is_format_one(ResponseCode code) noexcept { return is_from_tpm(code) && (code & TPM2_RC_FMT1) != 0; }

const Row* row_of(ResponseCode code) noexcept {
  const auto find_in = [base = base_of(code)](std::span<const Row> rows) -> const Row* {
    const auto found = std::ranges::find(rows, base, &Row::code);
    return found != rows.end() ? &*found : nullptr;
  };
  const Row* row = is_from_tpm(code) ? find_in(kTpmRows) : find_in(kSoftwareRows);
  // Success is one number. Another one of which nothing but the low bits is left says something else.
  return row != nullptr && row->status == Status::ok && code != TPM2_RC_SUCCESS ? nullptr : row;
}

template <std::size_t Capacity>
void append_number(FixedText<Capacity>& to, std::uint32_t number, int base) noexcept {
  char digits[12];
  const auto end = std::to_chars(digits, digits + sizeof digits, number, base).ptr;
  to.append({digits, static_cast<std::size_t>(end - digits)});
}

}  // namespace

ResponseCode base_of(ResponseCode code) noexcept {
  const ResponseCode low = code & 0xFFFFU;
  // Bit 6 set: a parameter, its number in bits 8 to 11. Clear: bit 11 tells a session from a handle.
  return is_format_one(code) ? low & (TPM2_RC_FMT1 | 0x3FU) : low;
}

const char* code_name(ResponseCode code) noexcept {
  const Row* row = row_of(code);
  return row != nullptr ? row->name : nullptr;
}

std::string_view layer_of(ResponseCode code) noexcept {
  switch (code & TSS2_RC_LAYER_MASK) {
    case TSS2_TPM_RC_LAYER:
      return "TPM";
    case TSS2_FEATURE_RC_LAYER:
      return "FAPI";
    case TSS2_ESAPI_RC_LAYER:
      return "ESYS";
    case TSS2_SYS_RC_LAYER:
      return "SYS";
    case TSS2_MU_RC_LAYER:
      return "MU";
    case TSS2_TCTI_RC_LAYER:
      return "TCTI";
    case TSS2_RESMGR_RC_LAYER:
      return "resource manager";
    case TSS2_RESMGR_TPM_RC_LAYER:
      return "TPM behind the resource manager";
    default:
      return "unknown layer";
  }
}

Status code_status(ResponseCode code) noexcept {
  const Row* row = row_of(code);
  return row != nullptr ? row->status : Status::device_fault;
}

Error native_failure(ResponseCode code, const char* doing) noexcept {
  const Status status = code_status(code);
  return native_failure(code, status != Status::ok ? status : Status::device_fault, doing);
}

Error native_failure(ResponseCode code, Status status, const char* doing) noexcept {
  Error error = failure(status, Layer::tpm2, doing);
  error.native = code;
  error.native_name = code_name(code);
  error.detail.append(layer_of(code));
  if (is_format_one(code)) {
    const std::uint32_t number = (code >> 8U) & 0xFU;
    const bool is_parameter = (code & TPM2_RC_P) != 0;
    const bool is_session = !is_parameter && (number & 0x8U) != 0;
    if (number != 0) {
      error.detail.append(is_parameter ? ", parameter " : is_session ? ", session " : ", handle ");
      append_number(error.detail, is_session ? number & 0x7U : number, 10);
    }
  }
  error.detail.append(": ");
  const Row* row = row_of(code);
  if (row != nullptr) {
    error.detail.append(row->text);
    error.hint = row->hint;
  } else {
    error.detail.append("code 0x");
    append_number(error.detail, code, 16);
  }
  return error;
}

bool asks_to_wait(ResponseCode code) noexcept {
  if (!is_from_tpm(code)) return false;
  const ResponseCode base = base_of(code);
  return base == TPM2_RC_RETRY || base == TPM2_RC_YIELDED || base == TPM2_RC_TESTING || base == TPM2_RC_NV_RATE;
}

bool is_wrong_auth(ResponseCode code) noexcept {
  const ResponseCode base = base_of(code);
  return is_from_tpm(code) && (base == TPM2_RC_AUTH_FAIL || base == TPM2_RC_BAD_AUTH);
}

bool is_lost_handle(ResponseCode code) noexcept {
  const ResponseCode base = base_of(code);
  return is_from_tpm(code) &&
         (base == TPM2_RC_HANDLE || (base >= TPM2_RC_REFERENCE_H0 && base <= TPM2_RC_REFERENCE_S6));
}

}  // namespace holdfast::hal::tpm2
