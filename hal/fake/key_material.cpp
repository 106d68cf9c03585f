// SPDX-License-Identifier: Apache-2.0
#include "hal/fake/key_material.hpp"

#include <gmp.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecc.h>
#include <nettle/ecdsa.h>
#include <sodium.h>

#include <algorithm>
#include <cstring>

namespace holdfast::hal::fake {
namespace {

constexpr std::size_t kHalf = 32;
constexpr std::size_t kLimbBytes = sizeof(mp_limb_t);
constexpr std::size_t kLimbs = kHalf / kLimbBytes;
using Limbs = std::array<mp_limb_t, kLimbs>;

// n of P-256 (FIPS 186-4 D.1.2.3).
constexpr std::array<unsigned char, kHalf> kOrder{0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                                                  0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};

const unsigned char* as_uchar(const std::byte* bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes);
}
unsigned char* as_uchar(std::byte* bytes) noexcept { return reinterpret_cast<unsigned char*>(bytes); }

bool is_scalar(std::span<const std::byte, kHalf> bytes) noexcept {
  const bool is_zero = std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
  return !is_zero && std::memcmp(bytes.data(), kOrder.data(), kHalf) < 0;
}

Limbs to_limbs(std::span<const std::byte, kHalf> big_endian) noexcept {
  Limbs limbs{};
  for (std::size_t i = 0; i < kHalf; ++i) {
    const std::size_t from_end = kHalf - 1 - i;
    limbs[from_end / kLimbBytes] |= static_cast<mp_limb_t>(big_endian[i]) << (from_end % kLimbBytes * 8);
  }
  return limbs;
}

void from_limbs(const Limbs& limbs, std::byte* big_endian) noexcept {
  for (std::size_t i = 0; i < kHalf; ++i) {
    const std::size_t from_end = kHalf - 1 - i;
    big_endian[i] = static_cast<std::byte>(limbs[from_end / kLimbBytes] >> (from_end % kLimbBytes * 8) & 0xFFU);
  }
}

// Deterministic in the manner of RFC 6979, so that a test's signatures are the same in every run.
Limbs nonce_for(const Secret& secret, std::span<const std::byte> digest) noexcept {
  for (unsigned char attempt = 0;; ++attempt) {
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, as_uchar(secret.data()), secret.size());
    crypto_auth_hmacsha256_update(&state, as_uchar(digest.data()), digest.size());
    crypto_auth_hmacsha256_update(&state, &attempt, 1);
    Secret nonce{};
    crypto_auth_hmacsha256_final(&state, as_uchar(nonce.data()));
    if (is_scalar(nonce)) return to_limbs(nonce);
  }
}

Signature sign_es256(const Secret& secret, std::span<const std::byte> digest) noexcept {
  // 12 limbs a limb of the curve in nettle 3.8 and 3.10; checked, because a scratch too small is written past.
  constexpr std::size_t kScratchLimbs = 1024;
  const ecc_curve* curve = nettle_get_secp_256r1();
  if (ecc_ecdsa_sign_itch(curve) > static_cast<mp_size_t>(kScratchLimbs)) __builtin_trap();
  std::array<mp_limb_t, kScratchLimbs> scratch;
  const Limbs scalar = to_limbs(secret);
  const Limbs nonce = nonce_for(secret, digest);
  Limbs r{};
  Limbs s{};
  ecc_ecdsa_sign(curve, scalar.data(), nonce.data(), digest.size(), as_uchar(digest.data()), r.data(), s.data(),
                 scratch.data());
  Signature signature;
  from_limbs(r, signature.data());
  from_limbs(s, signature.data() + kHalf);
  return signature;
}

Signature sign_ed25519(const Secret& seed, const PublicKey& public_key, std::span<const std::byte> message) noexcept {
  std::array<std::byte, crypto_sign_ed25519_SECRETKEYBYTES> expanded;
  std::ranges::copy(seed, expanded.begin());
  std::ranges::copy(public_key.bytes(), expanded.begin() + kHalf);
  Signature signature;
  crypto_sign_ed25519_detached(as_uchar(signature.data()), nullptr, as_uchar(message.data()), message.size(),
                               as_uchar(expanded.data()));
  return signature;
}

void export_half(const mpz_t number, std::byte* out) noexcept {
  Secret bytes{};
  std::size_t count = 0;
  const std::size_t size = (mpz_sizeinbase(number, 2) + 7) / 8;
  mpz_export(bytes.data() + (kHalf - size), &count, 1, 1, 1, 0, number);
  std::ranges::copy(bytes, out);
}

PublicKey derive_p256(const Secret& scalar) noexcept {
  const ecc_curve* curve = nettle_get_secp_256r1();
  mpz_t x;
  mpz_t y;
  mpz_inits(x, y, nullptr);
  mpz_import(x, kHalf, 1, 1, 1, 0, scalar.data());
  ecc_scalar secret;
  ecc_point point;
  ecc_scalar_init(&secret, curve);
  ecc_point_init(&point, curve);
  ecc_scalar_set(&secret, x);
  ecc_point_mul_g(&point, &secret);
  ecc_point_get(&point, x, y);
  std::array<std::byte, kP256PointSize> bytes{std::byte{4}};
  export_half(x, bytes.data() + 1);
  export_half(y, bytes.data() + 1 + kHalf);
  ecc_point_clear(&point);
  ecc_scalar_clear(&secret);
  mpz_clears(x, y, nullptr);
  return PublicKey::from_bytes(Scheme::es256, bytes).value();
}

PublicKey derive_ed25519(const Secret& seed) noexcept {
  std::array<std::byte, kEd25519KeySize> bytes;
  std::array<std::byte, crypto_sign_ed25519_SECRETKEYBYTES> expanded;
  crypto_sign_ed25519_seed_keypair(as_uchar(bytes.data()), as_uchar(expanded.data()), as_uchar(seed.data()));
  return PublicKey::from_bytes(Scheme::ed25519, bytes).value();
}

}  // namespace

Result<PublicKey> derive_public(Scheme scheme, const Secret& secret) noexcept {
  if (scheme == Scheme::ed25519) return derive_ed25519(secret);
  if (!is_scalar(secret)) {
    return failure(Status::invalid_argument, Layer::core, "deriving a public key")
        .about("the scalar lies outside [1, n-1]");
  }
  return derive_p256(secret);
}

Signature sign_with(const Secret& secret, const PublicKey& public_key, std::span<const std::byte> input) noexcept {
  return public_key.scheme() == Scheme::ed25519 ? sign_ed25519(secret, public_key, input) : sign_es256(secret, input);
}

Secret agree_with(const Secret& secret, std::span<const std::byte, 32> peer_public) noexcept {
  Secret shared{};
  const int result =
      crypto_scalarmult_curve25519(as_uchar(shared.data()), as_uchar(secret.data()), as_uchar(peer_public.data()));
  return result == 0 ? shared : Secret{};
}

Secret random_secret(Scheme scheme) noexcept {
  Secret secret{};
  do {
    randombytes_buf(secret.data(), secret.size());
  } while (scheme == Scheme::es256 && !is_scalar(secret));
  return secret;
}

}  // namespace holdfast::hal::fake
