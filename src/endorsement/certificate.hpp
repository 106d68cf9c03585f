// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace holdfast {

/// An endorsement key that a TPM's maker vouches for: RSA-2048, template L-1 (TCG EK Credential Profile §B.3.3).
struct EndorsementPublicKey {
  static constexpr std::size_t kModulusSize = 256;
  std::array<std::byte, kModulusSize> modulus{};  ///< big-endian
  std::array<std::byte, 4> exponent{};            ///< big-endian
  std::string issuer;                             ///< who vouches, as the certificate names them
};

/// Whether `der` is a certificate of an RSA key, one that a challenge can be made for.
[[nodiscard]] bool is_rsa_certificate(std::span<const std::byte> der);

/// Checks that `der` is a certificate for an RSA-2048 endorsement key, valid now, and issued under one of the
/// certificates in `trusted_pem` (PEM; roots, and what stands between them and the TPM's certificate, in any order:
/// all of them are trusted).
///
/// `file_invalid` if `trusted_pem` holds no certificate or one that cannot be read; `attestation_refused` with the
/// reason for everything else. Where the certificate has an extended key usage, it has to be that of an endorsement
/// key. Revocation is not checked. Allocates; any thread.
[[nodiscard]] Result<EndorsementPublicKey> check_endorsement_certificate(std::span<const std::byte> der,
                                                                         std::string_view trusted_pem);

}  // namespace holdfast
