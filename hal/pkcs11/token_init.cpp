// SPDX-License-Identifier: Apache-2.0
#include "hal/display.hpp"
#include "hal/pipe_shield.hpp"
#include "hal/pkcs11/backend.hpp"
#include "hal/pkcs11/errors.hpp"
#include "hal/pkcs11/login.hpp"
#include "hal/pkcs11/module.hpp"
#include "hal/pkcs11/module_choice.hpp"
#include "hal/pkcs11/token.hpp"

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kInitialising = "initialising a token";
constexpr std::size_t kMaxTokens = 64;
constexpr std::size_t kLabelSize = sizeof CK_TOKEN_INFO{}.label;

bool is_initialised(const Token& token) noexcept { return (token.info.flags & CKF_TOKEN_INITIALIZED) != 0; }
bool has_pad(const Token& token) noexcept { return (token.info.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0; }

Result<void> check_label(std::string_view label) noexcept {
  if (!label.empty() && label.size() <= kLabelSize && is_printable(label) && label.back() != ' ') return {};
  return failure(Status::invalid_argument, Layer::pkcs11, kInitialising)
      .about("a token's label is 1 to 32 bytes of UTF-8, without control characters and not ending in a blank");
}

struct Tokens {
  std::array<Token, kMaxTokens> tokens;
  std::size_t count = 0;
  [[nodiscard]] std::span<const Token> view() const noexcept { return {tokens.data(), count}; }
};

Result<Tokens> find(const Calls& calls, const KeyUri& uri) noexcept {
  Tokens found;
  found.count = std::min(HOLDFAST_TRY(find_tokens(calls, uri, found.tokens)), found.tokens.size());
  return found;
}

Error ambiguous(const Tokens& found, std::string_view what) noexcept {
  Error error = failure(Status::ambiguous_match, Layer::pkcs11, kInitialising).about(what);
  for (const Token& token : found.view()) {
    error.detail.append(" ");
    append_printable(error.detail, field(token.info.label));
    error.detail.append("/");
    append_printable(error.detail, field(token.info.serialNumber));
  }
  return error;
}

// The token the URI names, or, if it names none, a blank one: SoftHSM always has one, and of several blank ones
// nothing is lost by the wrong choice.
Result<Token> choose(const Calls& calls, const KeyUri& uri) noexcept {
  const Tokens found = HOLDFAST_TRY(find(calls, uri));
  const bool is_named =
      !uri.token.empty() || !uri.serial.empty() || uri.slot || !uri.manufacturer.empty() || !uri.model.empty();
  const auto blank = std::ranges::find_if_not(found.view(), is_initialised);
  if (blank != found.view().end() && uri.token.empty()) return *blank;
  if (is_named && found.count == 1) return found.tokens[0];
  if (is_named && found.count > 1) return ambiguous(found, "these match:");
  return failure(Status::token_not_found, Layer::pkcs11, kInitialising)
      .about(is_named ? "no token in the module matches" : "the module has no blank token")
      .with_hint("see what is there with: holdfast token list; to erase one, name its serial= and give --erase");
}

Result<void> check_consent(const Calls& calls, const KeyUri& uri, const Token& chosen,
                           const TokenInitOptions& options) noexcept {
  if (is_initialised(chosen) && !options.erase_existing) {
    Error error = failure(Status::already_exists, Layer::pkcs11, kInitialising);
    error.detail.append("the token ");
    append_printable(error.detail, field(chosen.info.label));
    error.detail.append(" is initialised; doing it again destroys every key in it");
    error.hint = "name another token, or give --erase (erase_existing), which destroys every key on this one";
    return error;
  }
  // Two tokens with one label could be told apart by nobody who writes token= alone.
  KeyUri same_label;
  same_label.module_path = uri.module_path;
  same_label.token = FixedText<32>(options.label);
  const Tokens others = HOLDFAST_TRY(find(calls, same_label));
  for (const Token& other : others.view()) {
    if (is_initialised(other) && other.slot != chosen.slot) {
      Error error = failure(Status::already_exists, Layer::pkcs11, kInitialising);
      error.detail.append("a token with the label ");
      append_printable(error.detail, options.label);
      return error;
    }
  }
  return {};
}

Result<void> check_length(const SecretBytes& pin, const Token& token, std::string_view whose) noexcept {
  const CK_ULONG least = token.info.ulMinPinLen;
  const CK_ULONG most = token.info.ulMaxPinLen;
  const bool is_stated = most != CK_UNAVAILABLE_INFORMATION && most != 0 && least <= most;
  if (!is_stated || (pin.size() >= least && pin.size() <= most)) return {};
  return failure(Status::invalid_argument, Layer::pkcs11, kInitialising)
      .about(whose)
      .with_hint("choose a PIN of a length that the token takes (SoftHSM: 4 to 255)");
}

struct Pins {
  SecretBytes so;
  SourceIdentity so_source{.kind = SourceIdentity::Kind::asked};  // of a token with a pad
  SecretBytes user;
};

// Both before anything is done to the token: half of an initialisation is a token that nobody can use.
Result<Pins> read_pins(const TokenInitOptions& options, const Token& token) noexcept {
  Pins pins;
  if (has_pad(token)) return pins;
  // A blank token takes the security officer's PIN it is given; an initialised one wants the PIN it has (C_InitToken,
  // PKCS#11 v3.0 §5.5.7).
  pins.so = HOLDFAST_TRY(is_initialised(token)
                             ? read_pin(options.so_pin, "Security officer's PIN for the token", &pins.so_source)
                             : read_new_pin(options.so_pin, "New security officer's PIN for the token"));
  pins.user = HOLDFAST_TRY(read_new_pin(options.user_pin, "New user PIN for the token"));
  HOLDFAST_TRY(check_length(pins.so, token, "the security officer's PIN is too short or too long for the token"));
  HOLDFAST_TRY(check_length(pins.user, token, "the user PIN is too short or too long for the token"));
  return pins;
}

CK_BYTE* bytes_of(const SecretBytes& pin) noexcept { return pin.empty() ? nullptr : native(pin.reveal({})); }

// For people: the token, and where the security officer's PIN for it came from.
FixedText<190> whose_pin(const Token& token, const PinSource& source) noexcept {
  FixedText<190> words{"token "};
  append_printable(words, field(token.info.label));
  words.append(", security officer's PIN from ");
  words.append(has_pad(token) ? "its own pad" : source.in_words().view());
  return words;
}

// Since the token was chosen and a person said yes to it, PINs were typed, for minutes: another card may stand in the
// slot by now, or somebody else may have made this one theirs.
Result<void> check_still_there(const Calls& calls, const Token& chosen) noexcept {
  Token now = chosen;
  const CK_RV code = calls.C_GetTokenInfo(chosen.slot, &now.info);
  if (code != CKR_OK) return native_failure(code, kInitialising);
  const bool is_same = field(now.info.serialNumber) == field(chosen.info.serialNumber) &&
                       field(now.info.manufacturerID) == field(chosen.info.manufacturerID) &&
                       field(now.info.label) == field(chosen.info.label) &&
                       is_initialised(now) == is_initialised(chosen);
  if (!is_same) {
    return failure(Status::device_gone, Layer::pkcs11, kInitialising)
        .about("another token stands in the slot than was chosen; nothing was done to it")
        .with_hint("put the token back that is meant, and run it again");
  }
  return is_initialised(now) ? check_so_pin_flags(now.info) : Result<void>();
}

// The security officer's PIN of an initialised token is judged here, and counted as a user's is.
Result<void> erase_and_name(const Calls& calls, const Token& token, const Pins& pins, const TokenInitOptions& options,
                            PinGovernor& governor) noexcept {
  PinAttempt attempt;
  if (is_initialised(token)) {
    const PinOwner owner = owner_of(token.info, PinOwner::Role::security_officer);
    auto allowed = governor.begin(owner, pins.so_source, false, kNoDeadline);
    if (!allowed) {
      Error error = allowed.error();
      if (error.detail.empty()) error.detail = whose_pin(token, options.so_pin);
      return error;
    }
    attempt = std::move(*allowed);
  }
  // Last, as another process may have had its turn meanwhile.
  if (const auto there = check_still_there(calls, token); !there) {
    attempt.unjudged();
    return there.error();
  }
  std::array<CK_BYTE, kLabelSize> padded;
  padded.fill(' ');
  std::ranges::copy(options.label, padded.begin());
  const CK_RV code = calls.C_InitToken(token.slot, bytes_of(pins.so), pins.so.size(), padded.data());
  if (code == CKR_OK) {
    attempt.renewed();
    return {};
  }
  if (is_unjudged(code) || code == CKR_SESSION_EXISTS) {
    attempt.unjudged();
  } else if (is_lost_answer(code)) {
    attempt.lost();
  } else {
    attempt.refused(code);
  }
  Error error = login_failure(code, kInitialising);
  if (error.status == Status::pin_incorrect) error.detail = whose_pin(token, options.so_pin);
  if (code == CKR_SESSION_EXISTS) error.detail.append("somebody in this process has the token open");
  return error;
}

// SoftHSM moves a token that was blank to another slot, so it is looked for by its new label.
Result<Token> find_again(const Calls& calls, const KeyUri& uri, std::string_view label) noexcept {
  KeyUri named;
  named.module_path = uri.module_path;
  named.token = FixedText<32>(label);
  return select_token(calls, named);
}

Result<void> set_user_pin(const Calls& calls, const Token& token, const Pins& pins) noexcept {
  constexpr const char* kSetting = "setting the user PIN";
  constexpr const char* kHalfway =
      "the token has its name but no user PIN yet: initialise it again, by its serial= and with --erase";
  CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
  CK_RV code = calls.C_OpenSession(token.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session);
  if (code != CKR_OK) return native_failure(code, kSetting).with_hint(kHalfway);
  code = calls.C_Login(session, CKU_SO, bytes_of(pins.so), pins.so.size());
  if (code == CKR_OK) {
    code = calls.C_InitPIN(session, bytes_of(pins.user), pins.user.size());
    calls.C_Logout(session);
  }
  calls.C_CloseSession(session);
  if (code != CKR_OK) return login_failure(code, kSetting).with_hint(kHalfway);
  return {};
}

}  // namespace

