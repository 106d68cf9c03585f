// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/pkcs11_remedies.hpp"

#include <p11-kit/pkcs11.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

namespace holdfast::fault {
namespace {

using Kind = test::ShimFault::Kind;

constexpr NativeCode kHeaderCodes[] = {
#include "cryptoki_codes.inc"
};

// PKCS#11 3.0, 3.1 and 3.2, "return values": the header is of 2.40 with some of 3.0.
constexpr NativeCode kNewerCodes[] = {
    {"CKR_AEAD_DECRYPT_FAILED", 0x42},
    {"CKR_TOKEN_RESOURCE_EXCEEDED", 0x201},
    {"CKR_OPERATION_CANCEL_FAILED", 0x202},
    {"CKR_KEY_EXHAUSTED", 0x203},
    {"CKR_PENDING", 0x204},
    {"CKR_SESSION_ASYNC_NOT_SUPPORTED", 0x205},
    {"CKR_SEED_RANDOM_REQUIRED", 0x206},
    {"CKR_OPERATION_NOT_VALIDATED", 0x207},
    {"CKR_TOKEN_NOT_INITIALIZED", 0x208},
    {"CKR_PARAMETER_SET_NOT_SUPPORTED", 0x209},
    {"CKR_VENDOR_DEFINED + 0x1234", CKR_VENDOR_DEFINED + 0x1234},
};

constexpr unsigned long kOfEachKind[] = {
    CKR_OK,
    CKR_HOST_MEMORY,
    CKR_GENERAL_ERROR,
    CKR_FUNCTION_FAILED,
    CKR_ATTRIBUTE_TYPE_INVALID,
    CKR_DEVICE_REMOVED,
    CKR_MECHANISM_INVALID,
    CKR_PIN_INCORRECT,
};

template <std::size_t Size>
bool is_in(unsigned long code, const unsigned long (&codes)[Size]) {
  return std::ranges::find(codes, code) != std::ranges::end(codes);
}

// The token, the session or the login is not there any more; a new connection brings it back.
constexpr unsigned long kLost[] = {
    CKR_SLOT_ID_INVALID,       CKR_GENERAL_ERROR,      CKR_DEVICE_ERROR,           CKR_DEVICE_REMOVED,
    CKR_TOKEN_NOT_PRESENT,     CKR_SESSION_CLOSED,     CKR_SESSION_HANDLE_INVALID, CKR_CRYPTOKI_NOT_INITIALIZED,
    CKR_OBJECT_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN,
};
constexpr unsigned long kForAPerson[] = {
    CKR_CANCEL,
    CKR_NEED_TO_CREATE_THREADS,
    CKR_CANT_LOCK,
    CKR_ATTRIBUTE_SENSITIVE,
    CKR_ACTION_PROHIBITED,
    CKR_FUNCTION_CANCELED,
    CKR_FUNCTION_NOT_SUPPORTED,
    CKR_KEY_FUNCTION_NOT_PERMITTED,
    CKR_KEY_NOT_WRAPPABLE,
    CKR_KEY_UNEXTRACTABLE,
    CKR_PIN_INCORRECT,
    CKR_PIN_INVALID,
    CKR_PIN_LEN_RANGE,
    CKR_PIN_EXPIRED,
    CKR_PIN_LOCKED,
    CKR_SESSION_EXISTS,
    CKR_SESSION_READ_ONLY_EXISTS,
    CKR_SESSION_READ_WRITE_SO_EXISTS,
    CKR_TOKEN_NOT_RECOGNIZED,
    CKR_TOKEN_WRITE_PROTECTED,
    CKR_USER_PIN_NOT_INITIALIZED,
    CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
    CKR_USER_TOO_MANY_TYPES,
    CKR_INFORMATION_SENSITIVE,
    CKR_CRYPTOKI_ALREADY_INITIALIZED,
    CKR_MUTEX_BAD,
    CKR_MUTEX_NOT_LOCKED,
    CKR_NEW_PIN_MODE,
    CKR_NEXT_OTP,
    CKR_LIBRARY_LOAD_FAILED,
    CKR_FUNCTION_REJECTED,
};
constexpr unsigned long kWrongKind[] = {
    CKR_KEY_SIZE_RANGE,        CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
    CKR_DOMAIN_PARAMS_INVALID, CKR_CURVE_NOT_SUPPORTED,   CKR_PIN_TOO_WEAK,
};
// "The attributes are not to my taste": key generation asks again with fewer of them.
constexpr unsigned long kAboutTheTemplate[] = {
    CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT,
    CKR_TEMPLATE_INCOMPLETE,    CKR_ARGUMENTS_BAD,           CKR_FUNCTION_FAILED,
};
// Tokens that want the curve by its name say one of these to its OID.
constexpr unsigned long kAboutTheCurve[] = {CKR_DOMAIN_PARAMS_INVALID, CKR_CURVE_NOT_SUPPORTED,
                                            CKR_MECHANISM_PARAM_INVALID, CKR_GENERAL_ERROR};
constexpr unsigned long kNobodyThere[] = {CKR_DEVICE_REMOVED,           CKR_TOKEN_NOT_PRESENT,
                                          CKR_SESSION_CLOSED,           CKR_SESSION_HANDLE_INVALID,
                                          CKR_CRYPTOKI_NOT_INITIALIZED, CKR_USER_NOT_LOGGED_IN};

// "Could not be performed", without a word why (PKCS#11 v3.0 §5.1.1 of CKR_FUNCTION_FAILED; of a vendor's code
// nothing is said at all), a token that is not known any more, an operation that is not in the state this session
// left it in. Using a key needs an answer all the same: a new connection is the one thing that can help and does no
// harm. Anywhere else, where nothing is repeated, it stays what it is.
constexpr unsigned long kUnexplained[] = {CKR_FUNCTION_FAILED, CKR_TOKEN_NOT_RECOGNIZED, CKR_OPERATION_ACTIVE,
                                          CKR_OPERATION_NOT_INITIALIZED};

constexpr unsigned long kModuleUnusable[] = {
    CKR_NEED_TO_CREATE_THREADS,       CKR_CANT_LOCK, CKR_FUNCTION_NOT_SUPPORTED,
    CKR_CRYPTOKI_ALREADY_INITIALIZED, CKR_MUTEX_BAD, CKR_MUTEX_NOT_LOCKED,
    CKR_LIBRARY_LOAD_FAILED};

bool is_unexplained(unsigned long code) { return is_in(code, kUnexplained) || (code & CKR_VENDOR_DEFINED) != 0; }

RemedySet remedy_of(unsigned long code) {
  if (code == CKR_OK)
    return kAnyRemedy;  // nothing was done or written: whatever comes of it, but no crash and no lie
  if (is_in(code, kLost)) return Remedy::reconnect;
  if (is_in(code, kForAPerson)) return Remedy::ask_person;
  if (is_in(code, kWrongKind)) return Remedy::fix_call;
  return Remedy::stop;
}

bool is_one_of_codes(unsigned long code, std::initializer_list<unsigned long> codes) {
  return std::ranges::find(codes, code) != codes.end();
}

bool is_one_of(std::string_view function, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, function) != names.end();
}

RemedySet cured_or_told(unsigned long code) {
  const bool is_shortage = is_one_of_codes(code, {CKR_HOST_MEMORY, CKR_DEVICE_MEMORY, CKR_SESSION_COUNT});
  return is_in(code, kLost) || is_shortage ? RemedySet(Remedy::none) : remedy_of(code);
}

// Nothing is repeated: each failure is its caller's to judge.
RemedySet remedies_in_step(std::string_view chapter, std::string_view function, unsigned long code) {
  const RemedySet plain = remedy_of(code);
  // A module that cannot be initialised needs a person.
  if (function == "C_Initialize") return Remedy::ask_person;
  // A slot that cannot be read is passed over; it may have been the one that is meant.
  if (function == "C_GetTokenInfo") return plain | Remedy::none | Remedy::ask_person | Remedy::reconnect;
  if (function == "C_GetAttributeValue") {
    // `none`: while it is looked whether a removed key is gone.
    if (is_in(code, kLost)) return plain | Remedy::none;
    return kAnyRemedy;
  }
  if (function == "C_GenerateKeyPair" && (is_in(code, kAboutTheTemplate) || is_in(code, kAboutTheCurve))) {
    return plain | Remedy::none;
  }
  // Whether a disposable key is gone could not be seen, so it is said to be there.
  // An object that is not there any more is gone, which is what was to be seen.
  if (chapter == "provision" && function.starts_with("C_FindObjects")) {
    const bool is_gone = is_one_of_codes(code, {CKR_OBJECT_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID});
    return is_gone ? plain | Remedy::stop | RemedySet(Remedy::none) : plain | Remedy::stop;
  }
  // A token that cannot copy leaves the copy untried: the other ways to export are what is asked about. One that is
  // not there any more may be met by the next call, if it says so again.
  if (function == "C_CopyObject") return plain | Remedy::none;
  if (is_one_of(function, {"C_CreateObject", "C_SetAttributeValue", "C_WrapKey"})) {
    // An attempt to export that did not work is what is hoped for, unless nothing was there to try it on.
    return is_in(code, kNobodyThere) ? plain : plain | Remedy::none;
  }
  // Whatever it was: a disposable key is still there.
  if (function == "C_DestroyObject" && chapter == "provision") return Remedy::stop;
  // While opening for use. Not at C_Login: an unexplained answer there may be a refused PIN, which no reset helps.
  if (function == "C_OpenSession" && is_unexplained(code) && chapter != "init") return Remedy::reconnect;
  if (function.starts_with("C_FindObjects") && is_unexplained(code)) return plain | Remedy::reconnect;
  return plain;
}

// The signer's ladder (design.md §6) finds again, resets and waits until the call's deadline, and in virtual time
// there is enough of that: whatever one fault takes away is back before the caller hears of it. Heard is what no rung
// helps against.
RemedySet remedies_in_climb(std::string_view function, unsigned long code) {
  // The PIN may have been judged: it is not tried again, whatever the code (§6: the first refusal latches).
  if (function == "C_Login" && code == CKR_TOKEN_NOT_RECOGNIZED) return Remedy::none;
  if (function == "C_Login") return may_have_judged_pin(Moment::climb, code) ? remedy_of(code) : cured_or_told(code);
  // A module that is back already and cannot be initialised yet, a slot that cannot be read yet: the next rung.
  if (function == "C_Initialize") return Remedy::none;
  if (function == "C_GetTokenInfo") return remedy_of(code) | Remedy::none;
  if (function == "C_GetAttributeValue" && !is_in(code, kLost)) return kAnyRemedy;
  // A module that was just initialised anew and cannot be used yet may be able to a little later. (Not while signing:
  // it was in use then.)
  if (!is_one_of(function, {"C_SignInit", "C_Sign"}) && is_in(code, kModuleUnusable)) return Remedy::none;
  return is_unexplained(code) ? Remedy::none : cured_or_told(code);
}

}  // namespace

