// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peers/ecdsa_der.hpp"

#include <openssl/bn.h>
#include <openssl/ec.h>

#include <stdexcept>

namespace holdfast::bench {

Signature r_and_s(std::span<const std::byte> der) {
  const auto* from = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* const pair = d2i_ECDSA_SIG(nullptr, &from, static_cast<long>(der.size()));
  if (pair == nullptr) throw std::runtime_error("a signature that is not DER");
  Signature signature{};
  auto* const out = reinterpret_cast<unsigned char*>(signature.data());
  constexpr int kHalf = 32;
  const bool fits = BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, kHalf) == kHalf &&
                    BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + kHalf, kHalf) == kHalf;
  ECDSA_SIG_free(pair);
  if (!fits) throw std::runtime_error("r and s are too long");
  return signature;
}

}  // namespace holdfast::bench
