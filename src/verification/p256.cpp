// SPDX-License-Identifier: Apache-2.0
#include "src/verification/p256.hpp"

#include <gmp.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecc.h>
#include <nettle/ecdsa.h>

#include <algorithm>

// Nettle's lower layer, because it takes caller's scratch: 97 µs and no heap call, where libcrypto makes 22 and
// mbedTLS thousands, and BearSSL, which makes none, takes 642 µs.
namespace holdfast {
namespace {

static_assert(sizeof(mp_limb_t) == sizeof(std::uint64_t) && GMP_NAIL_BITS == 0, "limbs are 64-bit words");

constexpr std::size_t kNumberSize = 32;
// 244 limbs in nettle 3.8; `prepare` compares with what the library at hand asks for.
constexpr std::size_t kScratchLimbs = 384;

const ecc_curve* curve() noexcept { return nettle_get_secp_256r1(); }

void read_number(std::span<const std::byte, kNumberSize> bytes, mp_limb_t* words) noexcept {
  for (std::size_t word = 0; word < kNumberSize / sizeof(mp_limb_t); ++word) {
    mp_limb_t value = 0;
    const std::size_t first = kNumberSize - (word + 1) * sizeof(mp_limb_t);
    for (const std::byte b : bytes.subspan(first, sizeof(mp_limb_t))) {
      value = value << 8U | std::to_integer<mp_limb_t>(b);
    }
    words[word] = value;
  }
}

class Integer {
 public:
  explicit Integer(std::span<const std::byte> big_endian) noexcept {
    mpz_init(value_);
    mpz_import(value_, big_endian.size(), 1, 1, 1, 0, big_endian.data());
  }
  Integer(const Integer&) = delete;
  Integer& operator=(const Integer&) = delete;
  ~Integer() { mpz_clear(value_); }
  [[nodiscard]] mpz_srcptr get() const noexcept { return value_; }

 private:
  mpz_t value_;
};

class Point {
 public:
  Point() noexcept { ecc_point_init(&point_, curve()); }
  Point(const Point&) = delete;
  Point& operator=(const Point&) = delete;
  ~Point() { ecc_point_clear(&point_); }
  [[nodiscard]] bool set(const Integer& x, const Integer& y) noexcept {
    return ecc_point_set(&point_, x.get(), y.get()) != 0;
  }
  [[nodiscard]] const mp_limb_t* limbs() const noexcept { return point_.p; }

 private:
  ecc_point point_{};
};

}  // namespace

Result<P256Verifier> P256Verifier::prepare(std::span<const std::byte, kP256PointSize> point) noexcept {
  constexpr const char* doing = "preparing a P-256 public key";
  if (ecc_ecdsa_verify_itch(curve()) > static_cast<mp_size_t>(kScratchLimbs) ||
      ecc_size_a(curve()) != static_cast<mp_size_t>(2 * kWordsPerNumber)) {
    return failure(Status::scheme_unsupported, Layer::verification, doing)
        .about("this version of nettle asks for more memory than is set aside");
  }
  Point prepared;
  if (point[0] != std::byte{0x04} ||
      !prepared.set(Integer(point.subspan(1, kNumberSize)), Integer(point.subspan(1 + kNumberSize)))) {
    return failure(Status::invalid_argument, Layer::verification, doing).about("the point is not on the curve");
  }
  P256Verifier verifier;
  std::copy_n(prepared.limbs(), verifier.point_.size(), verifier.point_.begin());
  return verifier;
}

bool P256Verifier::verify(std::span<const std::byte, kSha256Size> digest,
                          std::span<const std::byte, kSignatureSize> signature) const noexcept {
  std::array<mp_limb_t, kWordsPerNumber> r{};
  std::array<mp_limb_t, kWordsPerNumber> s{};
  std::array<mp_limb_t, kScratchLimbs> scratch;  // NOLINT: nettle writes before it reads
  std::array<mp_limb_t, 2 * kWordsPerNumber> point{};
  std::ranges::copy(point_, point.begin());
  read_number(signature.first<kNumberSize>(), r.data());
  read_number(signature.last<kNumberSize>(), s.data());
  return ecc_ecdsa_verify(curve(), point.data(), digest.size(), reinterpret_cast<const std::uint8_t*>(digest.data()),
                          r.data(), s.data(), scratch.data()) != 0;
}

}  // namespace holdfast