std::span<const NativeCode> cryptoki_codes() {
  static const std::vector<NativeCode> all = [] {
    std::vector<NativeCode> codes(std::begin(kHeaderCodes), std::end(kHeaderCodes));
    for (const NativeCode& newer : kNewerCodes) {
      if (std::ranges::find(codes, newer.value, &NativeCode::value) == codes.end()) codes.push_back(newer);
    }
    return codes;
  }();
  return all;
}

std::span<const NativeCode> cryptoki_codes_of_each_kind() {
  static const std::vector<NativeCode> some = [] {
    std::vector<NativeCode> codes;
    for (const unsigned long value : kOfEachKind) {
      codes.push_back(*std::ranges::find(cryptoki_codes(), value, &NativeCode::value));
    }
    return codes;
  }();
  return some;
}

std::string code_text(unsigned long code) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "0x%lx", code);
  return text.data();
}

RemedySet remedies_for(std::string_view chapter, Moment moment, const test::ShimCall& call,
                       const test::ShimFault& fault) {
  const std::string_view function = call.function;
  // A delay is nobody's fault; but who is in the middle of the ladder when the deadline has passed climbs on in the
  // next call.
  if (fault.kind == Kind::meanwhile) {
    return moment == Moment::climb ? Remedy::none | Remedy::wait | RemedySet(Remedy::reconnect) : Remedy::none;
  }
  // Lies are believed where nothing can be known, refused where it can, and never end in a wrong header.
  if (fault.kind == Kind::length || fault.kind == Kind::garble) return kAnyRemedy;
  if (fault.value == CKR_OK) return remedy_of(CKR_OK);
  // On the way out, or asked for a description only: nothing depends on the answer.
  if (moment == Moment::closing ||
      is_one_of(function, {"C_Finalize", "C_CloseSession", "C_Logout", "C_GetInfo", "C_GetMechanismInfo"})) {
    return Remedy::none;
  }
  // The module says so, too, when the PIN is wrong and somebody is logged in; it is not sent again to find out.
  if (function == "C_Login" && fault.value == CKR_USER_ALREADY_LOGGED_IN) return kAnyRemedy;
  return moment == Moment::climb ? remedies_in_climb(function, fault.value)
                                 : remedies_in_step(chapter, function, fault.value);
}

bool may_have_judged_pin(Moment moment, unsigned long code) {
  // Lost in the middle of the call.
  if (is_in(code, {CKR_GENERAL_ERROR, CKR_DEVICE_ERROR, CKR_DEVICE_REMOVED, CKR_SESSION_CLOSED})) {
    return moment != Moment::climb;
  }
  return !is_in(code, {CKR_OK, CKR_HOST_MEMORY, CKR_SLOT_ID_INVALID, CKR_DEVICE_MEMORY, CKR_SESSION_HANDLE_INVALID,
                       CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED, CKR_USER_ALREADY_LOGGED_IN,
                       CKR_USER_PIN_NOT_INITIALIZED, CKR_USER_ANOTHER_ALREADY_LOGGED_IN, CKR_USER_TOO_MANY_TYPES,
                       CKR_CRYPTOKI_NOT_INITIALIZED});
}

}  // namespace holdfast::fault
