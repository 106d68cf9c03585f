// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"

namespace holdfast::hal::tpm2 {

class Device;

/// TPM2_Certify over a key, by the TPM's attestation key. Format "tpm2-certify": the statement is a TPMS_ATTEST, the
/// signature ECDSA with SHA-256 over it as r‖s, both public areas are TPMT_PUBLIC (TPM 2.0 Library Part 2).
class KeyAttestation final : public Attestor {
 public:
  explicit KeyAttestation(Device& device) noexcept : device_(device) {}
  Result<Attestation> attest(KeyHandle key, std::span<const std::byte> nonce, BootTime deadline) noexcept override;

 private:
  Device& device_;
};

}  // namespace holdfast::hal::tpm2
