// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/attestation_check.hpp"
#include "tools/holdfast/attestation_evidence.hpp"
#include "tools/holdfast/commands.hpp"
#include "tools/holdfast/key_access.hpp"
#include "tools/holdfast/key_report.hpp"

#include <algorithm>

namespace holdfast::tool {
namespace {

constexpr std::size_t kMostCertificates = 9;

DeviceRequest request_of(const Arguments& arguments) {
  return {arguments.value("URI"), arguments.value("module"), arguments.value("pin-source")};
}

Bytes bytes_of(std::span<const std::byte> bytes, std::size_t size) {
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(std::min(size, bytes.size()))};
}

// As it is printed or written: whoever reads it is a program.
Result<void> hand_over(Terminal& terminal, const Arguments& arguments, const Json& json) {
  constexpr int kIndent = 2;
  if (arguments.has("out")) {
    HOLDFAST_TRY(write_whole_file(arguments.value("out"), json.dump(kIndent) + "\n", Overwriting::allowed));
    return {};
  }
  terminal.print_json(json);
  terminal.print(json.dump(kIndent) + "\n");
  return {};
}

Result<Evidence> evidence_of(const OpenKey& key, std::span<const std::byte> nonce) {
  const hal::Attestation made = HOLDFAST_TRY(key.device->attestor()->attest(key.handle, nonce, patience()));
  Evidence evidence;
  evidence.format = std::string(made.format.view());
  evidence.public_key = std::string(to_ssh_public_key(*key.description.public_key).view());
  evidence.statement = bytes_of(made.statement, made.statement_size);
  evidence.signature = bytes_of(made.signature, made.signature_size);
  evidence.attestation_key = bytes_of(made.attestation_key, made.attestation_key_size);
  evidence.key = bytes_of(made.key, made.key_size);
  if (hal::Endorsement* endorsement = key.device->endorsement()) {
    std::vector<hal::EndorsementCertificate> found(kMostCertificates);
    const std::size_t count = HOLDFAST_TRY(endorsement->certificates(found, patience()));
    found.resize(std::min(count, kMostCertificates));
    for (const auto& certificate : found) {
      evidence.endorsement_certificates.push_back(bytes_of(certificate.der, certificate.size));
    }
  }
  return evidence;
}

// A token that vouches for nothing still says what it says; nobody can tell it from a lie.
Result<void> attest_by_word(Terminal& terminal, const Arguments& arguments, const OpenKey& key, bool has_nonce) {
  if (has_nonce || arguments.has("ak-out")) {
    return failure(Status::scheme_unsupported, Layer::core, "attesting a key")
        .about("a PKCS#11 token signs nothing about its keys: it has no attestation key and takes no nonce")
        .with_hint("without --nonce and --ak-out you get what the token says of the key, marked as self-asserted");
  }
  Json json = Json::object();
  json.set("format", kTokenFormat);
  json.set("is_self_asserted", true);
  if (key.description.public_key) {
    json.set("public_key", to_ssh_public_key(*key.description.public_key).view());
  }
  json.set("token", Json::object()
                        .set("label", key.token.label.view())
                        .set("manufacturer", key.token.manufacturer.view())
                        .set("model", key.token.model.view())
                        .set("serial", key.token.serial.view())
                        .set("is_software", key.token.is_software));
  json.set("attributes", attributes_json(attribute_snapshot(key.description.attributes)));
  HOLDFAST_TRY(hand_over(terminal, arguments, json));
  if (arguments.has("out")) {
    const std::optional<std::string> public_key = json.string_member("public_key");
    Report report;
    report.text("format", "format", kTokenFormat)
        .row("public_key", public_key ? "public key" : "", public_key.value_or(""),
             public_key ? Json::string(*public_key) : Json())
        .text("token", "token", key.token.label.view())
        .row("is_self_asserted", "attested by", "nobody", Json::boolean(true))
        .for_programs("is_software", Json::boolean(key.token.is_software));
    terminal.show(report);
  }
  terminal.note("this is the token's own word, signed by nobody: it proves nothing to others");
  if (key.token.is_software) terminal.note(kSoftwareTokenNote);
  return {};
}

Result<void> answer_challenge(Terminal& terminal, const Arguments& arguments) {
  for (const std::string_view other : {"nonce", "nonce-file", "ak-out"}) {
    if (!arguments.has(other)) continue;
    return wrong_value("--answer-challenge stands alone, with --out at most",
                       "make evidence and answer a challenge in two commands");
  }
  if (arguments.has("pin-source")) {
    return wrong_value("--answer-challenge uses no key, and needs no --pin-source", "leave it out");
  }
  const Credential challenge = HOLDFAST_TRY(read_challenge(arguments.value("answer-challenge")));
  const hal::DevicePtr device = HOLDFAST_TRY(open_device(request_of(arguments), hal::DeviceAccess::browse));
  hal::Endorsement* endorsement = device->endorsement();
  if (endorsement == nullptr) {
    return failure(Status::scheme_unsupported, Layer::core, "answering a challenge")
        .about("a PKCS#11 token has no endorsement key")
        .with_hint("name the key in the TPM: tpm2:file=/PATH or tpm2:handle=0x…");
  }
  terminal.progress("asking the TPM");
  const hal::SecretBytes answer = HOLDFAST_TRY(endorsement->answer(challenge.blob, challenge.seed, patience()));
  const Json json = answer_json(answer.reveal({}));
  HOLDFAST_TRY(hand_over(terminal, arguments, json));
  if (arguments.has("out")) {
    Report report;
    report.text("format", "format", json.string_member("format").value_or(""));
    terminal.show(report);
  }
  return {};
}

Result<void> attest_key(Terminal& terminal, const Arguments& arguments) {
  if (arguments.has("answer-challenge")) return answer_challenge(terminal, arguments);
  const auto nonce = HOLDFAST_TRY(read_nonce(arguments.given("nonce"), arguments.given("nonce-file")));
  const OpenKey key = HOLDFAST_TRY(open_key(request_of(arguments), hal::DeviceAccess::sign));
  if (key.device->attestor() == nullptr) return attest_by_word(terminal, arguments, key, nonce.has_value());

  terminal.progress("asking the TPM");
  const std::span<const std::byte> asked = nonce ? std::span<const std::byte>(*nonce) : std::span<const std::byte>();
  const Evidence evidence = HOLDFAST_TRY(evidence_of(key, asked));
  // A key that others will refuse is better known here.
  const CheckedAttestation checked =
      HOLDFAST_TRY(check_attestation(evidence.attestation(), {*key.description.public_key, asked}));
  const std::string name = to_hex(checked.attestation_key);
  const bool is_for_a_file = arguments.has("out");
  if (is_for_a_file) {
    HOLDFAST_TRY(hand_over(terminal, arguments, evidence_json(evidence)));
    terminal.remember_done("the evidence is in " + std::string(arguments.value("out")));
  }
  // After the other file, as it is refused where one stands: the same command can then be given again.
  if (arguments.has("ak-out")) {
    HOLDFAST_TRY(write_whole_file(arguments.value("ak-out"), name + "\n", Overwriting::refused));
  }
  if (!is_for_a_file) return hand_over(terminal, arguments, evidence_json(evidence));
  Report report;
  report.text("format", "format", evidence.format)
      .text("public_key", "public key", evidence.public_key)
      .text("key_name", "key name", to_hex(checked.key))
      .text("attestation_key_name", "attested by", name)
      .row("endorsement_certificates", "certificates", std::to_string(evidence.endorsement_certificates.size()),
           Json::integer(static_cast<std::int64_t>(evidence.endorsement_certificates.size())));
  terminal.show(report);
  return {};
}

}  // namespace

