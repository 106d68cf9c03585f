// SPDX-License-Identifier: Apache-2.0
#include "src/verification/tpm_public_area.hpp"

#include "src/assertion/byte_reader.hpp"
#include "src/verification/sha256.hpp"

#include <algorithm>

namespace holdfast {
namespace {

constexpr std::size_t kMaxSize =
    512;  // an elliptic curve key's takes some 90 bytes, with a policy and P-521 some 200
constexpr std::size_t kCoordinateSize = 32;
constexpr std::size_t kMaxDigestSize = 64;

// TPM_ALG_ID (Part 2 §6.3) and TPM_ECC_CURVE (§6.4)
constexpr std::uint16_t kAlgSha256 = 0x000B;
constexpr std::uint16_t kAlgNull = 0x0010;
constexpr std::uint16_t kAlgEcdsa = 0x0018;
constexpr std::uint16_t kAlgEcdaa = 0x001A;
constexpr std::uint16_t kAlgEcc = 0x0023;
constexpr std::uint16_t kCurveP256 = 0x0003;

Error refusal(std::string_view rule) noexcept {
  return failure(Status::attestation_refused, Layer::verification, "reading a public area").about(rule);
}

std::optional<PublicKey> point_of(std::span<const std::byte> x, std::span<const std::byte> y) noexcept {
  std::array<std::byte, kP256PointSize> bytes{std::byte{0x04}};
  if (x.empty() || y.empty() || x.size() > kCoordinateSize || y.size() > kCoordinateSize) return std::nullopt;
  // A TPM may leave leading zeroes out.
  std::ranges::copy_backward(x, bytes.begin() + 1 + kCoordinateSize);
  std::ranges::copy_backward(y, bytes.end());
  const auto key = PublicKey::from_bytes(Scheme::es256, bytes);
  return key ? std::optional(*key) : std::nullopt;
}

}  // namespace

Result<TpmPublicArea> TpmPublicArea::parse(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() > kMaxSize) return refusal("it is longer than one of an elliptic curve key");
  ByteReader in(bytes);
  const std::uint16_t type = in.u16();
  const std::uint16_t name_algorithm = in.u16();
  TpmPublicArea area;
  area.attributes_ = in.u32();
  const std::size_t policy_size = in.sized().size();
  if (!in.is_whole()) return refusal("it is cut off");
  if (type != kAlgEcc) return refusal("it is not one of an elliptic curve key");
  if (name_algorithm != kAlgSha256) return refusal("its name algorithm is not SHA-256");
  if (policy_size > kMaxDigestSize) return refusal("its policy is no digest");

  // TPMS_ECC_PARMS (Part 2 §12.2.3.6)
  if (in.u16() != kAlgNull) {  // TPMT_SYM_DEF_OBJECT: key bits and mode
    in.u16();
    in.u16();
  }
  const std::uint16_t scheme = in.u16();
  const std::uint16_t hash = scheme != kAlgNull ? in.u16() : kAlgNull;
  if (scheme == kAlgEcdaa) in.u16();
  const std::uint16_t curve = in.u16();
  if (in.u16() != kAlgNull) in.u16();  // a key derivation and its hash
  const auto x = in.sized();
  const auto y = in.sized();
  if (!in.is_whole()) return refusal("it is cut off");
  if (!in.is_exact()) return refusal("something follows it");

  area.is_es256_only_ = curve == kCurveP256 && scheme == kAlgEcdsa && hash == kAlgSha256;
  if (curve == kCurveP256) area.point_ = point_of(x, y);
  area.name_[0] = static_cast<std::byte>(kAlgSha256 >> 8U);
  area.name_[1] = static_cast<std::byte>(kAlgSha256 & 0xFFU);
  std::ranges::copy(sha256(bytes), area.name_.begin() + 2);
  return area;
}

}  // namespace holdfast