Result<TokenDescription> init_token(const TokenInitOptions& options) noexcept {
  HOLDFAST_TRY(check_label(options.label));
  KeyUri uri = HOLDFAST_TRY(parse_uri(options.uri, UriUse::blank_token));
  const ModuleConfig config = HOLDFAST_TRY(choose_module(uri, options.module_path));
  const PipeShield shield;
  ModuleUse module = HOLDFAST_TRY(use_module(config, ModuleMode::own));
  Clock& clock = options.clock != nullptr ? *options.clock : system_clock();
  const Passage passage(module->gate(), clock, kNoDeadline);
  const Calls& calls = module->calls();

  const Token token = HOLDFAST_TRY(choose(calls, uri));
  HOLDFAST_TRY(check_consent(calls, uri, token, options));
  if (is_initialised(token)) HOLDFAST_TRY(check_so_pin_flags(token.info));
  const Pins pins = HOLDFAST_TRY(read_pins(options, token));
  PinGovernor governor(clock, options.failure_records);
  HOLDFAST_TRY(erase_and_name(calls, token, pins, options, governor));
  const Token named = HOLDFAST_TRY(find_again(calls, uri, options.label));
  HOLDFAST_TRY(set_user_pin(calls, named, pins));
  governor.forget(owner_of(named.info, PinOwner::Role::user));
  return describe(calls, HOLDFAST_TRY(find_again(calls, uri, options.label)), uri);
}

Result<std::size_t> list_tokens(const DeviceOptions& options, std::span<TokenDescription> out) noexcept {
  KeyUri uri = HOLDFAST_TRY(parse_uri(options.uri, UriUse::blank_token));
  const ModuleConfig config = HOLDFAST_TRY(choose_module(uri, options.module_path));
  const PipeShield shield;
  ModuleUse module = HOLDFAST_TRY(use_module(config, options.module_mode));
  Clock& clock = options.clock != nullptr ? *options.clock : system_clock();
  const Passage passage(module->gate(), clock, kNoDeadline);
  Tokens found;
  const std::size_t total = HOLDFAST_TRY(find_tokens(module->calls(), uri, found.tokens));
  const std::size_t shown = std::min({total, found.tokens.size(), out.size()});
  for (std::size_t i = 0; i < shown; ++i) out[i] = describe(module->calls(), found.tokens[i], uri);
  return total;
}

}  // namespace holdfast::hal::pkcs11
