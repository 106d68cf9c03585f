// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/salt.hpp"

#include "hal/tpm2/key_derivation.hpp"

#include <gmp.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecc.h>

#include <errno.h>
#include <sys/random.h>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kMaking = "making a salt for TPM sessions";
constexpr std::size_t kCoordinate = 32;

const ecc_curve* curve() noexcept { return nettle_get_secp_256r1(); }

class Integer {
 public:
  Integer() noexcept { mpz_init(value_); }
  explicit Integer(std::span<const std::byte> big_endian) noexcept {
    mpz_init(value_);
    mpz_import(value_, big_endian.size(), 1, 1, 1, 0, big_endian.data());
  }
  Integer(const Integer&) = delete;
  Integer& operator=(const Integer&) = delete;
  ~Integer() {
    // GMP does not wipe what it frees.
    const std::size_t limbs = mpz_size(value_);
    if (limbs > 0) {
      wipe(std::as_writable_bytes(std::span(mpz_limbs_modify(value_, static_cast<mp_size_t>(limbs)), limbs)));
    }
    mpz_clear(value_);
  }
  [[nodiscard]] mpz_ptr get() noexcept { return value_; }

  void write(std::span<std::byte, kCoordinate> out) const noexcept {
    std::ranges::fill(out, std::byte{0});
    const std::size_t size = (mpz_sizeinbase(value_, 2) + 7) / 8;
    if (size <= out.size()) mpz_export(out.data() + out.size() - size, nullptr, 1, 1, 1, 0, value_);
  }

 private:
  mpz_t value_;
};

class Point {
 public:
  Point() noexcept { ecc_point_init(&point_, curve()); }
  Point(const Point&) = delete;
  Point& operator=(const Point&) = delete;
  ~Point() {
    wipe(std::as_writable_bytes(std::span(point_.p, static_cast<std::size_t>(ecc_size_a(curve())))));
    ecc_point_clear(&point_);
  }
  [[nodiscard]] ecc_point* get() noexcept { return &point_; }

 private:
  ecc_point point_{};
};

class Scalar {
 public:
  Scalar() noexcept { ecc_scalar_init(&scalar_, curve()); }
  Scalar(const Scalar&) = delete;
  Scalar& operator=(const Scalar&) = delete;
  ~Scalar() {
    wipe(std::as_writable_bytes(std::span(scalar_.p, static_cast<std::size_t>(ecc_size(curve())))));
    ecc_scalar_clear(&scalar_);
  }
  // A number out of range is drawn again: less than once in four thousand million.
  [[nodiscard]] bool draw() noexcept {
    std::array<std::byte, kCoordinate> random{};
    do {
      if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) return false;
    } while (ecc_scalar_set(&scalar_, Integer(random).get()) == 0);
    wipe(random);
    return true;
  }
  [[nodiscard]] ecc_scalar* get() noexcept { return &scalar_; }

 private:
  ecc_scalar scalar_{};
};

}  // namespace

Result<Salt> Salt::make(const PublicKey& point, std::string_view label, SecretBytes* room) noexcept {
  if (point.scheme() != Scheme::es256) return failure(Status::invalid_argument, Layer::tpm2, kMaking);
  const auto root_x = point.bytes().subspan(1, kCoordinate);
  Point root;
  if (ecc_point_set(root.get(), Integer(root_x).get(), Integer(point.bytes().subspan(1 + kCoordinate)).get()) == 0) {
    return failure(Status::invalid_argument, Layer::tpm2, kMaking).about("the storage root is not on the curve");
  }
  Scalar ephemeral;
  if (!ephemeral.draw()) {
    Error error = failure(Status::resource_exhausted, Layer::system, kMaking);
    error.native = static_cast<std::uint64_t>(errno);
    return error;
  }
  Point ours;
  Point shared;
  ecc_point_mul_g(ours.get(), ephemeral.get());
  ecc_point_mul(shared.get(), ephemeral.get(), root.get());

  Integer x;
  Integer y;
  std::array<std::byte, kCoordinate> ours_x{};
  std::array<std::byte, kCoordinate> ours_y{};
  std::array<std::byte, kCoordinate> z{};
  ecc_point_get(ours.get(), x.get(), y.get());
  x.write(ours_x);
  y.write(ours_y);
  ecc_point_get(shared.get(), x.get(), y.get());
  x.write(z);

  Salt salt;
  if (room != nullptr && room->capacity() >= kSha256Size) {
    salt.secret = std::move(*room);
  } else {
    salt.secret = HOLDFAST_TRY(SecretBytes::allocate(kSha256Size));
  }
  Digest secret = kdf_e(z, label, ours_x, root_x);
  std::ranges::copy(secret, salt.secret.storage({}).begin());
  salt.secret.set_size(secret.size());
  wipe(secret);
  wipe(z);
  ByteWriter out(salt.encrypted.storage());
  out.sized(ours_x).sized(ours_y);
  salt.encrypted.set_size(out.size());
  return salt;
}

}  // namespace holdfast::hal::tpm2
