// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <span>

namespace holdfast {

/// The name of an object in a TPM: the number of SHA-256 in two bytes and the hash of its public area (TPM 2.0
/// Library Part 1 §16). It pins the key and everything that is fixed about it.
inline constexpr std::size_t kTpmNameSize = 34;
using TpmName = std::array<std::byte, kTpmNameSize>;

/// What a TPM says of a key in it ("tpm2-certify"), as TPM2_Certify made it. Views of the caller's bytes, none
/// trusted.
struct TpmAttestation {
  std::span<const std::byte> statement;        ///< TPMS_ATTEST (TPM 2.0 Library Part 2 §10.12.12)
  std::span<const std::byte> signature;        ///< ES256 over the statement, r‖s, 64 bytes
  std::span<const std::byte> attestation_key;  ///< TPMT_PUBLIC (Part 2 §12.2.4) of the key that signed it
  std::span<const std::byte> key;              ///< TPMT_PUBLIC of the key that it is about
};

struct AttestationExpectation {
  PublicKey key;                                    ///< which key it has to be about
  std::optional<std::span<const std::byte>> nonce;  ///< unset: whether it is fresh is not asked
};

/// What evidence proves once its attestation key is known to be a TPM's, and which key that is.
struct CheckedAttestation {
  TpmName attestation_key;
  TpmName key;
  bool is_fresh = false;  ///< it holds the nonce that was asked for
};

/// Checks everything in evidence but who made it, and says which key did: the caller compares
/// `CheckedAttestation::attestation_key` with a name it trusts. Until then *nothing* is proven: whoever has a P-256
/// key can make evidence that passes here.
///
/// `attestation_refused`, with the rule that is broken, unless
/// - the attestation key is a P-256 key that signs ECDSA with SHA-256 only, is restricted (signs only what its TPM
/// says),
///   does not decrypt, is fixedTPM, fixedParent and sensitiveDataOrigin;
/// - the signature over the statement is its signature;
/// - the statement is a TPM's (0xFF544347) on a key (0x8017) and holds the nonce;
/// - it is about the name of `key`'s public area, which is a P-256 key that signs ECDSA with SHA-256 only, signs what
///   it is given, does not decrypt, is fixedTPM, fixedParent and sensitiveDataOrigin: made in that TPM, and not able
///   to leave it;
/// - that key is the expected public key.
///
/// Any bytes are safe. Allocates to prepare the P-256 key, and frees; any thread.
[[nodiscard]] Result<CheckedAttestation> check_attestation(const TpmAttestation& attestation,
                                                           const AttestationExpectation& expected) noexcept;

/// The name of the object with this public area (TPMT_PUBLIC); `attestation_refused` unless it is a well-formed one
/// of an elliptic curve key whose name algorithm is SHA-256.
[[nodiscard]] Result<TpmName> tpm_name(std::span<const std::byte> public_area) noexcept;

}  // namespace holdfast
