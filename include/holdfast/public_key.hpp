// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace holdfast {

/// The signature schemes an assertion can carry. Both put 64 bytes on the wire.
enum class Scheme : std::uint8_t {
  ed25519 = 1,  ///< pure Ed25519 (RFC 8032 §5.1), R‖S
  es256 = 2,    ///< ECDSA on P-256 with SHA-256, fixed-width r‖s (RFC 7518 §3.4)
};

/// "ed25519" or "es256".
[[nodiscard]] std::string_view scheme_name(Scheme scheme) noexcept;
/// Reads a scheme's name; `invalid_argument` for any other text.
[[nodiscard]] Result<Scheme> parse_scheme(std::string_view name) noexcept;

inline constexpr std::size_t kSignatureSize = 64;   ///< bytes, both schemes
inline constexpr std::size_t kEd25519KeySize = 32;  ///< RFC 8032 §5.1.5
inline constexpr std::size_t kP256PointSize = 65;   ///< 04‖X‖Y, SEC 1 §2.3.3
inline constexpr std::size_t kSha256Size = 32;      ///< FIPS 180-4

using Signature = std::array<std::byte, kSignatureSize>;

/// A public key: its scheme and its bytes, 32 for Ed25519 or an uncompressed P-256 point of 65.
///
/// A plain value. `bytes()` is valid as long as the object. Whether a point is on the curve is checked by
/// `check_public_key` and by every verification, not by this type.
class PublicKey {
 public:
  PublicKey() noexcept = default;

  /// Takes `bytes` of exactly the scheme's size (for ES256 beginning with 04); else `invalid_argument`.
  [[nodiscard]] static Result<PublicKey> from_bytes(Scheme scheme, std::span<const std::byte> bytes) noexcept;

  [[nodiscard]] Scheme scheme() const noexcept { return scheme_; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {bytes_.data(), scheme_ == Scheme::ed25519 ? kEd25519KeySize : kP256PointSize};
  }
  friend bool operator==(const PublicKey& a, const PublicKey& b) noexcept {
    return a.scheme_ == b.scheme_ && std::ranges::equal(a.bytes(), b.bytes());
  }

 private:
  Scheme scheme_ = Scheme::ed25519;
  std::array<std::byte, kP256PointSize> bytes_{};
};

/// The longest public key line: `ecdsa-sha2-nistp256 ` and 140 characters of base64.
inline constexpr std::size_t kMaxSshPublicKeySize = 160;
using SshPublicKey = FixedText<kMaxSshPublicKeySize>;

/// `ssh-ed25519 AAAA…` or `ecdsa-sha2-nistp256 AAAA…` (RFC 4253 §6.6, RFC 8709 §4, RFC 5656 §3.1): one
/// space, standard padded base64, no comment.
[[nodiscard]] SshPublicKey to_ssh_public_key(const PublicKey& key) noexcept;

/// Reads exactly such a line; a comment, another key type, non-canonical base64 or trailing bytes are refused
/// with `invalid_argument` and a detail. Whether the key is usable is `check_public_key`'s question.
[[nodiscard]] Result<PublicKey> parse_ssh_public_key(std::string_view line) noexcept;

}  // namespace holdfast
