// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/tpm2_remedies.hpp"

#include <tss2/tss2_common.h>
#include <tss2/tss2_tpm2_types.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace holdfast::fault {
namespace {

using Kind = test::TctiFault::Kind;

struct Defined {
  const char* name;
  std::uint32_t value;
};

constexpr Defined kHeaderCodes[] = {
#include "tpm_codes.inc"
};

// Not codes but parts of them, and marks.
bool is_a_code(const Defined& row) {
  constexpr std::string_view kParts[] = {"TPM2_RC_VER1", "TPM2_RC_FMT1",   "TPM2_RC_WARN", "TPM2_RC_MAX_FM0",
                                         "TPM2_RC_H",    "TPM2_RC_P",      "TPM2_RC_S",    "TPM2_RC_N_MASK",
                                         "TPM2_RC_RC",   "TPM2_RC_SUCCESS"};
  const std::string_view name = row.name;
  // TPM2_RC_1 to TPM2_RC_F
  return name.size() > 9 && std::ranges::find(kParts, name) == std::ranges::end(kParts);
}

bool is_from_tcti(std::uint32_t code) { return code >> 16U != 0; }

std::uint32_t base_of(std::uint32_t code) {
  return (code & TPM2_RC_FMT1) != 0 ? code & (TPM2_RC_FMT1 | 0x3FU) : code;
}

template <std::size_t Size>
bool is_in(std::uint32_t code, const std::uint32_t (&codes)[Size]) {
  return std::ranges::find(codes, base_of(code)) != std::ranges::end(codes);
}

constexpr std::uint32_t kOnceMore[] = {TPM2_RC_YIELDED, TPM2_RC_TESTING, TPM2_RC_NV_RATE, TPM2_RC_RETRY};
constexpr std::uint32_t kNotLoaded[] = {
    TPM2_RC_REFERENCE_H0, TPM2_RC_REFERENCE_H1, TPM2_RC_REFERENCE_H2, TPM2_RC_REFERENCE_H3, TPM2_RC_REFERENCE_H4,
    TPM2_RC_REFERENCE_H5, TPM2_RC_REFERENCE_H6, TPM2_RC_REFERENCE_S0, TPM2_RC_REFERENCE_S1, TPM2_RC_REFERENCE_S2,
    TPM2_RC_REFERENCE_S3, TPM2_RC_REFERENCE_S4, TPM2_RC_REFERENCE_S5, TPM2_RC_REFERENCE_S6,
};
constexpr std::uint32_t kLost[] = {TPM2_RC_INITIALIZE, TPM2_RC_REBOOT, TPM2_RC_NV_UNAVAILABLE};
// Somebody else has the slots, the sessions or the memory.
constexpr std::uint32_t kFull[] = {TPM2_RC_CONTEXT_GAP, TPM2_RC_OBJECT_MEMORY,   TPM2_RC_SESSION_MEMORY,
                                   TPM2_RC_MEMORY,      TPM2_RC_SESSION_HANDLES, TPM2_RC_OBJECT_HANDLES,
                                   TPM2_RC_NV_SPACE};
constexpr std::uint32_t kForAPerson[] = {
    TPM2_RC_DISABLED,  TPM2_RC_PCR,        TPM2_RC_PCR_CHANGED,      TPM2_RC_AUTH_UNAVAILABLE,
    TPM2_RC_NV_LOCKED, TPM2_RC_NV_DEFINED, TPM2_RC_NV_AUTHORIZATION, TPM2_RC_ATTRIBUTES,
    TPM2_RC_HIERARCHY, TPM2_RC_TYPE,       TPM2_RC_HANDLE,           TPM2_RC_AUTH_FAIL,
    TPM2_RC_PP,        TPM2_RC_KEY,        TPM2_RC_POLICY_FAIL,      TPM2_RC_INTEGRITY,
    TPM2_RC_TICKET,    TPM2_RC_BAD_AUTH,   TPM2_RC_EXPIRED,          TPM2_RC_POLICY_CC,
    TPM2_RC_BINDING,   TPM2_RC_LOCALITY,   TPM2_RC_LOCKOUT,
};
constexpr std::uint32_t kWrongKind[] = {TPM2_RC_ASYMMETRIC, TPM2_RC_HASH, TPM2_RC_KEY_SIZE, TPM2_RC_SCHEME,
                                        TPM2_RC_CURVE};

RemedySet remedy_of(std::uint32_t code) {
  if (is_from_tcti(code) || is_in(code, kLost) || is_in(code, kNotLoaded)) return Remedy::reconnect;
  if (is_in(code, kOnceMore)) return Remedy::none;  // it waits a little and does it again
  if (code == TPM2_RC_CANCELED) return Remedy::wait;
  if (is_in(code, kForAPerson)) return Remedy::ask_person;
  if (is_in(code, kWrongKind)) return Remedy::fix_call;
  return Remedy::stop;
}

bool returns_handle(std::uint32_t command) {
  return command == TPM2_CC_CreatePrimary || command == TPM2_CC_Load || command == TPM2_CC_StartAuthSession;
}

}  // namespace