std::vector<Command> attest_commands(Terminal& terminal) {
  return {
      {.words = "key attest",
       .summary = "has a TPM vouch for one of its keys",
       .description =
           "Prints evidence, as JSON, that the key was made inside a TPM and cannot leave it: signed by the TPM's\n"
           "attestation key, which is the same each time and signs nothing else. holdfast verify --attestation "
           "checks\n"
           "it anywhere. A PKCS#11 token has no such key; what it says of its own key is printed, marked as such.",
       .positionals = {{.name = "URI", .help = "the key: tpm2:file=/PATH or tpm2:handle=0x…"}},
       .options = {{.name = "nonce",
                    .value_name = "HEX",
                    .help = "the verifier's nonce, 1 to 64 bytes: shows that the evidence is fresh"},
                   {.name = "nonce-file", .value_name = "FILE", .help = "the same, from a file of those bytes"},
                   {.name = "out", .value_name = "FILE", .help = "write the evidence, or the answer, to a file"},
                   {.name = "ak-out",
                    .value_name = "FILE",
                    .help = "write the attestation key's name to a new file, to be remembered by verifiers"},
                   {.name = "answer-challenge",
                    .value_name = "FILE",
                    .help = "instead of that, have the TPM answer a challenge of holdfast verify"},
                   kPinSourceOption,
                   kModuleOption},
       .examples = {{.purpose = "Make evidence for a verifier who sent a nonce",
                     .command_line = "holdfast key attest tpm2:file=/etc/holdfast/agent.pem --nonce 6f0e… --out "
                                     "evidence.json"}},
       .run = running(terminal, attest_key)},
  };
}

}  // namespace holdfast::tool
