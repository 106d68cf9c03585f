// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/token.hpp"

#include "hal/display.hpp"
#include "hal/pkcs11/errors.hpp"

#include <charconv>

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kLooking = "looking for the token";
constexpr std::size_t kMaxSlots = 256;

struct SlotList {
  std::array<CK_SLOT_ID, kMaxSlots> ids{};
  std::size_t count = 0;
};

Result<SlotList> list_slots(const Calls& calls) noexcept {
  // The first call, without room, is what makes a module look for tokens that came or went (PKCS#11 v3.0 §5.5.1).
  CK_ULONG count = 0;
  CK_RV code = calls.C_GetSlotList(CK_TRUE, nullptr, &count);
  if (code != CKR_OK) return native_failure(code, kLooking);
  SlotList slots;
  count = slots.ids.size();
  code = calls.C_GetSlotList(CK_TRUE, slots.ids.data(), &count);
  if (code == CKR_BUFFER_TOO_SMALL || count > slots.ids.size()) {
    return native_failure(code, Status::device_fault, kLooking).about("the module has more than 256 tokens");
  }
  if (code != CKR_OK) return native_failure(code, kLooking);
  slots.count = count;
  return slots;
}

template <std::size_t Capacity>
bool agrees(const FixedText<Capacity>& wanted, std::string_view has) noexcept {
  return wanted.empty() || wanted.view() == has;
}

bool is_initialised(const Token& token) noexcept { return (token.info.flags & CKF_TOKEN_INITIALIZED) != 0; }

void append_match(FixedText<190>& detail, const Token& token) noexcept {
  if (!detail.empty()) detail.append(", ");
  append_printable(detail, field(token.info.label));
  detail.append(" (serial ");
  append_printable(detail, field(token.info.serialNumber));
  detail.append(")");
}

// A slot whose token cannot be read is left out of the search, but remembered: it may be the one that is meant.
template <typename Visit>
Result<CK_RV> for_each_token(const Calls& calls, Visit visit) noexcept {
  const SlotList slots = HOLDFAST_TRY(list_slots(calls));
  CK_RV unread = CKR_OK;
  for (std::size_t i = 0; i < slots.count; ++i) {
    Token token;
    token.slot = slots.ids[i];
    const CK_RV code = calls.C_GetTokenInfo(token.slot, &token.info);
    if (code == CKR_OK) {
      visit(token);
    } else if (code == CKR_CRYPTOKI_NOT_INITIALIZED) {
      return native_failure(code, kLooking);
    } else {
      unread = code;
    }
  }
  return unread;
}

bool is_software_token(const CK_TOKEN_INFO& token, const CK_INFO& library) noexcept {
  // Modules that hold the key in the memory of the process that loads them. It is their own word: one that is not
  // listed may do the same.
  constexpr std::string_view kSoftware[] = {"SoftHSM", "Mozilla Foundation", "Kryoptic"};
  return std::ranges::any_of(kSoftware, [&](std::string_view name) {
    return field(token.manufacturerID).starts_with(name) || field(library.manufacturerID).starts_with(name);
  });
}

bool can_sign(const Calls& calls, CK_SLOT_ID slot, CK_MECHANISM_TYPE mechanism) noexcept {
  // Asked of the mechanism and not of the interface's version: SoftHSM 2.6 says 2.40 and has the Edwards mechanisms.
  // Its key sizes are wrong (256 to 456), so they are not looked at.
  CK_MECHANISM_INFO info{};
  return calls.C_GetMechanismInfo(slot, mechanism, &info) == CKR_OK && (info.flags & CKF_SIGN) != 0;
}

void append_version(FixedText<96>& text, const CK_VERSION& version) noexcept {
  const auto number = [&text](unsigned value) {
    char digits[4];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    text.append({digits, static_cast<std::size_t>(end - digits)});
  };
  text.append(" ");
  number(version.major);
  text.append(".");
  number(version.minor);
}

}  // namespace

