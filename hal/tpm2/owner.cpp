// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/owner.hpp"

#include <tss2/tss2_tpm2_types.h>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kAsking = "asking the owner of the TPM's storage hierarchy";
constexpr std::uint32_t kOwnerAuthSet = 1U;  // TPMA_PERMANENT (Part 2 §8.6)

}  // namespace

Result<bool> Owner::has_auth_value(BootTime deadline) noexcept {
  if (auth_.empty()) return false;
  const auto permanent = HOLDFAST_TRY(get_property(tpm_, TPM2_PT_PERMANENT, deadline));
  return permanent && (*permanent & kOwnerAuthSet) != 0;
}

Result<void> Owner::start(AuthSession& session, const LoadedObject* salt_key, BootTime deadline) noexcept {
  const auto start_with = [&](const LoadedObject& key) noexcept -> Result<void> {
    const auto point = key.public_area.point();
    if (!point) return failure(Status::device_fault, Layer::tpm2, kAsking).about("the storage root has no point");
    const Salt salt = HOLDFAST_TRY(Salt::make(*point));
    return session.start(AuthSession::Kind::hmac, key.handle, salt, AuthSession::Life::one_command,
                         AuthSession::Secrecy::none, deadline);
  };
  if (salt_key != nullptr) return start_with(*salt_key);
  const LoadedObject passing = HOLDFAST_TRY(create_storage_root(tpm_, TPM2_RH_NULL, {}, deadline));
  const Result<void> started = start_with(passing);
  tpm_.flush(passing.handle);
  return started;
}

Error Owner::judge(const Error& error, bool was_given) noexcept {
  if (error.layer != Layer::tpm2 || !is_wrong_auth(static_cast<ResponseCode>(error.native))) return error;
  if (!was_given) {
    Error needed = error;
    needed.status = Status::permission_denied;
    needed.detail = FixedText<190>("the owner hierarchy has an auth value");
    needed.hint =
        "give it with --owner-pin-source when the key is made or deleted; to sign without it, the storage root must "
        "be persistent at 0x81000001 (docs/tpm.md)";
    return needed;
  }
  refusal_ = error;
  refusal_.status = Status::pin_incorrect;
  refusal_.detail = FixedText<190>("the TPM refused the auth value of the owner hierarchy");
  refusal_.hint = "check what --owner-pin-source gives: it was sent once and is not sent again";
  auth_.wipe();
  return refusal_;
}

}  // namespace holdfast::hal::tpm2
