// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/tpm2/commands.hpp"

namespace holdfast::hal::tpm2 {

/// The TPM's RSA-2048 endorsement key, while it is in the TPM: the one whose certificate the maker put at NV index
/// 0x01C00002 (TCG EK Credential Profile, template L-1, §B.3.3). Used where it is persistent, else made and flushed.
class EndorsementKey {
 public:
  explicit EndorsementKey(Connection& tpm) noexcept : tpm_(tpm) {}
  ~EndorsementKey() { release(); }
  EndorsementKey(const EndorsementKey&) = delete;
  EndorsementKey& operator=(const EndorsementKey&) = delete;

  /// Finds or makes it; an RSA key takes a hardware TPM many seconds. `permission_denied` with a hint if the
  /// endorsement hierarchy has an auth value.
  [[nodiscard]] Result<void> resolve(BootTime deadline) noexcept;
  void release() noexcept;
  [[nodiscard]] const LoadedObject& object() const noexcept { return object_; }

 private:
  Connection& tpm_;
  LoadedObject object_;
};

}  // namespace holdfast::hal::tpm2
