// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"
#include "hal/tpm2/key_derivation.hpp"
#include "hal/tpm2/uri.hpp"

namespace holdfast::hal::tpm2 {

inline constexpr std::size_t kMaxPublicSize = 700;  ///< bytes of a TPMT_PUBLIC; RSA 4096 takes some 560
inline constexpr std::size_t kCoordinateSize = 32;
inline constexpr std::size_t kMaxPolicySize = 64;  ///< bytes of a digest, SHA-512's

/// A TPMT_PUBLIC (TPM 2.0 Library Part 2 §12.2.4) as it came, and what we read of it.
class PublicArea {
 public:
  PublicArea() noexcept = default;
  /// Reads the whole of `bytes`; `device_fault` unless they are one well-formed public area.
  [[nodiscard]] static Result<PublicArea> parse(std::span<const std::byte> bytes) noexcept;

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_.view(); }
  /// The object's name, computed by us; empty where the name algorithm is not SHA-256.
  [[nodiscard]] Name name() const noexcept;

  [[nodiscard]] std::uint32_t attributes() const noexcept { return attributes_; }
  [[nodiscard]] bool has(std::uint32_t attribute) const noexcept { return (attributes_ & attribute) != 0; }
  [[nodiscard]] bool is_p256() const noexcept { return is_p256_; }
  /// Its authPolicy; empty: no policy authorises anything.
  [[nodiscard]] std::span<const std::byte> policy() const noexcept { return policy_.view(); }
  [[nodiscard]] bool has_policy() const noexcept { return !policy_.empty(); }
  /// Only a policy lets it sign: its auth value alone does not.
  [[nodiscard]] bool is_used_by_policy() const noexcept;
  /// Signs ECDSA with SHA-256 and nothing else.
  [[nodiscard]] bool is_scheme_pinned() const noexcept { return scheme_ == SchemeKind::ecdsa_sha256; }
  /// The scheme of ours it can sign in: an unrestricted P-256 signing key whose own scheme is open or ours.
  [[nodiscard]] std::optional<Scheme> scheme() const noexcept;
  /// The storage key's template that everybody agrees on (TCG EK Credential Profile, storage root "H-3";
  /// tpm2-openssl; TSS2 key files with a hierarchy as parent): P-256, AES-128-CFB, noDA, an empty policy.
  [[nodiscard]] bool is_storage_root() const noexcept;
  /// Empty unless the point's coordinates are complete.
  [[nodiscard]] std::optional<PublicKey> point() const noexcept;

  /// What it says of itself; besides, whether its policy is one that we know, the PCR policy.
  [[nodiscard]] KeyAttributes key_attributes(bool name_matches, bool is_policy_known) const noexcept;

 private:
  enum class SchemeKind : std::uint8_t { open, ecdsa_sha256, other };

  Octets<kMaxPublicSize> bytes_;
  std::uint16_t type_ = 0;
  std::uint16_t name_algorithm_ = 0;
  std::uint32_t attributes_ = 0;
  Octets<kMaxPolicySize> policy_;
  bool is_p256_ = false;
  bool has_root_symmetric_ = false;
  SchemeKind scheme_ = SchemeKind::other;
  std::array<std::byte, 2 * kCoordinateSize> point_{};
  bool has_point_ = false;
};

enum class KeyUse : std::uint8_t {
  signing,      ///< sign only, ECDSA/SHA-256
  attestation,  ///< the same, restricted: signs only what the TPM itself says
  storage_root,
};

/// Writes the TPM2B_PUBLIC template of a key to be made. With `policy`, nothing but that policy lets it sign.
void write_template(ByteWriter& out, KeyUse use, bool has_auth_value,
                    std::span<const std::byte> policy = {}) noexcept;

}  // namespace holdfast::hal::tpm2
