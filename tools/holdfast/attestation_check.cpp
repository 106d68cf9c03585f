// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/attestation_check.hpp"

#include "hal/secret_bytes.hpp"
#include "src/verification/sha256.hpp"
#include "tools/holdfast/attestation_evidence.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>

namespace holdfast::tool {
namespace {

constexpr const char* kChecking = "checking an attestation";
constexpr std::size_t kMostCertificateText = 256UL * 1024;

// The options that are of no use without others, and those that say whom to trust.
constexpr std::array<std::string_view, 9> kNeedAttestation{
    "ak", "ak-out", "nonce", "nonce-file", "ek-ca", "challenge-out", "expect-out", "answer", "expect"};

// What is known of the key that signed the evidence.
struct Standing {
  Result<void> verdict;
  std::string vouched_by;  ///< in words; empty if nothing does
};

Error refusal(std::string_view rule) {
  return failure(Status::attestation_refused, Layer::verification, kChecking).about(rule);
}

Standing pinned(const TpmName& name, const TpmName& trusted) {
  if (name == trusted) return {{}, "its pinned name (--ak)"};
  return {refusal("it was signed by another attestation key than the one that is trusted")
              .with_hint("find out whether the TPM was exchanged or cleared, before another key is trusted"),
          ""};
}

Result<Standing> by_answer(const Arguments& arguments, const TpmName& name) {
  const ExpectedAnswer expected = HOLDFAST_TRY(read_expected_answer(arguments.value("expect")));
  const Bytes answer = HOLDFAST_TRY(read_answer(arguments.value("answer")));
  if (expected.attestation_key != name) {
    return Standing{refusal("the challenge was made for another attestation key than the one that signed this"), ""};
  }
  if (!std::ranges::equal(sha256(answer), expected.answer_digest)) {
    return Standing{refusal("the answer is wrong: the attestation key is not in the TPM of the certificate"), ""};
  }
  return Standing{{}, "a TPM certified by " + expected.issuer};
}

Result<void> make_challenge(const Arguments& arguments, const Evidence& evidence, const TpmName& name) {
  const auto certificate = std::ranges::find_if(evidence.endorsement_certificates, is_rsa_certificate);
  if (certificate == evidence.endorsement_certificates.end()) {
    return refusal("it comes without a certificate of an RSA endorsement key: the TPM has none")
        .with_hint(
            "take the attestation key's name on the provisioning host, where the TPM is known, and give it as --ak");
  }
  const std::string trusted = HOLDFAST_TRY(
      read_whole_file(arguments.value("ek-ca"), kMostCertificateText, "reading the trusted certificates"));
  const Result<EndorsementPublicKey> key = check_endorsement_certificate(*certificate, trusted);
  if (!key) {
    Error error = key.error();
    if (error.status != Status::file_invalid) return error;
    return std::move(error).about(std::string(arguments.value("ek-ca")) + ": " +
                                  std::string(key.error().detail.view()));
  }
  std::array<std::byte, kMaxCredentialSecret> secret{};
  if (getrandom(secret.data(), secret.size(), 0) != static_cast<ssize_t>(secret.size())) {
    return failure(Status::resource_exhausted, Layer::system, "making a challenge").about("no randomness");
  }
  const Credential credential = HOLDFAST_TRY(make_credential(*key, name, secret));
  constexpr int kIndent = 2;
  const ExpectedAnswer expected{name, sha256(secret), key->issuer};
  hal::wipe(secret);
  // The challenge first: if the second cannot be written, the answer to an earlier challenge can still be judged.
  HOLDFAST_TRY(write_whole_file(arguments.value("challenge-out"), challenge_json(credential).dump(kIndent) + "\n",
                                Overwriting::allowed));
  return write_whole_file(arguments.value("expect-out"), expected_answer_json(expected).dump(kIndent) + "\n",
                          Overwriting::allowed);
}

Error unproven() { return failure(Status::attestation_unproven, Layer::verification, kChecking); }

Result<Standing> standing_of(const Arguments& arguments, const Evidence& evidence, const TpmName& name) {
  if (arguments.has("ak")) return pinned(name, HOLDFAST_TRY(read_name(arguments.value("ak"))));
  if (arguments.has("answer")) return by_answer(arguments, name);
  if (!arguments.has("ek-ca")) return Standing{unproven(), ""};
  HOLDFAST_TRY(make_challenge(arguments, evidence, name));
  return Standing{
      unproven()
          .about("its certificate holds; the TPM has yet to answer the challenge")
          .with_hint("on the host: holdfast key attest URI --answer-challenge FILE --out FILE; then here: "
                     "holdfast verify with --answer and --expect"),
      ""};
}

std::string_view verdict_word(const Result<void>& verdict) {
  if (verdict) return "proven";
  return verdict.status() == Status::attestation_unproven ? "unproven" : "refused";
}

void show(Terminal& terminal, const Evidence& evidence, const CheckedAttestation* checked, const Standing& standing,
          std::string_view public_key) {
  Report report;
  report.text("format", "format", evidence.format).text("public_key", "public key", public_key);
  if (checked != nullptr) {
    report.text("key_name", "key name", to_hex(checked->key))
        .text("attestation_key_name", "attested by", to_hex(checked->attestation_key))
        .row("is_fresh", "fresh", checked->is_fresh ? "yes: it holds the nonce" : "not asked: no nonce was given",
             Json::boolean(checked->is_fresh));
  }
  if (!standing.vouched_by.empty()) report.text("vouched_by", "vouched for", standing.vouched_by);
  report.text("verdict", "verdict", verdict_word(standing.verdict));
  report.for_programs("is_proven", Json::boolean(standing.verdict.has_value()));
  terminal.show(report);
}

Result<void> judge_word_of_token(Terminal& terminal, const Evidence& evidence, const PublicKey& expected) {
  const SshPublicKey wanted = to_ssh_public_key(expected);
  Standing standing{unproven()
                        .about("this is a PKCS#11 token's own word, signed by nobody")
                        .with_hint("no option can prove it; only a key in a TPM can be attested"),
                    ""};
  if (evidence.public_key != wanted.view()) standing.verdict = refusal("it is about another key");
  show(terminal, evidence, nullptr, standing, wanted.view());
  return standing.verdict;
}

}  // namespace

std::vector<Option> attestation_options() {
  return {
      {.name = "attestation", .value_name = "FILE", .help = "check evidence of holdfast key attest, and no header"},
      {.name = "ak",
       .value_name = "FILE",
       .help = "the attestation key that is trusted: its name, as holdfast key attest --ak-out writes it"},
      {.name = "nonce", .value_name = "HEX", .help = "the nonce that the evidence has to hold"},
      {.name = "nonce-file", .value_name = "FILE", .help = "the same, from a file of those bytes"},
      {.name = "ek-ca",
       .value_name = "FILE",
       .help = "the TPM maker's certificates, in PEM: check the TPM's own against them and make a challenge"},
      {.name = "challenge-out", .value_name = "FILE", .help = "where the challenge for the host goes"},
      {.name = "expect-out", .value_name = "FILE", .help = "where what is expected as its answer is kept"},
      {.name = "answer", .value_name = "FILE", .help = "the host's answer to the challenge"},
      {.name = "expect", .value_name = "FILE", .help = "what was kept with --expect-out"},
      {.name = "ak-out",
       .value_name = "FILE",
       .help = "once it is proven, write the attestation key's name to a new file, to be given as --ak from then on"},
  };
}

Result<void> check_attestation_options(const Arguments& arguments) {
  if (!arguments.has("attestation")) {
    for (const std::string_view option : kNeedAttestation) {
      if (!arguments.has(option)) continue;
      return wrong_value("--" + std::string(option) + " is about evidence, and no --attestation is given",
                         "name the evidence: --attestation FILE");
    }
    return {};
  }
  if (arguments.has("now") || arguments.has("window")) {
    return wrong_value("--now and --window are about headers", "leave them out: evidence has a nonce and no time");
  }
  const bool has_pair = arguments.has("challenge-out") && arguments.has("expect-out");
  const bool has_one = arguments.has("challenge-out") || arguments.has("expect-out");
  if (arguments.has("ek-ca") ? !has_pair : has_one) {
    return wrong_value("--ek-ca, --challenge-out and --expect-out go together", "give all three");
  }
  if (arguments.has("answer") != arguments.has("expect")) {
    return wrong_value("--answer and --expect go together", "give both");
  }
  if (int{arguments.has("ak")} + int{arguments.has("ek-ca")} + int{arguments.has("answer")} > 1) {
    return wrong_value("--ak, --ek-ca and --answer exclude each other", "give the one that says whom you trust");
  }
  if (arguments.has("ak-out") && !arguments.has("answer")) {
    return wrong_value("--ak-out needs --answer and --expect", "a key is remembered once it is proven");
  }
  return {};
}

Result<void> verify_attestation(Terminal& terminal, const Arguments& arguments, const PublicKey& expected) {
  const auto nonce = HOLDFAST_TRY(read_nonce(arguments.given("nonce"), arguments.given("nonce-file")));
  const Evidence evidence = HOLDFAST_TRY(read_evidence(arguments.value("attestation")));
  if (evidence.format == kTokenFormat) return judge_word_of_token(terminal, evidence, expected);

  AttestationExpectation expectation{expected, std::nullopt};
  if (nonce) expectation.nonce = *nonce;
  const std::string public_key(to_ssh_public_key(expected).view());
  const auto checked = check_attestation(evidence.attestation(), expectation);
  if (!checked) {
    show(terminal, evidence, nullptr, {checked.error(), ""}, public_key);
    return checked.error();
  }
  Standing standing = HOLDFAST_TRY(standing_of(arguments, evidence, checked->attestation_key));
  if (standing.verdict && arguments.has("ak-out")) {
    HOLDFAST_TRY(
        write_whole_file(arguments.value("ak-out"), to_hex(checked->attestation_key) + "\n", Overwriting::refused));
  }
  show(terminal, evidence, &*checked, standing, public_key);
  return standing.verdict;
}

}  // namespace holdfast::tool
