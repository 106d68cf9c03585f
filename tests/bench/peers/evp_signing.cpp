// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peers/evp_signing.hpp"

#include <openssl/ec.h>
#include <openssl/evp.h>

#include <array>
#include <stdexcept>

namespace holdfast::bench {
namespace {

void require(bool is_done, const char* what) {
  if (!is_done) throw std::runtime_error(std::string("OpenSSL: ") + what);
}

}  // namespace

Signature evp_sign(EVP_PKEY* key, Scheme scheme, std::span<const std::byte> message) {
  struct Context {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    ~Context() { EVP_MD_CTX_free(context); }
  } own;
  const bool is_ed25519 = scheme == Scheme::ed25519;
  require(EVP_DigestSignInit(own.context, nullptr, is_ed25519 ? nullptr : EVP_sha256(), nullptr, key) == 1,
          "EVP_DigestSignInit");
  std::array<unsigned char, 80> made{};
  std::size_t size = made.size();
  require(EVP_DigestSign(own.context, made.data(), &size, reinterpret_cast<const unsigned char*>(message.data()),
                         message.size()) == 1,
          "EVP_DigestSign");
  Signature signature{};
  auto* const out = reinterpret_cast<unsigned char*>(signature.data());
  if (is_ed25519) {
    require(size == signature.size(), "an Ed25519 signature of another size");
    std::copy_n(made.data(), size, out);
    return signature;
  }
  const unsigned char* from = made.data();
  ECDSA_SIG* const pair = d2i_ECDSA_SIG(nullptr, &from, static_cast<long>(size));
  require(pair != nullptr, "d2i_ECDSA_SIG");
  constexpr int kHalf = 32;
  const bool fits = BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, kHalf) == kHalf &&
                    BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + kHalf, kHalf) == kHalf;
  ECDSA_SIG_free(pair);
  require(fits, "r and s are too long");
  return signature;
}

}  // namespace holdfast::bench
