// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/attestation.hpp"

#include "hal/tpm2/attestation_key.hpp"
#include "hal/tpm2/device.hpp"

#include <tss2/tss2_tpm2_types.h>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kAttesting = "attesting a key";
constexpr ResponseCode kSessionMask = 0xF00;  // which session of the command (Part 2 §6.6.2)

Error malformed() noexcept {
  return failure(Status::device_fault, Layer::tpm2, kAttesting).about("the TPM's answer is malformed");
}

template <std::size_t Capacity>
[[nodiscard]] bool put(std::span<const std::byte> bytes, std::array<std::byte, Capacity>& out,
                       std::size_t& size) noexcept {
  if (bytes.size() > Capacity) return false;
  std::ranges::copy(bytes, out.begin());
  size = bytes.size();
  return true;
}

// The certified key's role is ADMIN (Part 3 §18.2): as adminWithPolicy is clear on our keys, its auth value alone
// authorises that, also for a key whose signatures need a policy.
Result<Attestation> certify(Connection& tpm, const LoadedObject& key, const LoadedObject& attestation_key,
                            std::span<const std::byte> nonce, const Consent& consent, BootTime deadline) noexcept {
  Command command(TPM2_CC_Certify);
  command.handle(key.handle, key.name.view()).handle(attestation_key.handle, attestation_key.name.view());
  consent.apply(command);
  command.with_empty_auth();
  command.parameters().sized(nonce).u16(TPM2_ALG_NULL);  // the scheme is the attestation key's own
  const auto answer = tpm.run(command, kAttesting, deadline);
  if (!answer) {
    const auto code = static_cast<ResponseCode>(answer.error().native);
    // Not the key's value that was refused: the second authorisation is the attestation key's, which has none.
    constexpr ResponseCode kSecondSession = TPM2_RC_S | TPM2_RC_2;
    if (is_wrong_auth(code) && (code & kSessionMask) == kSecondSession) {
      return failure(Status::key_refused, Layer::core, kAttesting)
          .about("the attestation key at 0x81000002 has an auth value")
          .with_hint("have its owner make it persistent without one (docs/attestation.md has the commands)");
    }
    return answer.error();
  }
  const Reply reply = *answer;
  ByteReader in(reply.parameters);
  Attestation attestation;
  attestation.format = FixedText<32>("tpm2-certify");
  const bool fits = put(in.sized(), attestation.statement, attestation.statement_size);
  const Signature signature = HOLDFAST_TRY(read_signature(in, kAttesting));
  const bool is_whole =
      fits && in.is_exact() && put(signature, attestation.signature, attestation.signature_size) &&
      put(attestation_key.public_area.bytes(), attestation.attestation_key, attestation.attestation_key_size) &&
      put(key.public_area.bytes(), attestation.key, attestation.key_size);
  if (!is_whole) return malformed();
  return attestation;
}

}  // namespace

Result<Consent> Device::consent_by_auth_value(FoundKey& key, AuthSession& session, BootTime deadline) noexcept {
  if (!needs_auth_value(key)) return Consent{};
  if (!root_.is_there()) {
    salt_.reset();
    HOLDFAST_TRY(root_.resolve(key.file ? key.file->parent : 0, key.root_name, deadline));
  }
  const Salt* root_salt = HOLDFAST_TRY(salt());
  HOLDFAST_TRY(session.start(AuthSession::Kind::hmac, root_.object().handle, *root_salt,
                             AuthSession::Life::one_command, AuthSession::Secrecy::none, deadline));
  return Consent{&session, auth_.reveal({})};
}

Error Device::judge_use(KeyHandle handle, const FoundKey& key, const Error& error, const char* doing,
                        BootTime deadline) noexcept {
  if (!is_lost_handle(static_cast<ResponseCode>(error.native))) return judge_refusal(key, error, deadline);
  forget_objects();
  flush_strays(deadline);
  drop(handle);
  return native_failure(static_cast<ResponseCode>(error.native), Status::stale_key, doing);
}

Result<Attestation> KeyAttestation::attest(KeyHandle handle, std::span<const std::byte> nonce,
                                           BootTime deadline) noexcept {
  return device_.visit(deadline, [&]() noexcept -> Result<Attestation> {
    if (nonce.size() > kMaxAttestationNonceSize) {
      return failure(Status::invalid_argument, Layer::tpm2, kAttesting).about("a nonce has at most 64 bytes");
    }
    Connection& tpm = device_.connection();
    AttestationKey attestation_key(tpm);
    auto made = device_.with_key(
        handle, kAttesting, deadline, [&]() noexcept { return attestation_key.resolve(deadline); },
        [&](const LoadedObject& key, const Consent& consent) noexcept {
          return certify(tpm, key, attestation_key.object(), nonce, consent, deadline);
        });
    if (!tpm.is_usable()) device_.stray(attestation_key.object());
    return made;
  });
}

}  // namespace holdfast::hal::tpm2
