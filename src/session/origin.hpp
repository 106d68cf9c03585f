// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <cstdint>
#include <string_view>

namespace holdfast {

/// Scheme, host and port of a URL (RFC 6454 §4), in the one form in which they can be compared byte by byte. No heap.
class Origin {
 public:
  enum class Scheme : std::uint8_t { https, wss, http, ws };

  /// Reads the origin of a URL; what follows the host's `/` does not matter. `invalid_argument`, with what is wrong,
  /// for what two readers could take for two hosts, and for plain `http:` and `ws:` to a host that is not loopback.
  [[nodiscard]] static Result<Origin> of_url(std::string_view url) noexcept;

  /// `https://api.example:8443`, for messages.
  [[nodiscard]] FixedText<300> text() const noexcept;
  friend bool operator==(const Origin&, const Origin&) noexcept = default;

 private:
  Scheme scheme_ = Scheme::https;
  std::uint16_t port_ = 0;
  bool is_ipv6_ = false;
  FixedText<253> host_;  // RFC 1035 §2.3.4; in lower case, an IPv6 address as inet_ntop(3) writes it
};

}  // namespace holdfast
