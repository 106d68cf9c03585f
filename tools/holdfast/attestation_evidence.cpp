// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/attestation_evidence.hpp"

#include "hal/key_device.hpp"
#include "hal/trusted_file.hpp"
#include "src/assertion/base64.hpp"
#include "src/identity/atomic_file.hpp"
#include "tools/holdfast/commands.hpp"
#include "tools/holdfast/identity_target.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <algorithm>

namespace holdfast::tool {
namespace {

constexpr std::size_t kMostText = 128UL * 1024;  // nine certificates of 4 KiB, in base64, and the rest
constexpr std::size_t kMostBytes = 4096;
constexpr std::size_t kMostCertificates = 16;
constexpr std::string_view kChallengeFormat = "tpm2-credential-challenge";
constexpr std::string_view kAnswerFormat = "tpm2-credential-answer";
constexpr std::string_view kExpectedFormat = "tpm2-credential-expected-answer";

Error bad_file(std::string_view path, std::string_view why, const char* doing) {
  return failure(Status::file_invalid, Layer::core, doing).about(std::string(path) + " " + std::string(why));
}

std::string to_base64(std::span<const std::byte> bytes) {
  std::string text(base64_size(Base64::standard, bytes.size()), '\0');
  text.resize(encode_base64(Base64::standard, bytes, text));
  return text;
}

std::optional<Bytes> from_base64(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  Bytes bytes(kMostBytes);
  const auto size = decode_base64(Base64::standard, *text, bytes);
  if (!size) return std::nullopt;
  bytes.resize(*size);
  return bytes;
}

Result<Json> read_object(std::string_view path, const char* doing) {
  const std::string text = HOLDFAST_TRY(read_whole_file(path, kMostText, doing));
  std::string_view why;
  const auto json = Json::parse(text, why);
  if (!json || !json->is_object()) return bad_file(path, "is no JSON object", doing);
  return *json;
}

// The object of `path`, which has to be of this format.
Result<Json> read_object_of(std::string_view path, std::string_view format, const char* doing, const char* hint) {
  Json json = HOLDFAST_TRY(read_object(path, doing));
  if (json.string_member("format") == format) return json;
  return bad_file(path, "is of another kind: its format is not " + std::string(format), doing).with_hint(hint);
}

template <std::size_t Size>
std::optional<std::array<std::byte, Size>> exact_hex(const std::optional<std::string>& text) {
  const auto bytes = text ? from_hex(*text) : std::nullopt;
  if (!bytes || bytes->size() != Size) return std::nullopt;
  std::array<std::byte, Size> out{};
  std::ranges::copy(*bytes, out.begin());
  return out;
}

}  // namespace

Result<Evidence> read_evidence(std::string_view path) {
  constexpr const char* kReading = "reading the attestation";
  const Json json = HOLDFAST_TRY(read_object(path, kReading));
  Evidence evidence;
  evidence.format = json.string_member("format").value_or("");
  evidence.public_key = json.string_member("public_key").value_or("");
  if (evidence.format == kTokenFormat) return evidence;
  if (evidence.format != kTpmFormat) {
    return bad_file(path, "is no attestation of a kind known here", kReading)
        .with_hint("name a file that this made: holdfast key attest URI --out FILE");
  }
  for (const auto& [name, bytes] : {std::pair{"statement", &evidence.statement},
                                    {"signature", &evidence.signature},
                                    {"attestation_key_area", &evidence.attestation_key},
                                    {"key_area", &evidence.key}}) {
    auto read = from_base64(json.string_member(name));
    if (!read) return bad_file(path, "has no member '" + std::string(name) + "' in base64", kReading);
    *bytes = std::move(*read);
  }
  const auto certificates = json.member("endorsement_certificates");
  if (!certificates) return evidence;
  if (!certificates->is_array() || certificates->size() > kMostCertificates) {
    return bad_file(path, "has no list of certificates", kReading);
  }
  for (std::size_t i = 0; i < certificates->size(); ++i) {
    auto certificate = from_base64(certificates->element(i)->as_string());
    if (!certificate) return bad_file(path, "has a certificate that is not in base64", kReading);
    evidence.endorsement_certificates.push_back(std::move(*certificate));
  }
  return evidence;
}

Json evidence_json(const Evidence& evidence) {
  Json json = Json::object();
  json.set("format", evidence.format).set("public_key", evidence.public_key);
  json.set("statement", to_base64(evidence.statement)).set("signature", to_base64(evidence.signature));
  const auto key = tpm_name(evidence.key);
  const auto attestation_key = tpm_name(evidence.attestation_key);
  if (key) json.set("key_name", to_hex(*key));
  json.set("key_area", to_base64(evidence.key));
  if (attestation_key) json.set("attestation_key_name", to_hex(*attestation_key));
  json.set("attestation_key_area", to_base64(evidence.attestation_key));
  Json certificates = Json::array();
  for (const Bytes& certificate : evidence.endorsement_certificates) {
    certificates.append(Json::string(to_base64(certificate)));
  }
  return json.set("endorsement_certificates", std::move(certificates));
}

Result<Credential> read_challenge(std::string_view path) {
  constexpr const char* kReading = "reading the challenge";
  const Json json =
      HOLDFAST_TRY(read_object_of(path, kChallengeFormat, kReading,
                                  "name the file that the verifier made: holdfast verify … --challenge-out FILE"));
  auto blob = from_base64(json.string_member("credential"));
  auto seed = from_base64(json.string_member("seed"));
  if (!blob || !seed || blob->size() > 512 || seed->size() > 512) {
    return bad_file(path, "has no credential and seed in base64", kReading);
  }
  return Credential{std::move(*blob), std::move(*seed)};
}

Json challenge_json(const Credential& credential) {
  Json json = Json::object();
  json.set("format", kChallengeFormat).set("credential", to_base64(credential.blob));
  return json.set("seed", to_base64(credential.seed));
}

Result<ExpectedAnswer> read_expected_answer(std::string_view path) {
  constexpr const char* kReading = "reading the expected answer";
  const Json json = HOLDFAST_TRY(read_object_of(
      path, kExpectedFormat, kReading, "name the file that was kept here: holdfast verify … --expect-out FILE"));
  const auto name = exact_hex<kTpmNameSize>(json.string_member("attestation_key_name"));
  const auto digest = exact_hex<kSha256Size>(json.string_member("answer_sha256"));
  if (!name || !digest) return bad_file(path, "has no name and digest in hexadecimal digits", kReading);
  return ExpectedAnswer{*name, *digest, json.string_member("issuer").value_or("")};
}

Json expected_answer_json(const ExpectedAnswer& expected) {
  Json json = Json::object();
  json.set("format", kExpectedFormat).set("attestation_key_name", to_hex(expected.attestation_key));
  return json.set("answer_sha256", to_hex(expected.answer_digest)).set("issuer", expected.issuer);
}

Result<Bytes> read_answer(std::string_view path) {
  constexpr const char* kReading = "reading the answer";
  const Json json = HOLDFAST_TRY(read_object_of(path, kAnswerFormat, kReading,
                                                "name the file that the host made: holdfast key attest URI "
                                                "--answer-challenge FILE --out FILE"));
  const auto answer = json.string_member("answer");
  auto bytes = answer ? from_hex(*answer) : std::nullopt;
  if (!bytes) return bad_file(path, "has no answer in hexadecimal digits", kReading);
  return std::move(*bytes);
}

Json answer_json(std::span<const std::byte> answer) {
  Json json = Json::object();
  return json.set("format", kAnswerFormat).set("answer", to_hex(answer));
}

Result<TpmName> read_name(std::string_view path) {
  constexpr const char* kReading = "reading the attestation key's name";
  constexpr std::size_t kMostLine = 256;
  std::string text = HOLDFAST_TRY(read_whole_file(path, kMostLine, kReading));
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  const auto name = exact_hex<kTpmNameSize>(text);
  if (name) return *name;
  return bad_file(path, "does not hold 68 hexadecimal digits", kReading)
      .with_hint("name a file that this made: holdfast key attest URI --ak-out FILE");
}

std::string to_hex(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<std::size_t>(byte) >> 4U];
    text += kDigits[std::to_integer<std::size_t>(byte) & 0xFU];
  }
  return text;
}

