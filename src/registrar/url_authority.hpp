// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <cstdint>
#include <string_view>

namespace holdfast {

/// The `host[:port]` of a URL (RFC 3986 §3.2).
struct UrlAuthority {
  std::string_view host{};  ///< of an IPv6 address what stands between the brackets
  bool is_ipv6 = false;
  std::uint16_t port = 0;  ///< 0: none is named
};

/// ASCII, whatever the process's locale.
[[nodiscard]] constexpr char lower_case(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Takes `prefix` (in lower case) off the front of `text`, compared without case; false if it does not stand there.
[[nodiscard]] bool take_prefix(std::string_view& text, std::string_view prefix) noexcept;

/// Reads exactly `host[:port]`. Stricter than RFC 3986 where readers differ: no credentials, letters, digits and
/// `- . _` only, IPv4 in its four-part form only, ports in digits. `invalid_argument` with `doing` otherwise. No
/// heap.
[[nodiscard]] Result<UrlAuthority> parse_url_authority(std::string_view text, const char* doing) noexcept;

/// True for 127.0.0.0/8, ::1 and `localhost`.
[[nodiscard]] bool is_loopback_host(std::string_view host) noexcept;

}  // namespace holdfast
