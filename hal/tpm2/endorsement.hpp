// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"

namespace holdfast::hal::tpm2 {

class Device;

/// The maker's certificates from NV memory, and TPM2_ActivateCredential: the TPM gives back what was enclosed for its
/// endorsement key and the name of its attestation key only if it holds both.
class EndorsementProof final : public Endorsement {
 public:
  explicit EndorsementProof(Device& device) noexcept : device_(device) {}
  Result<std::size_t> certificates(std::span<EndorsementCertificate> out, BootTime deadline) noexcept override;
  Result<SecretBytes> answer(std::span<const std::byte> credential, std::span<const std::byte> seed,
                             BootTime deadline) noexcept override;

 private:
  Device& device_;
};

}  // namespace holdfast::hal::tpm2
