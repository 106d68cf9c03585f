// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/attestation.hpp"

#include "src/endorsement/credential.hpp"
#include "src/json/json.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What travels between a host and those who verify its key, as JSON files. Bytes are base64, names and nonces
/// hexadecimal. Everything that is read here is hostile: sizes are bounded, forms checked.
namespace holdfast::tool {

using Bytes = std::vector<std::byte>;

inline constexpr std::string_view kTpmFormat = "tpm2-certify";
/// What a PKCS#11 token merely says of its key: signed by nobody.
inline constexpr std::string_view kTokenFormat = "pkcs11-attributes";

struct Evidence {
  std::string format;
  std::string public_key;  ///< the SSH line, for people; what counts stands in `key`
  Bytes statement;
  Bytes signature;
  Bytes attestation_key;
  Bytes key;
  std::vector<Bytes> endorsement_certificates;

  [[nodiscard]] TpmAttestation attestation() const { return {statement, signature, attestation_key, key}; }
};

[[nodiscard]] Result<Evidence> read_evidence(std::string_view path);
[[nodiscard]] Json evidence_json(const Evidence& evidence);

/// For the host: what its TPM is to open.
[[nodiscard]] Result<Credential> read_challenge(std::string_view path);
[[nodiscard]] Json challenge_json(const Credential& credential);

/// For the verifier: what the host will say if the key is in that TPM. It tells nobody the answer.
struct ExpectedAnswer {
  TpmName attestation_key{};
  std::array<std::byte, kSha256Size> answer_digest{};
  std::string issuer;  ///< of the endorsement certificate
};
[[nodiscard]] Result<ExpectedAnswer> read_expected_answer(std::string_view path);
[[nodiscard]] Json expected_answer_json(const ExpectedAnswer& expected);

/// What the host's TPM found in the challenge.
[[nodiscard]] Result<Bytes> read_answer(std::string_view path);
[[nodiscard]] Json answer_json(std::span<const std::byte> answer);

/// A file with the name of an attestation key: 68 hexadecimal digits in one line, `000b…`.
[[nodiscard]] Result<TpmName> read_name(std::string_view path);

[[nodiscard]] std::string to_hex(std::span<const std::byte> bytes);
/// Nothing for anything but pairs of hexadecimal digits.
[[nodiscard]] std::optional<Bytes> from_hex(std::string_view text);

/// The nonce that one of two options names: hexadecimal digits, or a file whose bytes it is. `nullopt` if neither is
/// given, `invalid_argument` for both, other digits, none, or more than 64 bytes.
[[nodiscard]] Result<std::optional<Bytes>> read_nonce(std::optional<std::string_view> hex,
                                                      std::optional<std::string_view> file);

/// Reads a whole file of at most `most` bytes; `file_invalid` names it.
[[nodiscard]] Result<std::string> read_whole_file(std::string_view path, std::size_t most, const char* doing);
/// Writes `text` to `path`, whole or not at all.
enum class Overwriting : std::uint8_t { allowed, refused };
[[nodiscard]] Result<void> write_whole_file(std::string_view path, std::string_view text, Overwriting overwriting);

}  // namespace holdfast::tool
