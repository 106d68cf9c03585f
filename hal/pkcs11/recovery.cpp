// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/recovery.hpp"

#include "hal/pkcs11/device.hpp"
#include "hal/pkcs11/errors.hpp"

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kResetting = "resetting a PKCS#11 module";

Error timed_out(const char* doing) noexcept { return failure(Status::deadline_exceeded, Layer::pkcs11, doing); }

// The answers after which the module has no session of ours any more (PKCS#11 v3.0 §5.1.2; removing a token closes
// its sessions, §5.6). After any other they are there, and sessions that were forgotten fill the token.
bool has_no_sessions(CK_RV code) noexcept {
  switch (code) {
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_SESSION_CLOSED:
    case CKR_CRYPTOKI_NOT_INITIALIZED:
    case CKR_DEVICE_REMOVED:
    case CKR_TOKEN_NOT_PRESENT:
      return true;
    default:
      return false;
  }
}

}  // namespace

// ---- which code leads to which rung ----------------------------------------------------------------------------

Status rung_status(CK_RV code) noexcept {
  switch (code) {
    // An operation that somebody else's failure left open, or one that lost its session: a fresh session has neither.
    case CKR_OPERATION_ACTIVE:
    case CKR_OPERATION_NOT_INITIALIZED:
      return Status::stale_key;
    // What modules answer for a connection they lost and have no better name for: FUNCTION_FAILED is yubihsm_pkcs11's
    // default, and network HSMs have codes of their own.
    case CKR_FUNCTION_FAILED:
    case CKR_TOKEN_NOT_RECOGNIZED:
      return Status::device_gone;
    default:
      break;
  }
  if ((code & CKR_VENDOR_DEFINED) != 0) return Status::device_gone;
  // The rest says it by itself (errors.cpp). OBJECT_HANDLE_INVALID is SoftHSM 2.6 whose token folder is away,
  // GENERAL_ERROR tpm2-pkcs11 1.9 after a TPM reset, DEVICE_ERROR p11-kit's client whose server died.
  return code_status(code);
}

Error for_recovery(Error error) noexcept {
  // What a call has judged better than its code stays judged.
  const bool is_of_code = error.layer == Layer::pkcs11 && error.native_name != nullptr;
  const auto code = static_cast<CK_RV>(error.native);
  if (is_of_code && error.status == code_status(code)) error.status = rung_status(code);
  return error;
}

// ---- the device's part -----------------------------------------------------------------------------------------

// With the device's turn. The module was reset since our sessions were opened, by us or by another device: they and
// the login are dead, and no call is needed to close them.
Result<void> Device::reattach(BootTime deadline) noexcept {
  drop_all_keys();
  if (!pool_.take_all(clock_, deadline)) return timed_out("waiting for the sessions in use");
  detach();
  const Result<void> done = [&]() noexcept -> Result<void> {
    // Outside the gate: another process may be logging in.
    if (access_ != DeviceAccess::browse) HOLDFAST_TRY(login_.begin(token_.info, uri_.object.view(), deadline));
    const PipeShield shield;
    const Passage passage(module_->gate(), clock_, deadline);
    if (!passage) return timed_out("waiting for a module that is being reset");
    tried_ = module_->generation();
    KeyUri same_token = uri_of(token_, uri_);
    const auto token = select_token(module_->calls(), same_token);
    if (!token) {
      Error error = for_recovery(token.error());
      if (error.status == Status::token_not_found) error.status = Status::device_gone;
      return error;
    }
    return log_in_and_open(*token);
  }();
  login_.end();
  pool_.put_all_back(clock_);
  return done;
}

Result<void> Device::reset(BootTime deadline) noexcept {
  HOLDFAST_TRY(check_usable());
  const Turn turn(turnstile_, clock_, deadline);
  if (!turn) return timed_out(kResetting);
  const auto done = rebuild(deadline);
  end_turn(turn);
  return done;
}

// With the device's turn.
Result<void> Device::rebuild(BootTime deadline) noexcept {
  if (login_.is_refused()) return login_.refusal();
  if (mode_ != ModuleMode::own) return renew(deadline);
  pool_.abandon_overdue(clock_);
  if (pool_.missing() != 0) {
    // C_Finalize is undefined while a thread is inside (PKCS#11 v3.0 §5.4), so there is no way round it.
    return failure(Status::device_gone, Layer::pkcs11, kResetting)
        .about("a call into the module does not return, so it cannot be reset")
        .with_hint("restart this process if the call stays away");
  }
  const PipeShield shield;
  drop_all_keys();
  const std::uint32_t attached = attached_.load(std::memory_order_acquire);
  // What another device of ours has reset since we last tried is not reset again under it.
  HOLDFAST_TRY(module_->reset(attached != 0 ? attached : tried_, clock_, deadline));
  return reattach(deadline);
}

// The module is not ours to finalise, but the sessions and the login are. Nothing is closed: after its owner
// initialised the module again, our numbers may be the owner's sessions. So they are opened anew only when they are
// gone; one that fails on its own is replaced by the pool.
Result<void> Device::renew(BootTime deadline) noexcept {
  const PipeShield shield;
  CK_RV code = CKR_SESSION_HANDLE_INVALID;
  CK_SESSION_INFO info{};
  {
    const Passage passage(module_->gate(), clock_, deadline);
    if (!passage) return timed_out(kResetting);
    if (login_session_ != CK_INVALID_HANDLE) code = module_->calls().C_GetSessionInfo(login_session_, &info);
  }
  const bool is_logged_in = info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS;
  // Somebody logged out below us.
  if (code == CKR_OK && !is_logged_in && access_ != DeviceAccess::browse &&
      login_.begin(token_.info, uri_.object.view(), deadline)) {
    if (const Passage passage(module_->gate(), clock_, deadline); passage) {
      (void)login_.log_in({&module_->calls(), login_session_}, token_.info);
    }
    login_.end();
  }
  // One that fails twice in a row in the same way may be as good as gone, whatever the module calls it; what is left
  // open then is one set of sessions.
  const bool is_stuck = code != CKR_OK && code == failed_renewal_;
  const bool is_anew = has_no_sessions(code) || is_stuck;
  failed_renewal_ = is_anew ? CKR_OK : code;
  if (is_anew) (void)reattach(deadline);
  if (login_.is_refused()) return login_.refusal();
  return failure(Status::reset_not_ours, Layer::pkcs11, kResetting);
}

}  // namespace holdfast::hal::pkcs11
