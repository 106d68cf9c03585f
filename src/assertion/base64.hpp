// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

/// The two base64 forms an assertion holds, one inside the other (RFC 4648 §4 and §5).
///
/// Table look-ups, so not constant-time: for public data. Text that hides a secret goes through libsodium's codec.
namespace holdfast {

enum class Base64 : std::uint8_t {
  standard,  ///< `+` and `/`, padded with `=`: the signature inside the token, SSH keys
  url,       ///< `-` and `_`, no padding: the token itself
};

/// Characters that `bytes` bytes take.
[[nodiscard]] constexpr std::size_t base64_size(Base64 form, std::size_t bytes) noexcept {
  return form == Base64::standard ? (bytes + 2) / 3 * 4 : bytes / 3 * 4 + (bytes % 3 == 0 ? 0 : bytes % 3 + 1);
}

/// Writes `bytes` to the beginning of `out` and returns the number of characters.
/// `out` holds at least `base64_size(form, bytes.size())`; with less, 0 is returned and nothing written.
[[nodiscard]] std::size_t encode_base64(Base64 form, std::span<const std::byte> bytes, std::span<char> out) noexcept;

/// Reads `text` into the beginning of `out` and returns the number of bytes.
///
/// Takes exactly what `encode_base64` writes: white space, missing or surplus padding, the other alphabet and set
/// bits behind the last byte are `invalid_argument` with a detail; more bytes than `out` holds are
/// `buffer_too_small`. On failure `out` may hold a part of the bytes.
[[nodiscard]] Result<std::size_t> decode_base64(Base64 form, std::string_view text,
                                                std::span<std::byte> out) noexcept;

}  // namespace holdfast
