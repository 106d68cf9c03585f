// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

/// One RSA key of a JSON Web Key Set, big-endian.
struct JsonWebKey {
  std::string key_id;
  std::vector<std::byte> modulus;
  std::vector<std::byte> exponent;
};

/// Reads the RSA signing keys of a JWKS (RFC 7517 §5); keys of other types, uses or algorithms, and those without a
/// `kid`, are passed over. `file_invalid` for anything that is no JWKS, or one in which two keys bear the same id.
[[nodiscard]] Result<std::vector<JsonWebKey>> read_jwks(std::string_view text);

}  // namespace holdfast