const std::vector<TpmCode>& tpm_codes() {
  static const std::vector<TpmCode> all = [] {
    std::vector<TpmCode> codes;
    for (const Defined& row : kHeaderCodes) {
      if (!is_a_code(row)) continue;
      codes.push_back({row.name, row.value});
      if ((row.value & TPM2_RC_FMT1) == 0) continue;
      codes.push_back({row.name + std::string("+P+1"), row.value + TPM2_RC_P + TPM2_RC_1});
      codes.push_back({row.name + std::string("+H+1"), row.value + TPM2_RC_H + TPM2_RC_1});
      codes.push_back({row.name + std::string("+S+1"), row.value + TPM2_RC_S + TPM2_RC_1});
    }
    for (std::uint32_t base = TSS2_BASE_RC_GENERAL_FAILURE; base <= TSS2_BASE_RC_MEMORY; ++base) {
      codes.push_back({"TCTI " + std::to_string(base), TSS2_TCTI_RC_LAYER + base});
    }
    codes.push_back({"not defined", 0x17E});
    return codes;
  }();
  return all;
}

const std::vector<TpmCode>& tpm_codes_of_each_kind() {
  static const std::vector<TpmCode> some = [] {
    constexpr std::uint32_t kValues[] = {
        TPM2_RC_INITIALIZE,
        TPM2_RC_FAILURE,
        TPM2_RC_AUTH_UNAVAILABLE,
        TPM2_RC_COMMAND_CODE,
        TPM2_RC_VALUE + TPM2_RC_P + TPM2_RC_1,
        TPM2_RC_HANDLE + TPM2_RC_H + TPM2_RC_1,
        TPM2_RC_AUTH_FAIL + TPM2_RC_S + TPM2_RC_1,
        TPM2_RC_SCHEME,
        TPM2_RC_OBJECT_MEMORY,
        TPM2_RC_CANCELED,
        TPM2_RC_REFERENCE_H0,
        TPM2_RC_LOCKOUT,
        TPM2_RC_RETRY,
        TSS2_TCTI_RC_IO_ERROR,
        TSS2_TCTI_RC_TRY_AGAIN,
    };
    std::vector<TpmCode> codes;
    for (const std::uint32_t value : kValues)
      codes.push_back(*std::ranges::find(tpm_codes(), value, &TpmCode::value));
    return codes;
  }();
  return some;
}

std::string command_name(std::uint32_t code) {
  switch (code) {
#define HOLDFAST_COMMAND(name) \
  case TPM2_CC_##name:         \
    return #name;
    HOLDFAST_COMMAND(GetCapability)
    HOLDFAST_COMMAND(ReadPublic)
    HOLDFAST_COMMAND(CreatePrimary)
    HOLDFAST_COMMAND(Create)
    HOLDFAST_COMMAND(Load)
    HOLDFAST_COMMAND(Sign)
    HOLDFAST_COMMAND(FlushContext)
    HOLDFAST_COMMAND(StartAuthSession)
    HOLDFAST_COMMAND(EvictControl)
    HOLDFAST_COMMAND(PolicyCommandCode)
    HOLDFAST_COMMAND(Duplicate)
    HOLDFAST_COMMAND(ECDH_ZGen)
    HOLDFAST_COMMAND(Unseal)
#undef HOLDFAST_COMMAND
    default:
      std::array<char, 16> text{};
      std::snprintf(text.data(), text.size(), "0x%x", code);
      return text.data();
  }
}

