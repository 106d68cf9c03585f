// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"
#include "hal/pkcs11/cryptoki.hpp"

#include <array>
#include <string_view>

/// Bringing a private key in under a key that only the token knows.
///
/// The token makes an AES-256 session key and encrypts for us under it; the wrapping on top (RFC 5649) is done here.
/// So no wrapping key is ever in this process, and no token is asked to take one in clear, which those that refuse a
/// private key in clear refuse as well.
namespace holdfast::hal::pkcs11 {

struct Unwrapping {
  CK_MECHANISM_TYPE mechanism;
  std::string_view way;  ///< for a person
};

/// Strongest first. 0x210A is RFC 5649 in SoftHSM and in the standard's text before 3.0; 0x210B since.
inline constexpr std::array kUnwrappings{
    Unwrapping{kAesKeyWrapKwp, "unwrapped under a session key (CKM_AES_KEY_WRAP_KWP)"},
    Unwrapping{CKM_AES_KEY_WRAP_PAD, "unwrapped under a session key (CKM_AES_KEY_WRAP_PAD)"},
    Unwrapping{CKM_AES_CBC_PAD, "unwrapped under a session key (CKM_AES_CBC_PAD)"},
};

/// A session key of the token that wraps and unwraps; destroyed at the end of the scope.
class WrappingKey {
 public:
  /// Whether the token's mechanisms allow it at all.
  [[nodiscard]] static bool is_offered(const Session& session, CK_SLOT_ID slot, const Unwrapping& way) noexcept;

  explicit WrappingKey(const Session& session) noexcept;
  ~WrappingKey();
  WrappingKey(const WrappingKey&) = delete;
  WrappingKey& operator=(const WrappingKey&) = delete;

  /// CKR_OK, or why there is no key.
  [[nodiscard]] CK_RV code() const noexcept { return code_; }

  /// Encrypts `plain` (PKCS#8) for `way`; remembers what `unwrap` needs.
  [[nodiscard]] CK_RV wrap(const Unwrapping& way, std::span<const std::byte> plain) noexcept;
  /// Makes the wrapped key an object of the token.
  [[nodiscard]] CK_RV unwrap(const Unwrapping& way, CK_ATTRIBUTE* attributes, CK_ULONG count,
                             CK_OBJECT_HANDLE& object) noexcept;

 private:
  [[nodiscard]] CK_RV encrypt(CK_MECHANISM mechanism, std::span<const std::byte> plain, std::span<std::byte> out,
                              CK_ULONG& size) noexcept;
  [[nodiscard]] CK_RV encrypt_block(std::span<std::byte, 16> block) noexcept;
  [[nodiscard]] CK_RV wrap_padded(std::span<const std::byte> plain) noexcept;
  [[nodiscard]] CK_RV wrap_chained(std::span<const std::byte> plain) noexcept;

  const Session& session_;
  CK_OBJECT_HANDLE key_ = CK_INVALID_HANDLE;
  CK_RV code_ = CKR_OK;
  std::array<std::byte, 16> iv_{};
  std::array<std::byte, 256> wrapped_{};
  std::size_t wrapped_size_ = 0;
};

}  // namespace holdfast::hal::pkcs11
