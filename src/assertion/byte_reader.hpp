// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace holdfast {

/// Reads big-endian structures, such as a TPM's (TPM 2.0 Library Part 2) and their sized buffers. A read past the end
/// gives zero or nothing, and is noticed once, at the end: `is_whole()`. Allocates nothing.
class ByteReader {
 public:
  constexpr explicit ByteReader(std::span<const std::byte> in) noexcept : in_(in) {}

  constexpr std::uint8_t u8() noexcept { return static_cast<std::uint8_t>(number(1)); }
  constexpr std::uint16_t u16() noexcept { return static_cast<std::uint16_t>(number(2)); }
  constexpr std::uint32_t u32() noexcept { return number(4); }
  constexpr std::span<const std::byte> bytes(std::size_t size) noexcept {
    if (size > in_.size()) {
      is_whole_ = false;
      in_ = {};
      return {};
    }
    const auto taken = in_.first(size);
    in_ = in_.subspan(size);
    return taken;
  }
  /// A TPM2B: its size in two bytes, then the bytes.
  constexpr std::span<const std::byte> sized() noexcept { return bytes(u16()); }

  [[nodiscard]] constexpr std::span<const std::byte> rest() const noexcept { return in_; }
  [[nodiscard]] constexpr bool is_whole() const noexcept { return is_whole_; }
  /// Everything was there and nothing is left.
  [[nodiscard]] constexpr bool is_exact() const noexcept { return is_whole_ && in_.empty(); }

 private:
  constexpr std::uint32_t number(std::size_t size) noexcept {
    std::uint32_t value = 0;
    for (const std::byte byte : bytes(size)) value = value << 8U | std::to_integer<std::uint32_t>(byte);
    return value;
  }

  std::span<const std::byte> in_;
  bool is_whole_ = true;
};

}  // namespace holdfast
