// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace holdfast {

/// Reads an IMF-fixdate (RFC 9110 §5.6.7): exactly `Sun, 06 Nov 1994 08:49:37 GMT`, a date that exists, its own day
/// of the week. The two obsolete forms are not read: nothing here depends on a date being understood.
[[nodiscard]] std::optional<WallSeconds> parse_http_date(std::string_view text) noexcept;

/// Reads the value of `Retry-After` (RFC 9110 §10.2.3): seconds, or a date, which is taken relative to `now`; a date
/// in the past is zero. `nullopt` for anything else.
[[nodiscard]] std::optional<std::chrono::seconds> parse_retry_after(std::string_view text, WallSeconds now) noexcept;

}  // namespace holdfast
