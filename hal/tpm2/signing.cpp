// SPDX-License-Identifier: Apache-2.0
#include "hal/display.hpp"
#include "hal/tpm2/device.hpp"
#include "hal/tpm2/recovery.hpp"
#include "hal/tpm2/token.hpp"

#include <tss2/tss2_tpm2_types.h>

/// Signatures: what authorises one, and what a refusal means. Nothing here allocates.
namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kSigning = "signing";
constexpr int kMostPcrRaces = 8;

}  // namespace

Result<Signature> Device::sign(KeyHandle handle, Scheme scheme, std::span<const std::byte> input,
                               BootTime deadline) noexcept {
  return visit(deadline, [&]() noexcept -> Result<Signature> {
    FoundKey* key = HOLDFAST_TRY(use(handle, deadline));
    if (scheme != Scheme::es256) return failure(Status::scheme_unsupported, Layer::tpm2, kSigning);
    if (input.size() != kSha256Size) {
      return failure(Status::invalid_argument, Layer::tpm2, kSigning).about("a digest has 32 bytes");
    }
    if (refusal_.status != Status::ok) return refusal_;
    if (key->policy_refusal.status != Status::ok) return key->policy_refusal;
    auto signature = sign_with(*key, input, deadline);
    if (signature) return signature;
    if (is_lost_handle(static_cast<ResponseCode>(signature.error().native))) {
      // The TPM was reset, or somebody flushed or evicted what is not theirs: the key must be found again.
      forget_objects();
      flush_strays(deadline);
      drop(handle);
      return for_recovery(signature.error());
    }
    return judge_refusal(*key, for_recovery(signature.error()), deadline);
  });
}

Result<Signature> Device::sign_with(FoundKey& key, std::span<const std::byte> digest, BootTime deadline) noexcept {
  const bool with_auth = needs_auth_value(key);
  PinAttempt attempt = HOLDFAST_TRY(begin_use(key, kSigning, deadline));
  auto signature = sign_once(key, with_auth, digest, deadline);
  // A register that the key is not bound to was extended in between: the TPM counts, it does not tell which.
  const int races = key.is_used_by_policy() ? kMostPcrRaces : 0;
  for (int i = 0; i < races && !signature && is_pcr_race(signature.error()); ++i) {
    signature = sign_once(key, with_auth, digest, deadline);
  }
  if (!signature) {
    end_refused_use(attempt, signature.error());
    return signature;
  }
  attempt.accepted();
  is_auth_proven_ = is_auth_proven_ || with_auth || !key.is_used_by_policy();
  return signature;
}

// The first use of an auth value is its login, whether it signs or attests: the one time a signature touches a file,
// the failure record.
Result<PinAttempt> Device::begin_use(const FoundKey& key, const char* doing, BootTime deadline) noexcept {
  const bool with_auth = needs_auth_value(key);
  if (with_auth && auth_.empty()) {
    return failure(Status::pin_required, Layer::tpm2, doing).about("the key has an auth value");
  }
  // With a policy and no auth value nothing is guessed.
  const bool is_protected = !key.object.public_area.has(TPMA_OBJECT_NODA) && (with_auth || !key.is_used_by_policy());
  if (is_auth_proven_ || (!with_auth && !is_protected)) return PinAttempt{};
  PinAttempt attempt = HOLDFAST_TRY(begin_attempt(key, deadline));
  if (!is_protected) return attempt;
  const auto lockout = Lockout::read(connection_, deadline);
  const auto reserve = lockout ? lockout->check_reserve() : Result<void>(lockout.error());
  if (!reserve) {
    attempt.unjudged();
    return reserve.error();
  }
  return attempt;
}

// An answer that was lost on its way is not taken for a refusal: a resource manager that is restarted would stop a
// service for good. It cannot lock the TPM either, as its counter is read before each try and one is kept in reserve.
void Device::end_refused_use(PinAttempt& attempt, const Error& error) noexcept {
  if (error.layer == Layer::tpm2 && is_wrong_auth(static_cast<ResponseCode>(error.native))) {
    attempt.refused(error.native);
  } else {
    attempt.unjudged();
  }
}

// An auth value belongs to a key, wherever the key is loaded: its record is called by the key's name.
Result<PinAttempt> Device::begin_attempt(const FoundKey& key, BootTime deadline) noexcept {
  FixedText<2 * kNameSize> name;
  append_hex(name, key.object.name.view());
  const FixedText<128> label = label_of(key.uri);
  return governor_.begin(
      {.serial = name.view(), .manufacturer = "TPM", .label = {}, .role = PinOwner::Role::key, .key = label.view()},
      auth_source_, false, deadline);
}

Result<Signature> Device::sign_once(FoundKey& key, bool with_auth, std::span<const std::byte> digest,
                                    BootTime deadline) noexcept {
  const std::uint32_t object = key.object.handle;
  const auto name = key.object.name.view();
  if (!with_auth && !key.is_used_by_policy()) return sign_digest(connection_, object, name, digest, {}, deadline);
  AuthSession session(connection_);
  if (with_auth) {
    // The root stays in the TPM between signatures; the session does not: it begins here and ends with the signature.
    if (!root_.is_there()) {
      forget_salt();
      HOLDFAST_TRY(root_.resolve(key.file ? key.file->parent : 0, key.root_name, deadline));
    }
    const Salt* root_salt = HOLDFAST_TRY(salt());
    const auto kind = key.is_used_by_policy() ? AuthSession::Kind::policy : AuthSession::Kind::hmac;
    HOLDFAST_TRY(session.start(kind, root_.object().handle, *root_salt, AuthSession::Life::one_command,
                               AuthSession::Secrecy::none, deadline));
  } else {
    HOLDFAST_TRY(session.start_policy(deadline));
  }
  if (key.is_used_by_policy()) HOLDFAST_TRY(satisfy(connection_, session, *key.policy, deadline));
  const auto auth_value = with_auth ? auth_.reveal({}) : std::span<const std::byte>{};
  return sign_digest(connection_, object, name, digest, {&session, auth_value}, deadline);
}

Error Device::judge_refusal(const FoundKey& key, const Error& error, BootTime deadline) noexcept {
  const auto code = static_cast<ResponseCode>(error.native);
  if (error.layer != Layer::tpm2) return error;
  if (key.policy && (is_pcr_race(error) || base_of(code) == TPM2_RC_POLICY_FAIL)) {
    return explain_policy_failure(connection_, *key.policy, key.uri.pcrs, error, deadline);
  }
  if (base_of(code) == TPM2_RC_LOCKOUT) {
    const auto lockout = Lockout::read(connection_, deadline);
    if (!lockout) return error;
    Error explained = lockout->explain(kSigning);
    explained.native = error.native;
    explained.native_name = error.native_name;
    return explained;
  }
  if (!is_wrong_auth(code)) return error;
  // Judged once, and never sent again until the device is opened anew (P5).
  refusal_ = error;
  if (!needs_auth_value(key)) {
    refusal_.status = Status::pin_required;
    refusal_.detail = FixedText<190>("the key has an auth value, and an empty one was refused");
  }
  auth_.wipe();
  return refusal_;
}

}  // namespace holdfast::hal::tpm2
