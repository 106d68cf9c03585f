// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/encodings.hpp"

#include <algorithm>
#include <array>

namespace holdfast::hal::pkcs11 {
namespace {

template <typename... Values>
constexpr auto octets(Values... values) noexcept {
  return std::array{std::byte(values)...};
}

constexpr auto kEd25519Oid = octets(0x06, 0x03, 0x2b, 0x65, 0x70);  // 1.3.101.112, RFC 8410 §3
constexpr auto kEd25519Name =
    octets(0x13, 0x0c, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9');  // RFC 8032's name
constexpr auto kEd25519GnuOid =
    octets(0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01);  // 1.3.6.1.4.1.11591.15.1
constexpr auto kP256Oid =
    octets(0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07);  // 1.2.840.10045.3.1.7, RFC 5480 §2.1.1.1
constexpr auto kP256Name = octets(0x13, 0x09, 's', 'e', 'c', 'p', '2', '5', '6', 'r', '1');  // SEC 2's name
constexpr auto kX25519Oid = octets(0x06, 0x03, 0x2b, 0x65, 0x6e);  // 1.3.101.110, RFC 8410 §3
constexpr auto kX25519Name = octets(0x13, 0x0a, 'c', 'u', 'r', 'v', 'e', '2', '5', '5', '1', '9');

}  // namespace

bool is_x25519_curve(std::span<const std::byte> ec_params) noexcept {
  return std::ranges::equal(ec_params, kX25519Oid) || std::ranges::equal(ec_params, kX25519Name);
}

std::span<const std::byte> x25519_oid() noexcept { return kX25519Oid; }
std::span<const std::byte> x25519_name() noexcept { return kX25519Name; }

std::optional<Scheme> scheme_of_curve(std::span<const std::byte> ec_params) noexcept {
  const auto is = [ec_params](std::span<const std::byte> form) { return std::ranges::equal(ec_params, form); };
  if (is(kEd25519Oid) || is(kEd25519Name) || is(kEd25519GnuOid)) return Scheme::ed25519;
  if (is(kP256Oid) || is(kP256Name)) return Scheme::es256;
  return std::nullopt;
}

Result<PublicKey> decode_point(Scheme scheme, std::span<const std::byte> ec_point) noexcept {
  constexpr std::byte kOctetString{0x04};
  constexpr std::byte kBitString{0x03};
  const std::size_t size = scheme == Scheme::ed25519 ? kEd25519KeySize : kP256PointSize;
  const auto length = static_cast<std::byte>(size);
  std::span<const std::byte> raw;
  if (ec_point.size() == size) {
    raw = ec_point;
  } else if (ec_point.size() == size + 2 && ec_point[0] == kOctetString && ec_point[1] == length) {
    raw = ec_point.subspan(2);
  } else if (ec_point.size() == size + 3 && ec_point[0] == kBitString &&
             ec_point[1] == static_cast<std::byte>(size + 1) && ec_point[2] == std::byte{0}) {
    raw = ec_point.subspan(3);
  }
  if (!raw.empty()) {
    if (auto key = PublicKey::from_bytes(scheme, raw)) return key;
  }
  return failure(Status::device_fault, Layer::pkcs11, "reading a public key")
      .about("CKA_EC_POINT has an unknown encoding");
}

std::span<const std::byte> curve_oid(Scheme scheme) noexcept {
  if (scheme == Scheme::ed25519) return kEd25519Oid;
  return kP256Oid;
}

std::span<const std::byte> curve_name(Scheme scheme) noexcept {
  if (scheme == Scheme::ed25519) return kEd25519Name;
  return kP256Name;
}

}  // namespace holdfast::hal::pkcs11
