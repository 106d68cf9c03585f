// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/assertion/byte_reader.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace holdfast::hal::tpm2 {

[[nodiscard]] inline std::span<const std::byte> octets_of(std::string_view text) noexcept {
  return std::as_bytes(std::span(text));
}
[[nodiscard]] inline const std::uint8_t* raw(std::span<const std::byte> bytes) noexcept {
  return reinterpret_cast<const std::uint8_t*>(bytes.data());
}
[[nodiscard]] inline std::uint8_t* raw(std::span<std::byte> bytes) noexcept {
  return reinterpret_cast<std::uint8_t*>(bytes.data());
}

/// Up to `Capacity` bytes inside a value.
template <std::size_t Capacity>
class Octets {
 public:
  constexpr Octets() noexcept = default;

  /// False, and unchanged, if they do not fit.
  [[nodiscard]] constexpr bool assign(std::span<const std::byte> bytes) noexcept {
    if (bytes.size() > Capacity) return false;
    std::ranges::copy(bytes, bytes_.begin());
    size_ = bytes.size();
    return true;
  }
  constexpr void clear() noexcept { size_ = 0; }
  [[nodiscard]] constexpr std::span<const std::byte> view() const noexcept { return {bytes_.data(), size_}; }
  [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
  /// All of the room, to write into; follow with `set_size`.
  [[nodiscard]] constexpr std::span<std::byte> storage() noexcept { return bytes_; }
  constexpr void set_size(std::size_t size) noexcept { size_ = std::min(size, Capacity); }
  friend constexpr bool operator==(const Octets& a, const Octets& b) noexcept {
    return std::ranges::equal(a.view(), b.view());
  }

 private:
  std::array<std::byte, Capacity> bytes_{};
  std::size_t size_ = 0;
};

/// Writes a TPM's big-endian structures (TPM 2.0 Library Part 2) into a buffer. What does not fit is noticed once, at
/// the end: `is_whole()`.
class ByteWriter {
 public:
  constexpr explicit ByteWriter(std::span<std::byte> out) noexcept : out_(out) {}

  constexpr ByteWriter& u8(std::uint8_t value) noexcept { return number(value, 1); }
  constexpr ByteWriter& u16(std::uint16_t value) noexcept { return number(value, 2); }
  constexpr ByteWriter& u32(std::uint32_t value) noexcept { return number(value, 4); }
  constexpr ByteWriter& bytes(std::span<const std::byte> value) noexcept {
    if (value.size() > out_.size() - size_) {
      is_whole_ = false;
    } else {
      std::ranges::copy(value, out_.begin() + static_cast<std::ptrdiff_t>(size_));
      size_ += value.size();
    }
    return *this;
  }
  /// A TPM2B: its size in two bytes, then the bytes.
  constexpr ByteWriter& sized(std::span<const std::byte> value) noexcept {
    if (value.size() > 0xFFFF) is_whole_ = false;
    return u16(static_cast<std::uint16_t>(value.size())).bytes(value);
  }

  [[nodiscard]] constexpr bool is_whole() const noexcept { return is_whole_; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
  [[nodiscard]] constexpr std::span<const std::byte> written() const noexcept { return out_.first(size_); }

 private:
  constexpr ByteWriter& number(std::uint32_t value, std::size_t size) noexcept {
    if (size > out_.size() - size_) {
      is_whole_ = false;
      return *this;
    }
    for (std::size_t i = size; i-- > 0;) out_[size_++] = static_cast<std::byte>(value >> (8 * i));
    return *this;
  }

  std::span<std::byte> out_;
  std::size_t size_ = 0;
  bool is_whole_ = true;
};

using holdfast::ByteReader;

}  // namespace holdfast::hal::tpm2
