// SPDX-License-Identifier: Apache-2.0
// The keys of a JWT's issuer (src/identity/jwks.cpp) and the signature they check. No two keys share an id, each is
// of a bounded size, and none of them verifies what it did not sign.
#include "src/identity/jwks.hpp"
#include "src/identity/software_crypto.hpp"
#include "tests/fuzz/refusal.hpp"

#include <array>
#include <set>

using namespace holdfast;
using fuzz::promise;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto keys = read_jwks(fuzz::text_of(data, size));
  if (!fuzz::is_taken(keys, Status::file_invalid)) return 0;
  std::set<std::string> ids;
  std::size_t looked_at = 0;
  for (const JsonWebKey& key : *keys) {
    promise(!key.key_id.empty() && ids.insert(key.key_id).second, "each key has an id of its own");
    promise(key.modulus.size() + key.exponent.size() <= size, "a key is no larger than what it was read from");
    if (++looked_at > 2) continue;  // RSA is slow, and all keys are alike
    const std::array<std::byte, 256> signature{std::byte{1}};
    promise(!fuzz::is_taken(verify_rs256("text", signature, {.modulus = key.modulus, .exponent = key.exponent}),
                            Status::file_invalid),
            "nobody's signature does not verify");
  }
  return 0;
}
