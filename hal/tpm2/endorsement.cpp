// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/endorsement.hpp"

#include "hal/tpm2/attestation_key.hpp"
#include "hal/tpm2/device.hpp"
#include "hal/tpm2/endorsement_key.hpp"

#include <tss2/tss2_tpm2_types.h>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kReading = "reading the TPM's endorsement certificates";
constexpr const char* kAnswering = "answering a challenge";

// TCG EK Credential Profile §2.2.1.4 and §2.2.1.5.2: certificates of the RSA-2048 key, of the P-256 key, and the high
// range. The first is the one that a challenge can be answered for.
constexpr std::array<std::uint32_t, 9> kCertificateIndices{0x01C00002, 0x01C0000A, 0x01C00012, 0x01C00014, 0x01C00016,
                                                           0x01C00018, 0x01C0001A, 0x01C0001C, 0x01C0001E};
constexpr std::size_t kPieceSize = 512;  // every TPM gives so many bytes at once (PC Client profile §4.4)

Error malformed(const char* doing) noexcept {
  return failure(Status::device_fault, Layer::tpm2, doing).about("the TPM's answer is malformed");
}

// The bytes of an NV index, 0 if it is not defined. TPM2_NV_ReadPublic: TPM2B_NV_PUBLIC (Part 2 §13.6).
Result<std::size_t> nv_size(Connection& tpm, std::uint32_t index, BootTime deadline) noexcept {
  Command command(TPM2_CC_NV_ReadPublic);
  command.handle(index);
  const auto answer = tpm.run(command, kReading, deadline);
  if (!answer) {
    const bool is_undefined = answer.error().layer == Layer::tpm2 &&
                              base_of(static_cast<ResponseCode>(answer.error().native)) == TPM2_RC_HANDLE;
    if (is_undefined) return std::size_t{0};
    return answer.error();
  }
  ByteReader in(answer->parameters);
  ByteReader area(in.sized());
  const std::uint32_t stated = area.u32();
  area.u16();
  const std::uint32_t attributes = area.u32();
  area.sized();
  const std::size_t size = area.u16();
  if (!area.is_exact() || stated != index) return malformed(kReading);
  constexpr std::uint32_t kReadable = TPMA_NV_AUTHREAD | TPMA_NV_WRITTEN;
  return (attributes & kReadable) == kReadable ? size : std::size_t{0};
}

Result<void> nv_read(Connection& tpm, std::uint32_t index, std::span<std::byte> out, BootTime deadline) noexcept {
  for (std::size_t offset = 0; offset < out.size();) {
    const std::size_t wanted = std::min(kPieceSize, out.size() - offset);
    Command command(TPM2_CC_NV_Read);
    command.handle(index).handle(index).with_empty_auth();
    command.parameters().u16(static_cast<std::uint16_t>(wanted)).u16(static_cast<std::uint16_t>(offset));
    const Reply reply = HOLDFAST_TRY(tpm.run(command, kReading, deadline));
    ByteReader in(reply.parameters);
    const auto piece = in.sized();
    if (!in.is_exact() || piece.size() != wanted) return malformed(kReading);
    std::ranges::copy(piece, out.begin() + static_cast<std::ptrdiff_t>(offset));
    offset += wanted;
  }
  return {};
}

// A certificate is one DER SEQUENCE of more than 255 bytes; makers fill the rest of the index with zeroes or ones. 0
// for what is none.
std::size_t certificate_size(std::span<const std::byte> bytes) noexcept {
  ByteReader in(bytes);
  if (in.u16() != 0x3082) return 0;
  const std::size_t size = in.u16();
  return in.is_whole() && size <= in.rest().size() ? size + 4 : 0;
}

Result<void> start_endorsement_policy(Connection& tpm, AuthSession& policy, BootTime deadline) noexcept {
  HOLDFAST_TRY(policy.start_policy(deadline));
  Command command(TPM2_CC_PolicySecret);
  command.handle(TPM2_RH_ENDORSEMENT).handle(policy.handle()).with_empty_auth();
  command.parameters().sized({}).sized({}).sized({}).u32(0);  // no nonce, command, reference or expiration
  const auto done = tpm.run(command, kAnswering, deadline);
  if (done) return {};
  Error error = done.error();
  if (is_wrong_auth(static_cast<ResponseCode>(error.native))) {
    error.status = Status::permission_denied;
    error.hint = "the endorsement hierarchy has an auth value, and its key cannot be used without: ask its owner";
  }
  return error;
}