std::optional<Bytes> from_hex(std::string_view text) {
  const auto value_of = [](char c) -> unsigned {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
    return 16;
  };
  if (text.size() % 2 != 0 || text.size() > 2 * kMostBytes) return std::nullopt;
  Bytes bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const unsigned high = value_of(text[i]);
    const unsigned low = value_of(text[i + 1]);
    if (high > 15 || low > 15) return std::nullopt;
    bytes.push_back(static_cast<std::byte>(high << 4U | low));
  }
  return bytes;
}

Result<std::optional<Bytes>> read_nonce(std::optional<std::string_view> hex, std::optional<std::string_view> file) {
  constexpr std::size_t kMostNonce = hal::kMaxAttestationNonceSize;
  if (hex && file) return wrong_value("--nonce and --nonce-file exclude each other", "give the nonce once");
  std::optional<Bytes> nonce;
  if (hex) {
    nonce = from_hex(*hex);
    if (!nonce) return wrong_value("--nonce takes hexadecimal digits", "write it in pairs of 0-9 and a-f");
  } else if (file) {
    const std::string text = HOLDFAST_TRY(read_whole_file(*file, kMostNonce, "reading the nonce"));
    const auto bytes = std::as_bytes(std::span(text));
    nonce.emplace(bytes.begin(), bytes.end());
  } else {
    return nonce;
  }
  if (!nonce->empty() && nonce->size() <= kMostNonce) return nonce;
  return wrong_value("a nonce has 1 to 64 bytes", "let the verifier draw 32 random bytes for each question");
}

Result<std::string> read_whole_file(std::string_view path, std::size_t most, const char* doing) {
  const std::string name(path);
  const hal::FileDescriptor file(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) {
    Error error = failure(errno == EACCES ? Status::permission_denied : Status::file_invalid, Layer::system, doing);
    error.native = static_cast<std::uint64_t>(errno);
    error.native_name = ::strerrorname_np(errno);
    return std::move(error).about(name + " cannot be opened");
  }
  std::string text(most, '\0');
  const auto size = hal::read_all(file.get(), std::as_writable_bytes(std::span(text)));
  if (!size) {
    Error error = size.error();
    error.doing = doing;
    if (error.native == 0) error.detail = FixedText<190>(name + " is too long");
    return error;
  }
  text.resize(*size);
  return text;
}

Result<void> write_whole_file(std::string_view path, std::string_view text, Overwriting overwriting) {
  const std::string absolute = HOLDFAST_TRY(absolute_path(path));
  return write_file_atomically(absolute, text,
                               overwriting == Overwriting::allowed ? Existing::replaced : Existing::refused);
}

}  // namespace holdfast::tool