RemedySet remedies_for(Moment moment, const test::TctiCall& call, const test::TctiFault& fault) {
  // A delay is nobody's fault; but who is in the middle of the ladder when the deadline has passed climbs on in the
  // next call.
  if (fault.kind == Kind::meanwhile) {
    return moment == Moment::climb ? Remedy::none | Remedy::wait | RemedySet(Remedy::reconnect) : Remedy::none;
  }
  // A garbled answer is one that nobody can read: no header comes of it, and whatever is said is said.
  if (fault.kind != Kind::answer && fault.kind != Kind::lose_answer) return kAnyRemedy;
  if (moment == Moment::closing) return Remedy::none;
  // "Once more" after it was done: what it was done with may be used up.
  if (fault.kind == Kind::lose_answer && is_in(fault.value, kOnceMore)) return kAnyRemedy;
  // Nothing has the handle: it was never right, or the TPM was reset since.
  const bool is_handle = !is_from_tcti(fault.value) && base_of(fault.value) == TPM2_RC_HANDLE;
  const RemedySet plain = is_handle ? remedy_of(fault.value) | Remedy::reconnect : remedy_of(fault.value);
  const bool is_away = plain.contains(Remedy::reconnect);
  // The signer's ladder (design.md §6) finds again, connects anew and waits until the call's deadline: whatever one
  // fault takes away is back before the caller hears of it.
  const bool is_cured = moment == Moment::climb && (is_away || is_in(fault.value, kFull));
  switch (call.code) {
    // Giving back: nobody is told, but a connection that broke is noticed by what comes next.
    case TPM2_CC_FlushContext:
      return is_cured ? RemedySet(Remedy::none) : Remedy::none | Remedy::reconnect;
    // Whether there is something at a handle, and whether it is what is looked for: if not, another way is taken.
    case TPM2_CC_ReadPublic:
      return is_cured ? RemedySet(Remedy::none) : plain | Remedy::none | Remedy::reconnect;
    // An attempt to export that did not work is what is hoped for.
    case TPM2_CC_Duplicate:
    case TPM2_CC_ECDH_ZGen:
    case TPM2_CC_Unseal:
      return is_from_tcti(fault.value) || fault.value == TPM2_RC_CANCELED ? plain : Remedy::none;
    default:
      return is_cured ? RemedySet(Remedy::none) : plain;
  }
}

bool may_have_judged_auth(const test::TctiFault& fault) {
  return (fault.kind == Kind::answer || fault.kind == Kind::lose_answer) && !is_from_tcti(fault.value) &&
         (base_of(fault.value) == TPM2_RC_AUTH_FAIL || base_of(fault.value) == TPM2_RC_BAD_AUTH);
}

bool keeps_in_tpm(Moment moment, const test::TctiCall& call, const test::TctiFault& fault) {
  if (fault.kind == Kind::meanwhile) return false;
  // A connection that broke took the knowledge of its sessions with it; a resource manager cleans up behind it.
  const bool is_broken =
      (fault.kind == Kind::answer || fault.kind == Kind::lose_answer) ? is_from_tcti(fault.value) : true;
  if (is_broken) return true;
  if (moment == Moment::climb) {
    // The ladder ends at a refused auth value, and so before the connection that was lost is made anew; and whether
    // something of before is still there is asked with TPM2_ReadPublic, whose answer is believed.
    if (may_have_judged_auth(fault)) return true;
    if (call.code == TPM2_CC_ReadPublic &&
        (is_in(fault.value, kNotLoaded) || base_of(fault.value) == TPM2_RC_HANDLE)) {
      return true;
    }
  }
  if (call.code == TPM2_CC_FlushContext) return fault.kind == Kind::answer;
  return returns_handle(call.code) && fault.kind == Kind::lose_answer;
}

}  // namespace holdfast::fault
