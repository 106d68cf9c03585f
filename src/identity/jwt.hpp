// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/result.hpp"

#include "hal/secret_bytes.hpp"
#include "src/identity/jwks.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

inline constexpr std::string_view kJwtIssuer =
    "https://chatgpt.com/codex-backend/agent-identity";  ///< protocol.md §4
inline constexpr std::string_view kJwtAudience = "codex-app-server";
inline constexpr std::int64_t kJwtLeeway = 60;  ///< seconds an `exp` may lie back, and an `iat` or `nbf` ahead

/// An Agent Identity JWT, taken apart (RFC 7519, RFC 7515 §7.1). Its payload holds a private key.
struct Jwt {
  std::string algorithm;
  std::string key_id;            ///< empty: none
  std::string_view signed_text;  ///< points into the text it was read from
  std::vector<std::byte> signature;
  hal::SecretBytes payload;  ///< JSON
};

/// Who a JWT says it is from and for; nothing of it is believed before `check_claims`.
struct JwtClaims {
  std::string issuer;
  bool is_for_us = false;  ///< whether `aud` is, or holds, the audience of protocol.md §4
  std::optional<std::int64_t> expires;
  std::optional<std::int64_t> issued;
  std::optional<std::int64_t> not_before;
};

/// Whether `text` has the form of a JWT: three parts of base64url with dots between.
[[nodiscard]] bool looks_like_jwt(std::string_view text) noexcept;

/// Takes `text` apart. `file_invalid` names the part that is empty, cut or not what it should be.
[[nodiscard]] Result<Jwt> parse_jwt(std::string_view text);

/// Verifies the signature: RS256 only, with the key that `kid` names. `file_invalid`, with the algorithm or key
/// that will not do.
[[nodiscard]] Result<void> verify_jwt(const Jwt& jwt, const std::vector<JsonWebKey>& keys);

/// Judges issuer, audience and times at `now`. `file_invalid` with what is wrong; times are told in words.
[[nodiscard]] Result<void> check_claims(const JwtClaims& claims, WallSeconds now);

}  // namespace holdfast
