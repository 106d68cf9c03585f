// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"

namespace holdfast {

/// 2020-01-01T00:00:00Z: before it no such protocol was spoken, and a machine says so when its clock was never set.
inline constexpr WallSeconds kEarliestPlausible{1'577'836'800};

/// `wall` as it is signed; `clock_implausible` before 2020 and beyond the year 9999. Allocates nothing.
[[nodiscard]] Result<TimestampText> plausible_timestamp(WallSeconds wall, const char* doing) noexcept;

}  // namespace holdfast
