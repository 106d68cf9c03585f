// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

/// What the fuzzer calls with bytes it made up; every target is one such function.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace holdfast::fuzz {

/// Ends the program, and with it the input's run, unless what was promised holds.
inline void promise(bool holds, const char* what) noexcept {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

[[nodiscard]] inline std::string_view text_of(const std::uint8_t* data, std::size_t size) noexcept {
  return {reinterpret_cast<const char*>(data), size};
}
[[nodiscard]] inline std::span<const std::byte> bytes_of(const std::uint8_t* data, std::size_t size) noexcept {
  return std::as_bytes(std::span(data, size));
}

/// Takes an input apart into choices; when it is used up, every choice is zero and every text empty.
class Choices {
 public:
  Choices(const std::uint8_t* data, std::size_t size) noexcept : rest_(data, size) {}

  [[nodiscard]] bool is_empty() const noexcept { return rest_.empty(); }
  [[nodiscard]] std::span<const std::byte> rest() const noexcept { return std::as_bytes(rest_); }

  std::uint8_t octet() noexcept {
    const auto taken = take(1);
    return taken.empty() ? std::uint8_t{0} : std::to_integer<std::uint8_t>(taken[0]);
  }
  std::uint16_t pair() noexcept {
    const unsigned high = octet();
    return static_cast<std::uint16_t>(high << 8U | octet());
  }
  std::uint64_t number() noexcept {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8U | octet();
    return value;
  }
  /// One of `count` things.
  std::size_t choice(std::size_t count) noexcept { return octet() % count; }
  bool flag() noexcept { return (octet() & 1U) != 0; }
  /// As many bytes as the two before them say, or what is left.
  std::span<const std::byte> sized() noexcept {
    const std::size_t size = pair();
    return take(size);
  }
  std::string_view text() noexcept {
    const auto bytes = sized();
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

 private:
  std::span<const std::byte> take(std::size_t size) noexcept {
    const auto taken = rest_.first(size < rest_.size() ? size : rest_.size());
    rest_ = rest_.subspan(taken.size());
    return std::as_bytes(taken);
  }
  std::span<const std::uint8_t> rest_;
};

}  // namespace holdfast::fuzz
