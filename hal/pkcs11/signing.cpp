// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/device.hpp"
#include "hal/pkcs11/errors.hpp"
#include "hal/pkcs11/recovery.hpp"

#include <algorithm>

/// Signatures. Nothing here allocates.
namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kSigning = "signing";

Error timed_out(const char* doing) noexcept { return failure(Status::deadline_exceeded, Layer::pkcs11, doing); }

}  // namespace

Result<Signature> Device::sign(KeyHandle handle, Scheme scheme, std::span<const std::byte> input,
                               BootTime deadline) noexcept {
  // The question first, and the error only if there is one: this is the path of every header.
  if (!is_usable()) [[unlikely]] {
    return check_usable().error();
  }
  // SoftHSM cuts or pads what is not a digest and signs it.
  if (scheme == Scheme::es256 && input.size() != kSha256Size) {
    return failure(Status::invalid_argument, Layer::pkcs11, kSigning).about("a digest has 32 bytes");
  }
  std::optional<Passage> passage;  // left last: a session that was given up meanwhile is closed by its lease
  SessionPool::Lease lease = HOLDFAST_TRY(pool_.take(clock_, deadline));
  passage.emplace(module_->gate(), clock_, deadline);
  if (!*passage) return timed_out("waiting for a module that is being reset");
  // Both looked at inside the gate: until it is left, no reset can make the object's handle mean another object.
  const SlotView key = HOLDFAST_TRY(look_up(handle));
  if (attached_.load(std::memory_order_acquire) != module_->generation()) {
    return failure(Status::stale_key, Layer::pkcs11, kSigning).about("the module was reset");
  }
  if (key.scheme != scheme) return failure(Status::scheme_unsupported, Layer::pkcs11, kSigning);
  PipeShield shield(sigpipe_is_ignored_);
  const auto session = lease.session();
  if (!session) return for_recovery(session.error());
  Result<Signature> signature = sign_in(*session, key, input);
  if (!signature) {
    // Whatever went wrong may have left the operation open; the next C_SignInit would answer CKR_OPERATION_ACTIVE.
    lease.spoil();
    return for_recovery(signature.error());
  }
  shield.trust();
  return signature;
}

Result<Signature> Device::sign_in(const Session& session, const SlotView& key,
                                  std::span<const std::byte> input) noexcept {
  // No parameter: pure Ed25519 (PKCS#11 v3.0 §2.3.14). One-shot, because a pure signature cannot be streamed.
  CK_MECHANISM mechanism{sign_mechanism(key.scheme), nullptr, 0};
  CK_RV code = session.calls->C_SignInit(session.handle, &mechanism, key.object);
  if (code != CKR_OK) return native_failure(code, kSigning);
  // Larger than any signature: a module that wants to write more is to say so and not to overrun.
  std::array<CK_BYTE, 256> scratch;                          // NOLINT: what is read of it comes next
  std::fill_n(scratch.begin(), kSignatureSize, CK_BYTE{0});  // for a module that says it wrote and did not
  CK_ULONG size = scratch.size();
  code = session.calls->C_Sign(session.handle, native(input), input.size(), scratch.data(), &size);
  if (code != CKR_OK) return native_failure(code, kSigning);
  if (size != kSignatureSize) {
    return failure(Status::device_fault, Layer::pkcs11, kSigning).about("the signature does not have 64 bytes");
  }
  Signature signature;
  std::ranges::copy(std::as_bytes(std::span(scratch)).first(kSignatureSize), signature.begin());
  return signature;
}

}  // namespace holdfast::hal::pkcs11
