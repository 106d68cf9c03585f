// SPDX-License-Identifier: Apache-2.0
#include "holdfast/result.hpp"

#include <array>

namespace holdfast {
namespace {

struct Row {
  Status status;
  Remedy remedy;
  int exit_code;
  std::string_view name;
  std::string_view text;
  std::string_view hint;
};

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kWrongUse = 2;
constexpr int kPersonNeeded = 3;
constexpr int kDeviceTrouble = 4;
constexpr int kAuthorityTrouble = 5;

// The one table of outcomes; docs/errors.md is generated from it.
constexpr std::array<Row, HOLDFAST_STATUS_COUNT> kTable{{
    {Status::ok, Remedy::none, kDone, "ok", "success", ""},

    {Status::invalid_argument, Remedy::fix_call, kWrongUse, "invalid_argument", "an argument is not acceptable",
     "correct the value that the message names"},
    {Status::invalid_identifier, Remedy::fix_call, kWrongUse, "invalid_identifier",
     "a runtime or task id is not acceptable",
     "use 1 to 128 of the characters A-Z a-z 0-9 - . _ ~, and neither \".\" nor \"..\""},
    {Status::invalid_uri, Remedy::fix_call, kWrongUse, "invalid_uri", "the key URI is not acceptable",
     "write it as RFC 7512 has it: pkcs11:token=LABEL;object=NAME?module-path=/path/to/module.so"},
    {Status::buffer_too_small, Remedy::fix_call, kWrongUse, "buffer_too_small", "the buffer is too small",
     "pass a buffer of HOLDFAST_AUTHORIZATION_CAPACITY (590) bytes, in C++ of kMaxAuthorizationSize (589)"},
    {Status::scheme_unsupported, Remedy::fix_call, kWrongUse, "scheme_unsupported",
     "the key or the token cannot sign in this scheme", "use an Ed25519 or P-256 key, on a token that signs with it"},
    {Status::backend_not_built, Remedy::fix_call, kWrongUse, "backend_not_built",
     "this build has no back end for such keys", "build with the back end switched on, or use another kind of key"},
    {Status::origin_not_listed, Remedy::fix_call, kWrongUse, "origin_not_listed",
     "the session hands out no headers for this origin",
     "if the request is meant to go there, add its scheme, host and port to the session's origins"},
    {Status::task_required, Remedy::fix_call, kFailed, "task_required",
     "the session has no task to sign for, and registers none itself",
     "register a task elsewhere and hand its id to adopt_task"},

    {Status::pin_required, Remedy::ask_person, kPersonNeeded, "pin_required",
     "a PIN or an access token is needed and none was given",
     "name its source: --pin-source file:/PATH, fd:N, credential:NAME, env:NAME or prompt"},
    {Status::pin_incorrect, Remedy::ask_person, kPersonNeeded, "pin_incorrect", "the token refused the PIN",
     "check the PIN before the next try: it was sent once and is not tried again, as tokens lock after a few"},
    {Status::pin_locked, Remedy::ask_person, kPersonNeeded, "pin_locked", "the token does not accept PINs now",
     "have the security officer unlock it, or, for a TPM, wait for its lockout time to pass"},
    {Status::pin_refused_before, Remedy::ask_person, kPersonNeeded, "pin_refused_before",
     "this PIN source was refused before and has not changed since; the token was not asked",
     "correct the PIN at its source, then try again"},
    {Status::permission_denied, Remedy::ask_person, kPersonNeeded, "permission_denied", "access is denied",
     "give this user access to what the message names, or run as a user who has it"},
    {Status::file_untrusted, Remedy::ask_person, kPersonNeeded, "file_untrusted",
     "a file could be changed or read by somebody else",
     "make it, and every folder above it, owned by root or this user and not writable by others"},
    {Status::file_invalid, Remedy::ask_person, kFailed, "file_invalid", "a file cannot be used",
     "check the path and the file that the message names"},
    {Status::token_not_found, Remedy::ask_person, kDeviceTrouble, "token_not_found", "no token matches",
     "see what is there with: holdfast token list URI"},
    {Status::key_not_found, Remedy::ask_person, kDeviceTrouble, "key_not_found", "no key matches",
     "see what is there with: holdfast key list URI"},
    {Status::ambiguous_match, Remedy::ask_person, kWrongUse, "ambiguous_match", "more than one matches",
     "add what tells them apart to the URI: serial= for tokens, id= for keys"},
    {Status::key_refused, Remedy::ask_person, kDeviceTrouble, "key_refused", "the key is not acceptable",
     "the message says why; make a new key with: holdfast key generate, or accept a weaker profile by name"},
    {Status::already_exists, Remedy::ask_person, kFailed, "already_exists", "it exists already",
     "choose another name for the new one"},
    {Status::module_unusable, Remedy::ask_person, kDeviceTrouble, "module_unusable",
     "the PKCS#11 module cannot be used", "check the module's path, and that its package is installed"},
    {Status::sealed_answer, Remedy::ask_person, kAuthorityTrouble, "sealed_answer",
     "the authority sealed the task id to the agent's key, which a signing-only key cannot open",
     "provision a key with a twin (holdfast agent import, holdfast key generate --with-twin), or use an authority "
     "that "
     "answers in clear"},
    {Status::clock_implausible, Remedy::ask_person, kFailed, "clock_implausible", "this machine's clock is wrong",
     "set the clock; assertions carry the time and are refused outside the authority's window"},
    {Status::attestation_unproven, Remedy::ask_person, kPersonNeeded, "attestation_unproven",
     "nothing vouches for the key that signed the attestation",
     "name the attestation key you trust (--ak), or have the TPM prove it against its maker's certificate (--ek-ca)"},

    {Status::deadline_exceeded, Remedy::wait, kFailed, "deadline_exceeded", "the time given was not enough",
     "try again, or allow more time"},
    {Status::authority_unavailable, Remedy::wait, kAuthorityTrouble, "authority_unavailable",
     "the authority could not be reached or is overloaded", "check its URL and the network, or try again later"},

    {Status::device_gone, Remedy::reconnect, kDeviceTrouble, "device_gone", "the token or TPM went away",
     "plug it in or start it again; the next call reconnects"},
    {Status::stale_key, Remedy::reconnect, kDeviceTrouble, "stale_key", "the key handle is no longer valid",
     "find the key again"},
    {Status::reset_not_ours, Remedy::reconnect, kDeviceTrouble, "reset_not_ours",
     "the module belongs to somebody else in this process and cannot be reset by us",
     "let its owner initialise it again"},
    {Status::forked, Remedy::reconnect, kDeviceTrouble, "forked",
     "this process was forked after the device was opened", "open it again in the child"},

    {Status::signature_mismatch, Remedy::stop, kDeviceTrouble, "signature_mismatch",
     "the signature does not verify under the public key",
     "do not use this signer any more; check the token for a fault and the key's identity"},
    {Status::key_changed, Remedy::stop, kDeviceTrouble, "key_changed", "another key stands under this name",
     "find out who replaced it; register the new key on purpose if it is meant"},
    {Status::device_fault, Remedy::stop, kDeviceTrouble, "device_fault", "the token or its module misbehaves",
     "check the module's version and the token's own tools"},
    {Status::resource_exhausted, Remedy::stop, kFailed, "resource_exhausted",
     "memory, locked memory, descriptors or disk space ran out", "free or raise what the message names"},
    {Status::authority_refused, Remedy::stop, kAuthorityTrouble, "authority_refused",
     "the authority refused the request",
     "read its answer; check the access token, the runtime id and this machine's clock"},
    {Status::authority_answer_invalid, Remedy::stop, kAuthorityTrouble, "authority_answer_invalid",
     "the authority's answer is not what the protocol says", "check that the URL is an authority's base URL"},
    {Status::header_refused, Remedy::stop, kFailed, "header_refused", "the header does not hold",
     "copy it again, whole and unchanged; if it comes so from its signer, that is no header of this protocol"},
    {Status::attestation_refused, Remedy::stop, kFailed, "attestation_refused", "the attestation does not hold",
     "do not trust the key on the word of this evidence; the message says which rule it breaks"},
    {Status::authority_untrusted, Remedy::stop, kAuthorityTrouble, "authority_untrusted",
     "the authority's certificate is not trusted",
     "find out who answers at its URL: nothing was sent there; the message says what is wrong with the certificate"},
}};

constexpr bool table_is_dense() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].status) != i || kTable[i].name.empty()) return false;
  }
  return true;
}
static_assert(table_is_dense(), "every status needs its own row, in order");

