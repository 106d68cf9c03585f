// SPDX-License-Identifier: Apache-2.0
#include "src/verification/p256.hpp"

#include <gmp.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecc.h>
#include <nettle/ecdsa.h>

#include <cstring>
#include <limits>

// Nettle's lower layer, because it takes caller's scratch: 97 µs and no heap call, where libcrypto makes 22 and
// mbedTLS thousands, and BearSSL, which makes none, takes 642 µs.
namespace holdfast {
namespace {

constexpr std::size_t kNumberSize = 32;
constexpr std::size_t kLimbsPerNumber = kNumberSize / sizeof(mp_limb_t);
// 244 limbs of 64 bits in nettle 3.8; `prepare` compares with what the library at hand asks for.
constexpr std::size_t kScratchLimbs = 3072 / sizeof(mp_limb_t);

static_assert(GMP_NAIL_BITS == 0 && std::numeric_limits<mp_limb_t>::digits == 8 * sizeof(mp_limb_t) &&
                  kNumberSize % sizeof(mp_limb_t) == 0,
              "every bit of a limb counts, and a number is a whole count of them");

const ecc_curve* curve() noexcept { return nettle_get_secp_256r1(); }

// Least significant limb first.
template <typename Limb>
constexpr std::array<Limb, kNumberSize / sizeof(Limb)> limbs_of(
    std::span<const std::byte, kNumberSize> big_endian) noexcept {
  std::array<Limb, kNumberSize / sizeof(Limb)> limbs{};
  for (std::size_t i = 0; i < limbs.size(); ++i) {
    for (const std::byte b : big_endian.subspan(kNumberSize - (i + 1) * sizeof(Limb), sizeof(Limb))) {
      limbs[i] = static_cast<Limb>(limbs[i] << 8U | std::to_integer<Limb>(b));
    }
  }
  return limbs;
}

// Both sizes of limb on whichever machine this is compiled: amd64 and arm64 have the one, armhf and i386 the other.
constexpr bool are_limbs_right() noexcept {
  std::array<std::byte, kNumberSize> number{};
  for (std::size_t i = 0; i < number.size(); ++i) number[i] = static_cast<std::byte>(i + 1);
  const auto small = limbs_of<std::uint32_t>(number);
  const auto large = limbs_of<std::uint64_t>(number);
  return small.size() == 8 && small[0] == 0x1D1E1F20 && small[7] == 0x01020304 && large.size() == 4 &&
         large[0] == 0x191A1B1C1D1E1F20 && large[3] == 0x0102030405060708;
}
static_assert(are_limbs_right());

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
      ecc_size_a(curve()) != static_cast<mp_size_t>(2 * kLimbsPerNumber)) {
    return failure(Status::scheme_unsupported, Layer::verification, doing)
        .about("this version of nettle asks for more memory than is set aside");
  }
  Point prepared;
  if (point[0] != std::byte{0x04} ||
      !prepared.set(Integer(point.subspan(1, kNumberSize)), Integer(point.subspan(1 + kNumberSize)))) {
    return failure(Status::invalid_argument, Layer::verification, doing).about("the point is not on the curve");
  }
  P256Verifier verifier;
  static_assert(sizeof verifier.point_ == 2 * kLimbsPerNumber * sizeof(mp_limb_t));
  std::memcpy(verifier.point_.data(), prepared.limbs(), verifier.point_.size());
  return verifier;
}

bool P256Verifier::verify(std::span<const std::byte, kSha256Size> digest,
                          std::span<const std::byte, kSignatureSize> signature) const noexcept {
  const auto r = limbs_of<mp_limb_t>(signature.first<kNumberSize>());
  const auto s = limbs_of<mp_limb_t>(signature.last<kNumberSize>());
  std::array<mp_limb_t, kScratchLimbs> scratch;  // NOLINT: nettle writes before it reads
  std::array<mp_limb_t, 2 * kLimbsPerNumber> point{};
  std::memcpy(point.data(), point_.data(), point_.size());
  return ecc_ecdsa_verify(curve(), point.data(), digest.size(), reinterpret_cast<const std::uint8_t*>(digest.data()),
                          r.data(), s.data(), scratch.data()) != 0;
}

}  // namespace holdfast
