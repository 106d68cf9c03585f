// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/tpm2/connection.hpp"
#include "hal/tpm2/uri.hpp"

namespace holdfast::hal::tpm2 {

/// What the TPM says of itself. `uri` and `serial` are left to the caller: a TPM has no serial number.
[[nodiscard]] Result<TokenDescription> read_token(Connection& tpm) noexcept;

/// The handles of the persistent objects.
class PersistentHandles {
 public:
  [[nodiscard]] static Result<PersistentHandles> read(Connection& tpm, BootTime deadline) noexcept;
  [[nodiscard]] std::span<const std::uint32_t> view() const noexcept { return {handles_.data(), count_}; }

 private:
  std::array<std::uint32_t, 254> handles_{};  // as many as fit one answer; a TPM has far fewer
  std::size_t count_ = 0;
};

/// What a person calls the key: its file's name without folder and extension, or its handle.
[[nodiscard]] FixedText<128> label_of(const KeyUri& uri) noexcept;

}  // namespace holdfast::hal::tpm2
