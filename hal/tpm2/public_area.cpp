// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/public_area.hpp"

#include <tss2/tss2_tpm2_types.h>

namespace holdfast::hal::tpm2 {
namespace {

constexpr std::uint32_t kMade =
    TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH;
constexpr std::uint32_t kRootAttributes = kMade | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
constexpr std::uint16_t kAesKeyBits = 128;

Error malformed() noexcept {
  return failure(Status::device_fault, Layer::tpm2, "reading a public area").about("it is malformed");
}

void skip_symmetric(ByteReader& in, bool& is_aes_128_cfb) noexcept {
  const std::uint16_t algorithm = in.u16();
  if (algorithm == TPM2_ALG_NULL) return;
  const std::uint16_t bits = in.u16();
  const std::uint16_t mode = in.u16();
  is_aes_128_cfb = algorithm == TPM2_ALG_AES && bits == kAesKeyBits && mode == TPM2_ALG_CFB;
}

}  // namespace

Result<PublicArea> PublicArea::parse(std::span<const std::byte> bytes) noexcept {
  PublicArea area;
  if (!area.bytes_.assign(bytes)) return malformed();
  ByteReader in(bytes);
  area.type_ = in.u16();
  area.name_algorithm_ = in.u16();
  area.attributes_ = in.u32();
  if (!area.policy_.assign(in.sized())) return malformed();
  switch (area.type_) {
    case TPM2_ALG_ECC: {
      skip_symmetric(in, area.has_root_symmetric_);
      const std::uint16_t scheme = in.u16();
      // Every scheme of a curve has one hash; ECDAA has a count besides (Part 2 §11.2.2).
      const std::uint16_t hash = scheme != TPM2_ALG_NULL ? in.u16() : std::uint16_t{TPM2_ALG_NULL};
      if (scheme == TPM2_ALG_ECDAA) in.u16();
      if (scheme == TPM2_ALG_NULL) area.scheme_ = SchemeKind::open;
      if (scheme == TPM2_ALG_ECDSA && hash == TPM2_ALG_SHA256) area.scheme_ = SchemeKind::ecdsa_sha256;
      area.is_p256_ = in.u16() == TPM2_ECC_NIST_P256;
      if (in.u16() != TPM2_ALG_NULL) in.u16();  // a key derivation and its hash
      const auto x = in.sized();
      const auto y = in.sized();
      // A coordinate with leading zeroes may come shortened.
      if (area.is_p256_ && !x.empty() && !y.empty() && x.size() <= kCoordinateSize && y.size() <= kCoordinateSize) {
        std::ranges::copy_backward(x, area.point_.begin() + kCoordinateSize);
        std::ranges::copy_backward(y, area.point_.end());
        area.has_point_ = true;
      }
      break;
    }
    case TPM2_ALG_RSA: {
      bool ignored = false;
      skip_symmetric(in, ignored);
      const std::uint16_t scheme = in.u16();
      if (scheme != TPM2_ALG_NULL && scheme != TPM2_ALG_RSAES) in.u16();
      in.u16();  // bits
      in.u32();  // exponent
      in.sized();
      break;
    }
    case TPM2_ALG_KEYEDHASH: {
      const std::uint16_t scheme = in.u16();
      if (scheme != TPM2_ALG_NULL) in.u16();
      if (scheme == TPM2_ALG_XOR) in.u16();
      in.sized();
      break;
    }
    case TPM2_ALG_SYMCIPHER: {
      bool ignored = false;
      skip_symmetric(in, ignored);
      in.sized();
      break;
    }
    default:
      return malformed();
  }
  if (!in.is_exact()) return malformed();
  return area;
}

bool PublicArea::is_used_by_policy() const noexcept { return !has(TPMA_OBJECT_USERWITHAUTH); }

Name PublicArea::name() const noexcept {
  Name name;
  if (name_algorithm_ != TPM2_ALG_SHA256) return name;
  const Digest digest = hash({bytes_.view()});
  ByteWriter out(name.storage());
  out.u16(name_algorithm_).bytes(digest);
  name.set_size(out.size());
  return name;
}

std::optional<Scheme> PublicArea::scheme() const noexcept {
  if (!is_p256_ || scheme_ == SchemeKind::other || !has(TPMA_OBJECT_SIGN_ENCRYPT) || has(TPMA_OBJECT_RESTRICTED)) {
    return std::nullopt;
  }
  return Scheme::es256;
}

bool PublicArea::is_storage_root() const noexcept {
  return is_p256_ && has_point_ && name_algorithm_ == TPM2_ALG_SHA256 && attributes_ == kRootAttributes &&
         !has_policy() && has_root_symmetric_ && scheme_ == SchemeKind::open;
}

std::optional<PublicKey> PublicArea::point() const noexcept {
  if (!has_point_) return std::nullopt;
  std::array<std::byte, kP256PointSize> bytes{std::byte{0x04}};
  std::ranges::copy(point_, bytes.begin() + 1);
  auto key = PublicKey::from_bytes(Scheme::es256, bytes);
  return key ? std::optional(*key) : std::nullopt;
}

KeyAttributes PublicArea::key_attributes(bool name_matches, bool is_policy_known) const noexcept {
  KeyAttributes out;
  out.set(KeyAttribute::fixed_tpm, has(TPMA_OBJECT_FIXEDTPM));
  out.set(KeyAttribute::fixed_parent, has(TPMA_OBJECT_FIXEDPARENT));
  out.set(KeyAttribute::sensitive_data_origin, has(TPMA_OBJECT_SENSITIVEDATAORIGIN));
  out.set(KeyAttribute::user_with_auth, has(TPMA_OBJECT_USERWITHAUTH));
  out.set(KeyAttribute::no_da, has(TPMA_OBJECT_NODA));
  out.set(KeyAttribute::restricted, has(TPMA_OBJECT_RESTRICTED));
  out.set(KeyAttribute::tpm_sign, has(TPMA_OBJECT_SIGN_ENCRYPT));
  out.set(KeyAttribute::tpm_decrypt, has(TPMA_OBJECT_DECRYPT));
  out.set(KeyAttribute::scheme_pinned, is_scheme_pinned());
  out.set(KeyAttribute::name_matches, name_matches);
  // An empty policy lets nothing through.
  out.set(KeyAttribute::policy_known, !has_policy() || is_policy_known);
  out.set(KeyAttribute::pcr_bound, has_policy() && is_policy_known);
  return out;
}

void write_template(ByteWriter& out, KeyUse use, bool has_auth_value, std::span<const std::byte> policy) noexcept {
  std::array<std::byte, 128> area{};
  ByteWriter in(area);
  std::uint32_t attributes = kRootAttributes;
  if (use != KeyUse::storage_root) {
    attributes = kMade | TPMA_OBJECT_SIGN_ENCRYPT;
    // Nothing to guess, so nothing for the lockout to protect; and no lockout of others can stop the key.
    if (!has_auth_value) attributes |= TPMA_OBJECT_NODA;
    if (use == KeyUse::attestation) attributes |= TPMA_OBJECT_RESTRICTED;
    // With it the auth value, which may be empty, would do instead of the policy (Part 1 §19.7.1).
    if (!policy.empty()) attributes &= ~static_cast<std::uint32_t>(TPMA_OBJECT_USERWITHAUTH);
  }
  in.u16(TPM2_ALG_ECC).u16(TPM2_ALG_SHA256).u32(attributes).sized(policy);
  if (use == KeyUse::storage_root) {
    in.u16(TPM2_ALG_AES).u16(kAesKeyBits).u16(TPM2_ALG_CFB).u16(TPM2_ALG_NULL);
  } else {
    in.u16(TPM2_ALG_NULL).u16(TPM2_ALG_ECDSA).u16(TPM2_ALG_SHA256);
  }
  // An empty unique field: with zeroes in it another root comes out.
  in.u16(TPM2_ECC_NIST_P256).u16(TPM2_ALG_NULL).sized({}).sized({});
  out.sized(in.written());
}

}  // namespace holdfast::hal::tpm2