Result<SecretBytes> activate(Connection& tpm, const LoadedObject& attestation_key,
                             const LoadedObject& endorsement_key, std::span<const std::byte> credential,
                             std::span<const std::byte> seed, BootTime deadline) noexcept {
  AuthSession policy(tpm);
  HOLDFAST_TRY(start_endorsement_policy(tpm, policy, deadline));
  Command command(TPM2_CC_ActivateCredential);
  command.handle(attestation_key.handle, attestation_key.name.view());
  command.handle(endorsement_key.handle, endorsement_key.name.view());
  command.with_empty_auth().with_session(policy, {});
  command.parameters().sized(credential).sized(seed);
  const auto answer = tpm.run(command, kAnswering, deadline);
  if (!answer) {
    Error error = answer.error();
    const auto code = static_cast<ResponseCode>(error.native);
    // Whatever is wrong with a parameter: it is not what a verifier enclosed for this TPM. libtpms 0.9 answers
    // FAILURE to a seed that its key cannot decrypt; in failure mode it would not have come so far.
    const bool is_parameter = (code & TPM2_RC_FMT1) != 0 && (code & TPM2_RC_P) != 0;
    if (error.layer == Layer::tpm2 && (is_parameter || base_of(code) == TPM2_RC_FAILURE)) {
      error.status = Status::attestation_refused;
      error.detail = FixedText<190>("the challenge was made for another TPM or another attestation key");
      error.hint = "have the verifier make one from evidence of this TPM: holdfast key attest, then holdfast verify";
    }
    return error;
  }
  ByteReader in(answer->parameters);
  const auto enclosed = in.sized();
  if (!in.is_exact() || enclosed.empty()) return malformed(kAnswering);
  SecretBytes secret = HOLDFAST_TRY(SecretBytes::allocate(enclosed.size()));
  std::ranges::copy(enclosed, secret.storage({}).begin());
  secret.set_size(enclosed.size());
  return secret;
}

}  // namespace

Result<std::size_t> EndorsementProof::certificates(std::span<EndorsementCertificate> out,
                                                   BootTime deadline) noexcept {
  return device_.visit(deadline, [&]() noexcept -> Result<std::size_t> {
    Connection& tpm = device_.connection();
    std::size_t count = 0;
    for (const std::uint32_t index : kCertificateIndices) {
      EndorsementCertificate found;
      const std::size_t size = HOLDFAST_TRY(nv_size(tpm, index, deadline));
      if (size == 0 || size > found.der.size()) continue;
      HOLDFAST_TRY(nv_read(tpm, index, std::span(found.der).first(size), deadline));
      found.size = certificate_size(std::span(found.der).first(size));
      if (found.size == 0) continue;
      if (count < out.size()) out[count] = found;
      ++count;
    }
    return count;
  });
}

Result<SecretBytes> EndorsementProof::answer(std::span<const std::byte> credential, std::span<const std::byte> seed,
                                             BootTime deadline) noexcept {
  return device_.visit(deadline, [&]() noexcept -> Result<SecretBytes> {
    Connection& tpm = device_.connection();
    device_.unload_keys();  // makes room for two others
    AttestationKey attestation_key(tpm);
    EndorsementKey endorsement_key(tpm);
    HOLDFAST_TRY(attestation_key.resolve(deadline));
    const auto ask = [&]() noexcept -> Result<SecretBytes> {
      HOLDFAST_TRY(endorsement_key.resolve(deadline));
      return activate(tpm, attestation_key.object(), endorsement_key.object(), credential, seed, deadline);
    };
    auto secret = ask();
    if (!tpm.is_usable()) {
      device_.stray(attestation_key.object());
      device_.stray(endorsement_key.object());
    }
    return secret;
  });
}

}  // namespace holdfast::hal::tpm2
