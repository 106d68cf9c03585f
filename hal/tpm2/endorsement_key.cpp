// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/endorsement_key.hpp"

#include "hal/tpm2/primary_object.hpp"

#include <tss2/tss2_tpm2_types.h>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kMaking = "making the endorsement key";
constexpr std::uint32_t kPersistentKey = 0x81010001;  // TCG provisioning guidance §7.8: RSA-2048 endorsement key
constexpr std::uint32_t kAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                      TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_ADMINWITHPOLICY |
                                      TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
constexpr std::uint16_t kKeyBits = 2048;
constexpr std::uint16_t kAesKeyBits = 128;
// PolicyA: TPM2_PolicySecret(TPM_RH_ENDORSEMENT) (TCG EK Credential Profile §B.6.2)
constexpr std::array<std::uint8_t, kSha256Size> kPolicy{
    0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xB3, 0xF8, 0x1A, 0x90, 0xCC, 0x8D, 0x46, 0xA5, 0xD7, 0x24,
    0xFD, 0x52, 0xD7, 0x6E, 0x06, 0x52, 0x0B, 0x64, 0xF2, 0xA1, 0xDA, 0x1B, 0x33, 0x14, 0x69, 0xAA};
constexpr std::array<std::byte, kKeyBits / 8> kUnique{};  // zeroes, as the profile has it

void write_endorsement_template(ByteWriter& out) noexcept {
  std::array<std::byte, 512> area{};
  ByteWriter in(area);
  in.u16(TPM2_ALG_RSA).u16(TPM2_ALG_SHA256).u32(kAttributes).sized(std::as_bytes(std::span(kPolicy)));
  in.u16(TPM2_ALG_AES).u16(kAesKeyBits).u16(TPM2_ALG_CFB).u16(TPM2_ALG_NULL).u16(kKeyBits).u32(0);
  in.sized(kUnique);
  out.sized(in.written());
}

}  // namespace

Result<void> EndorsementKey::resolve(BootTime deadline) noexcept {
  release();
  const auto kept = read_public(tpm_, kPersistentKey, deadline);
  if (kept && kept->name_matches && kept->public_area.attributes() == kAttributes) {
    object_ = *kept;
    return {};
  }
  if (!kept && (!tpm_.is_usable() || kept.status() == Status::deadline_exceeded)) return kept.error();
  std::array<std::byte, 512> buffer{};
  ByteWriter out(buffer);
  write_endorsement_template(out);
  const auto made = create_primary(tpm_, TPM2_RH_ENDORSEMENT, out.written(), kMaking, deadline);
  if (made) {
    object_ = *made;
    return {};
  }
  Error error = made.error();
  if (is_wrong_auth(static_cast<ResponseCode>(error.native))) {
    error.status = Status::permission_denied;
    error.hint =
        "the endorsement hierarchy has an auth value, and what it protects cannot be used without: ask its owner";
  }
  return error;
}

void EndorsementKey::release() noexcept {
  if (object_.handle >> 24U == 0x80U) tpm_.flush(object_.handle);
  object_ = {};
}

}  // namespace holdfast::hal::tpm2
