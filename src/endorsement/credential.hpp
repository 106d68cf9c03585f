// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/attestation.hpp"

#include "src/endorsement/certificate.hpp"

#include <vector>

namespace holdfast {

/// A secret that one TPM alone gives back, and only while a key of a certain name is in it (TPM 2.0 Library Part 1
/// §24): what TPM2_ActivateCredential takes.
struct Credential {
  std::vector<std::byte> blob;  ///< TPMS_ID_OBJECT (Part 2 §12.4.2)
  std::vector<std::byte> seed;  ///< for the endorsement key: RSAES-OAEP with SHA-256 and the label "IDENTITY"
};

inline constexpr std::size_t kMaxCredentialSecret = 32;  ///< bytes: a digest of the endorsement key's name algorithm

/// Encloses `secret` (1 to 32 bytes) for the endorsement key `key` and the key called `name`. `invalid_argument` for
/// another size; `resource_exhausted` if there is no randomness or memory. Any thread.
[[nodiscard]] Result<Credential> make_credential(const EndorsementPublicKey& key, const TpmName& name,
                                                 std::span<const std::byte> secret);

}  // namespace holdfast
