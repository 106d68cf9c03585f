// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/signer.hpp"

#include "hal/key_device.hpp"
#include "src/signer/call_count.hpp"
#include "src/verification/sealed_box.hpp"

namespace holdfast {

/// Opens sealed task ids with a key's derivation twin: the device computes the shared secret, the rest is done here.
///
/// The twin is found and judged anew for each id, so that nothing has to survive a reset of the device: a task is
/// registered once in a process's life, not with every header.
class TwinOpener final : public SealedTaskOpener {
 public:
  /// Checks what can be checked without the device: `invalid_argument` for a key that can have no twin or a URI that
  /// is too long, `scheme_unsupported` for a device that derives nothing. `device`, `clock` and `calls` outlive it;
  /// none of them is destroyed while `calls` is not zero.
  [[nodiscard]] static Result<TwinOpener> create(hal::KeyDevice& device, hal::Clock& clock, CallCount& calls,
                                                 std::string_view twin_uri, const PublicKey& public_key) noexcept;

  /// Also `key_refused` for a twin that could leave the device or do more than derive.
  [[nodiscard]] Result<TaskId> open_sealed_task(std::string_view sealed,
                                                std::chrono::nanoseconds timeout) noexcept override;

 private:
  TwinOpener(hal::KeyDevice& device, hal::KeyAgreement& agreement, hal::Clock& clock, CallCount& calls,
             FixedText<hal::kMaxKeyUriSize> uri, const X25519PublicKey& recipient) noexcept
      : device_(&device), agreement_(&agreement), clock_(&clock), calls_(&calls), uri_(uri), recipient_(recipient) {}

  hal::KeyDevice* device_;
  hal::KeyAgreement* agreement_;
  hal::Clock* clock_;
  CallCount* calls_;
  FixedText<hal::kMaxKeyUriSize> uri_;
  X25519PublicKey recipient_;
};

}  // namespace holdfast
