// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"

#include <cstddef>
#include <optional>
#include <span>

namespace holdfast::hal::pkcs11 {

/// The scheme of the curve that `ec_params` (CKA_EC_PARAMS) names, if it is one of ours.
///
/// Edwards25519 comes in three forms: the OID of RFC 8410, the PrintableString "edwards25519" of PKCS#11 v3.0
/// §6.3.5, and the OID that GnuPG used before.
[[nodiscard]] std::optional<Scheme> scheme_of_curve(std::span<const std::byte> ec_params) noexcept;

/// Whether `ec_params` names the curve of X25519: the OID of RFC 8410, or the PrintableString "curve25519" of
/// PKCS#11 v3.0 §6.3.6.
[[nodiscard]] bool is_x25519_curve(std::span<const std::byte> ec_params) noexcept;

/// Reads CKA_EC_POINT by its length alone: the standard changed from DER to raw bytes between 3.0 and
/// 3.1, and a raw key may begin with any byte. Raw, in an OCTET STRING, or in a BIT STRING. `device_fault` for
/// anything else.
[[nodiscard]] Result<PublicKey> decode_point(Scheme scheme, std::span<const std::byte> ec_point) noexcept;

/// CKA_EC_PARAMS as an OID, which most tokens take, and as a PrintableString, which yubihsm_pkcs11 wants for Ed25519.
[[nodiscard]] std::span<const std::byte> curve_oid(Scheme scheme) noexcept;
[[nodiscard]] std::span<const std::byte> curve_name(Scheme scheme) noexcept;
/// The same two forms for X25519.
[[nodiscard]] std::span<const std::byte> x25519_oid() noexcept;
[[nodiscard]] std::span<const std::byte> x25519_name() noexcept;

}  // namespace holdfast::hal::pkcs11
