// SPDX-License-Identifier: Apache-2.0
#include "holdfast/public_key.hpp"

#include "src/assertion/detail_text.hpp"

#include <algorithm>

namespace holdfast {

std::string_view scheme_name(Scheme scheme) noexcept { return scheme == Scheme::ed25519 ? "ed25519" : "es256"; }

Result<Scheme> parse_scheme(std::string_view name) noexcept {
  for (const Scheme scheme : {Scheme::ed25519, Scheme::es256}) {
    if (name == scheme_name(scheme)) return scheme;
  }
  return failure(Status::invalid_argument, Layer::core, "reading a signature scheme")
      .about("a scheme is 'ed25519' or 'es256'");
}

Result<PublicKey> PublicKey::from_bytes(Scheme scheme, std::span<const std::byte> bytes) noexcept {
  const auto refusal = [](std::string_view rule) {
    return failure(Status::invalid_argument, Layer::core, "taking a public key").about(rule);
  };
  if (scheme != Scheme::ed25519 && scheme != Scheme::es256) return refusal("the scheme is unknown");
  PublicKey key;
  key.scheme_ = scheme;
  const std::size_t size = key.bytes().size();
  if (bytes.size() != size) {
    return refusal((DetailText() << "it has " << bytes.size() << " bytes instead of " << size).view());
  }
  if (scheme == Scheme::es256 && bytes[0] != std::byte{0x04}) {
    return refusal("the point is not in uncompressed form (04 first)");
  }
  std::ranges::copy(bytes, key.bytes_.begin());
  return key;
}

}  // namespace holdfast