bool matches(const KeyUri& uri, const Token& token) noexcept {
  return agrees(uri.token, field(token.info.label)) && agrees(uri.serial, field(token.info.serialNumber)) &&
         agrees(uri.manufacturer, field(token.info.manufacturerID)) && agrees(uri.model, field(token.info.model)) &&
         (!uri.slot || *uri.slot == token.slot);
}

Result<Token> select_token(const Calls& calls, const KeyUri& uri) noexcept {
  Token found;
  std::size_t count = 0;
  FixedText<190> listed;
  FixedText<190> others;
  const CK_RV unread = HOLDFAST_TRY(for_each_token(calls, [&](const Token& token) noexcept {
    if (!is_initialised(token)) return;
    append_match(matches(uri, token) ? listed : others, token);
    if (matches(uri, token) && count++ == 0) found = token;
  }));
  if (count > 1) return failure(Status::ambiguous_match, Layer::pkcs11, kLooking).about(listed.view());
  if (count == 1) return found;
  Error error = unread != CKR_OK ? native_failure(unread, Status::token_not_found, kLooking)
                                 : failure(Status::token_not_found, Layer::pkcs11, kLooking);
  if (!uri.token.empty()) {
    error.detail.append("token ");
    append_printable(error.detail, uri.token.view());
  }
  if (unread == CKR_OK) {
    error.detail.append(error.detail.empty() ? "the module shows " : "; the module shows ");
    error.detail.append(others.empty() ? "no token that is initialised" : others.view());
    error.hint =
        "name a token that is there; SoftHSM shows those that this user may read in the folder of its configuration "
        "(SOFTHSM2_CONF)";
  }
  return error;
}

Result<std::size_t> find_tokens(const Calls& calls, const KeyUri& uri, std::span<Token> out) noexcept {
  std::size_t count = 0;
  const CK_RV unread = HOLDFAST_TRY(for_each_token(calls, [&](const Token& token) noexcept {
    if (!matches(uri, token)) return;
    if (count < out.size()) out[count] = token;
    ++count;
  }));
  if (count == 0 && unread != CKR_OK) return native_failure(unread, kLooking);
  return count;
}

KeyUri uri_of(const Token& token, const KeyUri& uri) noexcept {
  KeyUri own = uri;
  own.token = FixedText<32>(field(token.info.label));
  own.serial = FixedText<16>(field(token.info.serialNumber));
  own.manufacturer = FixedText<32>(field(token.info.manufacturerID));
  own.model = FixedText<16>(field(token.info.model));
  own.object.clear();
  own.id.size = 0;
  own.slot.reset();
  // A blank token has no name and often no serial yet: its slot is all there is to tell it from another.
  if (!is_initialised(token)) {
    own.token.clear();
    own.slot = token.slot;
  }
  return own;
}

TokenDescription describe(const Calls& calls, const Token& token, const KeyUri& uri) noexcept {
  TokenDescription description;
  append_printable(description.label, field(token.info.label));
  append_printable(description.manufacturer, field(token.info.manufacturerID));
  append_printable(description.model, field(token.info.model));
  append_printable(description.serial, field(token.info.serialNumber));
  if (const auto text = write_uri(uri_of(token, uri))) description.uri = *text;

  CK_INFO library{};
  if (calls.C_GetInfo(&library) == CKR_OK) {
    append_printable(description.library, field(library.manufacturerID));
    append_version(description.library, library.libraryVersion);
  }
  const CK_FLAGS flags = token.info.flags;
  description.is_initialised = is_initialised(token);
  if (!description.is_initialised) description.label.clear();
  description.needs_login = (flags & CKF_LOGIN_REQUIRED) != 0;
  description.has_protected_authentication_path = (flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
  description.pin_count_low = (flags & CKF_USER_PIN_COUNT_LOW) != 0;
  description.pin_final_try = (flags & CKF_USER_PIN_FINAL_TRY) != 0;
  description.pin_locked = (flags & CKF_USER_PIN_LOCKED) != 0;
  description.is_software = is_software_token(token.info, library);
  description.can_ed25519 = can_sign(calls, token.slot, CKM_EDDSA);
  description.can_es256 = can_sign(calls, token.slot, CKM_ECDSA);
  return description;
}

}  // namespace holdfast::hal::pkcs11
