// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"

#include "hal/tpm2/octets.hpp"

#include <array>
#include <initializer_list>
#include <string_view>

/// The TPM's own constructions over SHA-256 (TPM 2.0 Library Part 1 §11.4). Nothing here allocates.
namespace holdfast::hal::tpm2 {

using Digest = std::array<std::byte, kSha256Size>;

/// SHA-256 over the parts, one after the other.
[[nodiscard]] Digest hash(std::initializer_list<std::span<const std::byte>> parts) noexcept;

/// HMAC-SHA-256 over the parts. Wipes its state.
[[nodiscard]] Digest hmac(std::span<const std::byte> key,
                          std::initializer_list<std::span<const std::byte>> parts) noexcept;

/// KDFa (§11.4.10.2): SP 800-108 in counter mode, with `label` and its terminating zero. Fills `out`.
void kdf_a(std::span<const std::byte> key, std::string_view label, std::span<const std::byte> context_u,
           std::span<const std::byte> context_v, std::span<std::byte> out) noexcept;

/// KDFe (§11.4.10.3): SP 800-56A's concatenation, for one digest of output.
[[nodiscard]] Digest kdf_e(std::span<const std::byte> z, std::string_view label, std::span<const std::byte> party_u,
                           std::span<const std::byte> party_v) noexcept;

/// Equal, in a time that tells nothing.
[[nodiscard]] bool is_equal(std::span<const std::byte> a, std::span<const std::byte> b) noexcept;

}  // namespace holdfast::hal::tpm2
