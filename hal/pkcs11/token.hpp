// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"
#include "hal/pkcs11/cryptoki.hpp"
#include "hal/pkcs11/uri.hpp"

namespace holdfast::hal::pkcs11 {

/// A token in its slot, as it was when looked at.
struct Token {
  CK_SLOT_ID slot = 0;
  CK_TOKEN_INFO info{};
};

/// Whether the token's own words agree with all that `uri` says about tokens.
[[nodiscard]] bool matches(const KeyUri& uri, const Token& token) noexcept;

/// The one initialised token that matches; `token_not_found`, or `ambiguous_match` with the matches as detail.
[[nodiscard]] Result<Token> select_token(const Calls& calls, const KeyUri& uri) noexcept;

/// Puts up to `out.size()` tokens that match, blank ones included, into `out` and returns how many there are.
[[nodiscard]] Result<std::size_t> find_tokens(const Calls& calls, const KeyUri& uri, std::span<Token> out) noexcept;

/// `uri` with the token's own label, serial, manufacturer and model (and slot, for a blank one), and
/// without an object.
[[nodiscard]] KeyUri uri_of(const Token& token, const KeyUri& uri) noexcept;

[[nodiscard]] TokenDescription describe(const Calls& calls, const Token& token, const KeyUri& uri) noexcept;

}  // namespace holdfast::hal::pkcs11
