// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"

#include "hal/secret_bytes.hpp"

#include <span>

namespace holdfast {

/// A private key that is still software: for the seconds of an import.
struct SoftwareKey {
  PublicKey public_key;
  hal::SecretBytes private_key;  ///< Ed25519 seed or P-256 scalar, 32 bytes
};

/// Reads PKCS#8 DER of an Ed25519 or P-256 key: version 1 (RFC 5208) or 2 with the public half (RFC 5958 §2, RFC 8410
/// §7), RFC 5915 inside for P-256.
///
/// `file_invalid` with a detail: another kind of key, an encrypted one, cut or surplus bytes, a public half that is
/// not the private one's. Every copy of the secret is in locked memory.
[[nodiscard]] Result<SoftwareKey> read_pkcs8(std::span<const std::byte> der) noexcept;

/// Reads a key file: PKCS#8 as PEM (RFC 7468 §10), as DER, or as bare base64; or an OpenSSH private key
/// (PROTOCOL.key) without a passphrase. An encrypted one, and PEM of another kind, are refused by name.
[[nodiscard]] Result<SoftwareKey> read_private_key_file(std::span<const std::byte> file) noexcept;

}  // namespace holdfast