const Row* row_of(Status status) noexcept {
  const auto index = static_cast<std::size_t>(status);
  return index < kTable.size() ? &kTable[index] : nullptr;
}

}  // namespace

std::string_view status_name(Status status) noexcept {
  const Row* row = row_of(status);
  return row != nullptr ? row->name : "unknown";
}

std::string_view status_text(Status status) noexcept {
  const Row* row = row_of(status);
  return row != nullptr ? row->text : "unknown status";
}

std::string_view status_hint(Status status) noexcept {
  const Row* row = row_of(status);
  return row != nullptr ? row->hint : "look it up in docs/errors.md of the version that answered it";
}

Remedy status_remedy(Status status) noexcept {
  const Row* row = row_of(status);
  return row != nullptr ? row->remedy : Remedy::stop;
}

int status_exit_code(Status status) noexcept {
  const Row* row = row_of(status);
  return row != nullptr ? row->exit_code : kFailed;
}

std::string_view remedy_name(Remedy remedy) noexcept {
  switch (remedy) {
    case Remedy::none:
      return "none";
    case Remedy::fix_call:
      return "fix the call";
    case Remedy::ask_person:
      return "ask a person";
    case Remedy::wait:
      return "wait";
    case Remedy::reconnect:
      return "reconnect";
    case Remedy::stop:
      return "stop";
  }
  return "unknown";
}

std::string_view layer_name(Layer layer) noexcept {
  switch (layer) {
    case Layer::core:
      return "core";
    case Layer::pkcs11:
      return "pkcs11";
    case Layer::tpm2:
      return "tpm2";
    case Layer::system:
      return "system";
    case Layer::http:
      return "http";
    case Layer::registrar:
      return "registrar";
    case Layer::identity:
      return "identity";
    case Layer::verification:
      return "verification";
  }
  return "unknown";
}

}  // namespace holdfast
