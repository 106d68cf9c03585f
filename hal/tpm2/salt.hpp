// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"

#include "hal/secret_bytes.hpp"
#include "hal/tpm2/octets.hpp"

namespace holdfast::hal::tpm2 {

/// A secret that only we and the TPM behind one storage root know (TPM 2.0 Library Part 1 §19.6.13, Part 1 annex
/// C.6.1: one-pass ECDH to the root, then KDFe with "SECRET").
///
/// Made once per connection and used for every session in it: each session's key comes from this secret and two
/// fresh nonces, so sharing it tells nothing, and a signature costs no curve arithmetic on the host.
struct Salt {
  static constexpr std::size_t kEncryptedSize = 4 + 64;  ///< TPMS_ECC_POINT of P-256

  SecretBytes secret;                ///< in locked memory
  Octets<kEncryptedSize> encrypted;  ///< what TPM2_StartAuthSession takes as encryptedSalt

  /// To the root's `point`, a P-256 point. `label` is what the secret is for: "SECRET" for a session, "DUPLICATE" for
  /// a key to be imported (Part 1 annex C.6.3). `invalid_argument` if it is not on the curve. Allocates and frees.
  /// `room`, if there is one and it is large enough, becomes the secret's memory, once nothing can fail any more.
  [[nodiscard]] static Result<Salt> make(const PublicKey& point, std::string_view label = "SECRET",
                                         SecretBytes* room = nullptr) noexcept;
};

}  // namespace holdfast::hal::tpm2
