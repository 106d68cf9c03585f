// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/identity.hpp"

#include "src/identity/jwt.hpp"
#include "src/identity/private_key.hpp"

#include <optional>

namespace holdfast {

/// What an identity can be kept in as software (protocol.md §4).
enum class SourceForm : std::uint8_t { jwt, auth_json_jwt, auth_json_record, key };
/// "jwt", "auth.json (JWT)", "auth.json (record)", "key".
[[nodiscard]] std::string_view form_name(SourceForm form) noexcept;

/// A software identity as its source states it; nothing of it is verified.
struct SoftwareIdentity {
  SourceForm form = SourceForm::key;
  SoftwareKey key;
  std::optional<RuntimeId> runtime_id;  ///< a bare key has none
  AccountMetadata account;
  std::optional<Jwt> jwt;  ///< with its header and signature; the payload is wiped
  JwtClaims claims;
};

/// Tells what `source` is and reads it: an Agent Identity JWT, an upstream `auth.json` with either, a key file.
///
/// `source` lies in locked memory that the caller wipes; it is written to (escapes are resolved in place). The JWT
/// points into it. `file_invalid`, with what is wrong and never with a part of the text; a personal access token
/// (`at-…`) is refused by name. May throw `std::bad_alloc`.
[[nodiscard]] Result<SoftwareIdentity> read_upstream_record(std::span<std::byte> source);

}  // namespace holdfast
