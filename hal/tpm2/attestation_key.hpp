// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/tpm2/commands.hpp"

namespace holdfast::hal::tpm2 {

/// Where the owner may keep the attestation key, next to the storage root: one who has set an auth value for the
/// owner hierarchy makes it persistent here once.
inline constexpr std::uint32_t kPersistentAttestationKey = 0x81000002;

/// The key that vouches for other keys, while it is in the TPM: a restricted P-256 signing key, primary in the owner
/// hierarchy like the storage root, made from a template. So it is the same key each time, and nothing of it is kept.
///
/// A persistent one is used where it is; one that had to be made is flushed when this goes out of scope.
class AttestationKey {
 public:
  explicit AttestationKey(Connection& tpm) noexcept : tpm_(tpm) {}
  ~AttestationKey() { release(); }
  AttestationKey(const AttestationKey&) = delete;
  AttestationKey& operator=(const AttestationKey&) = delete;

  /// Finds or makes it. `permission_denied` with a hint if the owner hierarchy has an auth value.
  [[nodiscard]] Result<void> resolve(BootTime deadline) noexcept;
  void release() noexcept;

  [[nodiscard]] bool is_transient() const noexcept { return object_.handle >> 24U == 0x80U; }
  [[nodiscard]] const LoadedObject& object() const noexcept { return object_; }

 private:
  Connection& tpm_;
  LoadedObject object_;
};

}  // namespace holdfast::hal::tpm2
