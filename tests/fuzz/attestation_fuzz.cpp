// SPDX-License-Identifier: Apache-2.0
// Evidence that a key is in a TPM (tools/holdfast/attestation_evidence.cpp, src/verification/attestation.cpp,
// hal/tpm2/public_area.cpp, src/endorsement/certificate.cpp). What is read can be written and is read the same; both
// of our readers of a public area agree; nothing is proven of another key than the expected one.
#include "hal/tpm2/public_area.hpp"
#include "src/assertion/base64.hpp"
#include "src/endorsement/certificate.hpp"
#include "src/verification/tpm_public_area.hpp"
#include "tests/fuzz/memory_file.hpp"
#include "tests/fuzz/refusal.hpp"
#include "tools/holdfast/attestation_evidence.hpp"

using namespace holdfast;
using namespace holdfast::tool;
using fuzz::promise;

namespace {

void compare_areas(std::span<const std::byte> bytes) {
  const auto verifiers = TpmPublicArea::parse(bytes);
  const auto devices = hal::tpm2::PublicArea::parse(bytes);
  (void)fuzz::is_taken(verifiers, Status::attestation_refused);
  (void)fuzz::is_taken(devices, Status::device_fault);
  if (!verifiers) return;
  promise(devices.has_value(), "what the verifier reads the device's side reads");
  promise(std::ranges::equal(devices->name().view(), verifiers->name()), "both compute one name");
  promise(devices->has(TpmPublicArea::restricted) == verifiers->has(TpmPublicArea::restricted), "and one attribute");
  promise(!verifiers->point() || devices->point() == verifiers->point(), "and one point");
  promise(!verifiers->is_es256_only() || devices->is_scheme_pinned(), "and one scheme");
}

std::string pem_of(std::span<const std::byte> der) {
  std::string text(base64_size(Base64::standard, der.size()), '\0');
  text.resize(encode_base64(Base64::standard, der, text));
  return "-----BEGIN CERTIFICATE-----\n" + text + "\n-----END CERTIFICATE-----\n";
}

void check(const Evidence& evidence) {
  const auto point = [&]() -> std::optional<PublicKey> {
    const auto area = TpmPublicArea::parse(evidence.key);
    return area ? area->point() : std::nullopt;
  }();
  compare_areas(evidence.key);
  compare_areas(evidence.attestation_key);
  const auto checked = check_attestation(evidence.attestation(), {.key = point.value_or(PublicKey()), .nonce = {}});
  if (fuzz::is_taken(checked, Status::attestation_refused)) {
    promise(point.has_value(), "what is proven is proven of a key");
    promise(checked->key == tpm_name(evidence.key).value(), "the name is the key's");
    promise(!check_attestation(evidence.attestation(), {.key = PublicKey(), .nonce = {}}),
            "nothing is proven of another key");
  }
  std::size_t looked_at = 0;
  for (const Bytes& certificate : evidence.endorsement_certificates) {
    (void)is_rsa_certificate(certificate);
    promise(!fuzz::is_taken(check_endorsement_certificate(certificate, "")), "nobody vouches without a trusted root");
    // As if the verifier trusted it.
    const auto vouched = check_endorsement_certificate(certificate, pem_of(certificate));
    if (fuzz::is_taken(vouched)) promise(hal::is_printable(vouched->issuer), "an issuer is printable");
    if (++looked_at == 2) break;
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  const std::string path = file.write(fuzz::text_of(data, size));
  const auto evidence = read_evidence(path);
  if (fuzz::is_taken(evidence, Status::file_invalid) && evidence->format == kTpmFormat) {
    check(*evidence);
    const auto again = read_evidence(file.write(evidence_json(*evidence).dump(2)));
    promise(again.has_value() && again->statement == evidence->statement && again->signature == evidence->signature &&
                again->key == evidence->key && again->attestation_key == evidence->attestation_key &&
                again->endorsement_certificates == evidence->endorsement_certificates,
            "written anew it is the same evidence");
    return 0;
  }
  (void)file.write(fuzz::text_of(data, size));
  (void)fuzz::is_taken(read_challenge(path), Status::file_invalid);
  (void)fuzz::is_taken(read_expected_answer(path), Status::file_invalid);
  (void)fuzz::is_taken(read_answer(path), Status::file_invalid);
  (void)fuzz::is_taken(read_name(path), Status::file_invalid);
  compare_areas(fuzz::bytes_of(data, size));
  return 0;
}
