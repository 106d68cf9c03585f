// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/failure_record.hpp"

#include <optional>
#include <span>
#include <string_view>

namespace holdfast::hal {

/// Room for the text of a full record.
inline constexpr std::size_t kMaxFailureTextSize = 8192;

/// Writes the failures as text, one a line, between a line that names the format and one that ends it; returns its
/// size, 0 if it does not fit.
[[nodiscard]] std::size_t write_failures(std::span<const PinFailure> failures, std::span<char> out) noexcept;

/// Reads such a text into `out` and returns how many there were; nothing unless every byte up to the end line is as
/// `write_failures` writes it. What stands behind the end line is the rest of a longer text before it.
[[nodiscard]] std::optional<std::size_t> read_failures(std::string_view text, std::span<PinFailure> out) noexcept;

}  // namespace holdfast::hal
