// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"

#include <array>
#include <cstddef>
#include <span>

namespace holdfast {

using Sha256Digest = std::array<std::byte, kSha256Size>;

/// The SHA-256 (FIPS 180-4) of `message`. Allocates nothing; any thread.
[[nodiscard]] Sha256Digest sha256(std::span<const std::byte> message) noexcept;

}  // namespace holdfast
