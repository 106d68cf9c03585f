// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <p11-kit/pkcs11.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

/// The vendor's header, and the few shapes that make its C structures safe to hold.
namespace holdfast::hal::pkcs11 {

// p11-kit 0.24's header is PKCS#11 2.40 with the Edwards mechanisms of 3.0; this one came with 3.0 as well.
inline constexpr CK_MECHANISM_TYPE kAesKeyWrapKwp = 0x210BUL;
// PKCS#11 v3.0 §5.1.
#ifndef CKR_OPERATION_CANCEL_FAILED
#define CKR_OPERATION_CANCEL_FAILED 0x202UL
#endif
// X25519 keys of PKCS#11 v3.0 (§6.3.6).
inline constexpr CK_KEY_TYPE kEcMontgomery = 0x41UL;

/// The one table through which every native call goes.
using Calls = CK_FUNCTION_LIST;

/// A session and the table to use it with. Borrowed; used by one thread at a time.
struct Session {
  const Calls* calls = nullptr;
  CK_SESSION_HANDLE handle = 0;
};

/// Bytes of a bounded length, held by value.
template <std::size_t Capacity>
struct Octets {
  std::array<std::byte, Capacity> bytes{};
  std::size_t size = 0;

  [[nodiscard]] std::span<const std::byte> view() const noexcept { return {bytes.data(), size}; }
  [[nodiscard]] bool empty() const noexcept { return size == 0; }
  /// False, and nothing changed, if `from` does not fit.
  [[nodiscard]] bool assign(std::span<const std::byte> from) noexcept {
    if (from.size() > Capacity) return false;
    std::ranges::copy(from, bytes.begin());
    size = from.size();
    return true;
  }
};

/// Cryptoki takes its inputs through pointers to non-const and does not write to them (PKCS#11 v3.0 §5.1.4).
[[nodiscard]] inline CK_BYTE* native(std::span<const std::byte> bytes) noexcept {
  return const_cast<CK_BYTE*>(reinterpret_cast<const CK_BYTE*>(bytes.data()));
}

[[nodiscard]] inline std::span<const std::byte> as_octets(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// A fixed-width field without its padding: blanks by the standard, zero bytes in some modules; never
/// terminated.
template <std::size_t Size>
[[nodiscard]] std::string_view field(const unsigned char (&bytes)[Size]) noexcept {
  std::size_t size = Size;
  while (size > 0 && (bytes[size - 1] == ' ' || bytes[size - 1] == '\0')) --size;
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace holdfast::hal::pkcs11
