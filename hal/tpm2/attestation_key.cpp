// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/attestation_key.hpp"

#include "hal/tpm2/primary_object.hpp"

#include <tss2/tss2_tpm2_types.h>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kMaking = "making the attestation key";
constexpr std::uint32_t kAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                      TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA |
                                      TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT;

bool is_attestation_key(const LoadedObject& object) noexcept {
  const PublicArea& area = object.public_area;
  return object.name_matches && area.attributes() == kAttributes && area.is_p256() && area.is_scheme_pinned() &&
         !area.has_policy();
}

Result<LoadedObject> make(Connection& tpm, BootTime deadline) noexcept {
  std::array<std::byte, 128> buffer{};
  ByteWriter out(buffer);
  write_template(out, KeyUse::attestation, false);
  auto made = create_primary(tpm, TPM2_RH_OWNER, out.written(), kMaking, deadline);
  if (made || !is_wrong_auth(static_cast<ResponseCode>(made.error().native))) return made;
  Error error = made.error();
  error.status = Status::permission_denied;
  error.hint =
      "the owner hierarchy has an auth value: have its owner make the attestation key persistent at 0x81000002 "
      "(docs/attestation.md has the commands)";
  return error;
}

}  // namespace

Result<void> AttestationKey::resolve(BootTime deadline) noexcept {
  release();
  const auto kept = read_public(tpm_, kPersistentAttestationKey, deadline);
  if (kept && is_attestation_key(*kept)) {
    object_ = *kept;
    return {};
  }
  if (!kept && (!tpm_.is_usable() || kept.status() == Status::deadline_exceeded)) return kept.error();
  object_ = HOLDFAST_TRY(make(tpm_, deadline));
  if (is_attestation_key(object_)) return {};
  release();
  return failure(Status::device_fault, Layer::tpm2, kMaking).about("the TPM made another key than it was asked for");
}

void AttestationKey::release() noexcept {
  if (is_transient()) tpm_.flush(object_.handle);
  object_ = {};
}

}  // namespace holdfast::hal::tpm2
