// SPDX-License-Identifier: Apache-2.0
#include "holdfast/attestation.hpp"

#include "src/assertion/byte_reader.hpp"
#include "src/verification/signature.hpp"
#include "src/verification/tpm_public_area.hpp"

#include <algorithm>

namespace holdfast {
namespace {

constexpr const char* kChecking = "checking an attestation";

constexpr std::uint32_t kGeneratedByTpm = 0xFF544347;  // TPM_GENERATED_VALUE (Part 2 §6.2)
constexpr std::uint16_t kAttestCertify = 0x8017;       // TPM_ST_ATTEST_CERTIFY (Part 2 §6.9)
constexpr std::size_t kMaxStatementSize = 1024;

Error refusal(std::string_view rule) noexcept {
  return failure(Status::attestation_refused, Layer::verification, kChecking).about(rule);
}

// One of the rules that hold for both keys, told with whose it is.
struct Rule {
  TpmPublicArea::Attribute attribute;
  bool is_wanted;
  std::string_view broken_by_attestation_key;
  std::string_view broken_by_key;
};

constexpr std::array kRules{
    Rule{TpmPublicArea::fixed_tpm, true, "the attestation key can move to another TPM (not fixedTPM)",
         "the key can move to another TPM (not fixedTPM)"},
    Rule{TpmPublicArea::fixed_parent, true, "the attestation key can move to another parent (not fixedParent)",
         "the key can move to another parent (not fixedParent)"},
    Rule{TpmPublicArea::sensitive_data_origin, true,
         "the attestation key was brought into the TPM (not sensitiveDataOrigin)",
         "the key was brought into the TPM (not sensitiveDataOrigin)"},
    Rule{TpmPublicArea::sign, true, "the attestation key does not sign", "the key does not sign"},
    Rule{TpmPublicArea::decrypt, false, "the attestation key decrypts, too", "the key decrypts, too"},
};

Result<void> check_attributes(const TpmPublicArea& area, bool is_attestation_key) noexcept {
  for (const Rule& rule : kRules) {
    if (area.has(rule.attribute) != rule.is_wanted) {
      return refusal(is_attestation_key ? rule.broken_by_attestation_key : rule.broken_by_key);
    }
  }
  if (!area.is_es256_only()) {
    return refusal(is_attestation_key ? "the attestation key is not pinned to ECDSA on P-256 with SHA-256"
                                      : "the key is not pinned to ECDSA on P-256 with SHA-256");
  }
  // A key that is not restricted signs what anybody gives it: also a statement that no TPM made. A key that is
  // restricted cannot sign an assertion.
  if (area.has(TpmPublicArea::restricted) == is_attestation_key) return {};
  return refusal(is_attestation_key ? "the attestation key signs what anybody gives it (not restricted)"
                                    : "the key signs only what its TPM says (restricted)");
}

Result<TpmPublicArea> read_area(std::span<const std::byte> bytes, const char* doing) noexcept {
  auto area = TpmPublicArea::parse(bytes);
  if (area) return area;
  Error error = area.error();
  error.doing = doing;
  return error;
}

Result<void> check_signature(const TpmPublicArea& signer, const TpmAttestation& attestation) noexcept {
  const auto point = signer.point();
  const auto verifier = point ? SignatureVerifier::prepare(*point) : Result<SignatureVerifier>(refusal({}));
  if (!verifier) return refusal("the attestation key is no point of P-256");
  if (verifier->verify_message(attestation.statement, attestation.signature)) return {};
  return refusal("the attestation key did not sign it");
}

struct Statement {
  std::span<const std::byte> nonce;
  std::span<const std::byte> key_name;
};

// TPMS_ATTEST with a TPMS_CERTIFY_INFO in it (Part 2 §10.12.12, §10.12.3)
Result<Statement> read_statement(std::span<const std::byte> bytes) noexcept {
  constexpr std::size_t kClockInfoSize = 8 + 4 + 4 + 1;  // TPMS_CLOCK_INFO (Part 2 §10.11.1)
  constexpr std::size_t kFirmwareVersionSize = 8;
  ByteReader in(bytes);
  if (in.u32() != kGeneratedByTpm) return refusal("no TPM made the statement");
  if (in.u16() != kAttestCertify) return refusal("the statement is not about a key");
  Statement statement;
  in.sized();  // the qualified name of the key that signed: the public area that came with it says more
  statement.nonce = in.sized();
  in.bytes(kClockInfoSize);
  in.bytes(kFirmwareVersionSize);
  statement.key_name = in.sized();
  in.sized();  // its qualified name
  if (!in.is_whole()) return refusal("the statement is cut off");
  if (!in.is_exact()) return refusal("something follows the statement");
  return statement;
}

}  // namespace

Result<CheckedAttestation> check_attestation(const TpmAttestation& attestation,
                                             const AttestationExpectation& expected) noexcept {
  if (attestation.statement.size() > kMaxStatementSize) return refusal("the statement is too long");
  const TpmPublicArea attestation_key =
      HOLDFAST_TRY(read_area(attestation.attestation_key, "reading the attestation key's public area"));
  HOLDFAST_TRY(check_attributes(attestation_key, true));
  HOLDFAST_TRY(check_signature(attestation_key, attestation));

  const Statement statement = HOLDFAST_TRY(read_statement(attestation.statement));
  if (expected.nonce && !std::ranges::equal(statement.nonce, *expected.nonce)) {
    return refusal("it holds another nonce: it was made for another question, or it is an old one");
  }
  const TpmPublicArea key = HOLDFAST_TRY(read_area(attestation.key, "reading the key's public area"));
  if (!std::ranges::equal(statement.key_name, key.name())) {
    return refusal("the public area is not the one that the statement is about");
  }
  HOLDFAST_TRY(check_attributes(key, false));
  if (key.point() != expected.key) return refusal("it is about another key");
  return CheckedAttestation{attestation_key.name(), key.name(), expected.nonce.has_value()};
}

Result<TpmName> tpm_name(std::span<const std::byte> public_area) noexcept {
  const TpmPublicArea area = HOLDFAST_TRY(TpmPublicArea::parse(public_area));
  return area.name();
}

}  // namespace holdfast
