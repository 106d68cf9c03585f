// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/recovery.hpp"

#include "hal/tpm2/device.hpp"

#include <tss2/tss2_tpm2_types.h>

namespace holdfast::hal::tpm2 {

// ---- which code leads to which rung ----------------------------------------------------------------------------

Status rung_status(ResponseCode code) noexcept {
  // The TPM was reset, or somebody flushed or evicted what is not theirs.
  if (is_lost_handle(code)) return Status::stale_key;
  // The rest says it by itself (errors.cpp): whatever the TCTI answers breaks the connection, which is `device_gone`;
  // so is a TPM that was reset and awaits TPM2_Startup from whoever runs it; and full slots (OBJECT_MEMORY,
  // SESSION_MEMORY, …) are `resource_exhausted`.
  return code_status(code);
}

Error for_recovery(Error error) noexcept {
  if (error.layer != Layer::tpm2 || error.native == 0 || error.status == Status::device_gone) return error;
  // What a command has judged better than its code (a refused auth value, a lockout) is no matter of recovery.
  const auto code = static_cast<ResponseCode>(error.native);
  if (error.status == code_status(code)) error.status = rung_status(code);
  return error;
}

// ---- the device's part -----------------------------------------------------------------------------------------

Result<void> Device::connect(BootTime deadline) noexcept {
  HOLDFAST_TRY(connection_.connect(uri_.tcti.view()));
  // The first question: a TPM in failure mode, or one that is none, says so here.
  const auto family = get_property(connection_, TPM2_PT_FAMILY_INDICATOR, deadline);
  if (family) return {};
  connection_.close();
  return family.error();
}

Result<void> Device::reset(BootTime deadline) noexcept {
  return visit(deadline, [&]() noexcept -> Result<void> {
    drop_all_keys();
    root_.release();
    if (!connection_.is_usable()) forget_objects();
    forget_salt();
    auto done = connect(deadline);
    if (done) flush_strays(deadline);
    if (done || done.status() != Status::token_not_found) return done;
    Error error = done.error();
    error.status = Status::device_gone;
    return error;
  });
}

// Those that a TCTI holds and those whose connection was given up: long past its deadline a call is one or the other.
std::uint64_t Device::abandoned_calls() noexcept {
  std::int64_t due = due_.load(std::memory_order_relaxed);
  if (due <= clock_.boot().ns && due_.compare_exchange_strong(due, kNoDeadline.ns, std::memory_order_relaxed)) {
    abandoned_.fetch_add(1, std::memory_order_relaxed);
  }
  return abandoned_.load(std::memory_order_relaxed);
}

// Everything transient was lost with the connection or the TPM's state, or so it seems.
void Device::forget_objects() noexcept {
  for (KeySlot& slot : keys_) {
    if (slot.key.is_persistent() || slot.key.object.handle == 0) continue;
    stray(slot.key.object);
    slot.key.object.handle = 0;
  }
  if (root_.is_there() && !root_.is_persistent()) stray(root_.object());
  root_.forget();
  forget_salt();
}

void Device::stray(const LoadedObject& object) noexcept {
  if (object.handle >> 24U != 0x80U) return;  // nothing, or persistent
  const auto free = std::ranges::find(strays_, 0U, &LoadedObject::handle);
  if (free != strays_.end()) *free = object;
}

// Where no resource manager cleans up behind a broken connection, what we had may still be there: it is ours if it
// has our object's name. What could not be asked about is asked about next time.
void Device::flush_strays(BootTime deadline) noexcept {
  for (LoadedObject& object : strays_) {
    if (object.handle == 0) continue;
    const auto now = read_public(connection_, object.handle, deadline);
    if (!now && !is_lost_handle(static_cast<ResponseCode>(now.error().native))) continue;
    if (now && now->name == object.name) connection_.flush(object.handle);
    if (connection_.is_usable()) object = {};
  }
}

}  // namespace holdfast::hal::tpm2
