// SPDX-License-Identifier: Apache-2.0
#include "src/verification/sha256.hpp"

#include <sodium.h>

namespace holdfast {

static_assert(kSha256Size == crypto_hash_sha256_BYTES);

// Without sodium_init, as all of this library: that call seeds the random generator and picks implementations of
// primitives not used here (BLAKE2b, Argon2, ChaCha20, Poly1305, X25519), and it opens files.
Sha256Digest sha256(std::span<const std::byte> message) noexcept {
  Sha256Digest digest{};
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(digest.data()),
                     reinterpret_cast<const unsigned char*>(message.data()), message.size());
  return digest;
}

}  // namespace holdfast
