// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/lockout.hpp"

#include "hal/tpm2/commands.hpp"

#include <tss2/tss2_tpm2_types.h>

#include <charconv>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kChecking = "checking the TPM's lockout counter";
constexpr std::uint32_t kReserve = 1;

void append(Error& error, std::uint32_t number) noexcept {
  char digits[12];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  error.detail.append({digits, static_cast<std::size_t>(end - digits)});
}

}  // namespace

Result<Lockout> Lockout::read(Connection& tpm, BootTime deadline) noexcept {
  // One question: the four values stand beside each other.
  constexpr std::uint32_t kCount = 4;
  ByteReader in =
      HOLDFAST_TRY(get_capability(tpm, TPM2_CAP_TPM_PROPERTIES, TPM2_PT_LOCKOUT_COUNTER, kCount, deadline));
  Lockout lockout;
  const std::uint32_t count = std::min(in.u32(), kCount);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t property = in.u32();
    const std::uint32_t value = in.u32();
    if (property == TPM2_PT_LOCKOUT_COUNTER) lockout.failures = value;
    if (property == TPM2_PT_MAX_AUTH_FAIL) lockout.limit = value;
    if (property == TPM2_PT_LOCKOUT_INTERVAL) lockout.seconds_to_forget = value;
  }
  if (!in.is_whole() || lockout.limit == 0) {
    return failure(Status::device_fault, Layer::tpm2, kChecking).about("the TPM does not state it");
  }
  return lockout;
}

Error Lockout::explain(const char* doing) const noexcept {
  Error error = failure(Status::pin_locked, Layer::tpm2, doing);
  append(error, failures);
  error.detail.append(" of ");
  append(error, limit);
  error.detail.append(is_locked() ? " wrong auth values: the TPM is locked out"
                                  : " wrong auth values: the next one would lock the TPM out");
  if (seconds_to_forget != 0) {
    error.detail.append("; it forgets one every ");
    append(error, seconds_to_forget);
    error.detail.append(" s");
  }
  error.hint =
      "wait until the TPM has forgotten some, or have the holder of its lockout auth run tpm2_dictionarylockout -c";
  return error;
}

Result<void> Lockout::check_reserve() const noexcept {
  if (failures + kReserve < limit) return {};
  return explain(kChecking);
}

}  // namespace holdfast::hal::tpm2
