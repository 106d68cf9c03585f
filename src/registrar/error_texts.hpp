// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <cstdint>

namespace holdfast {

/// The number of one of the registrar's own static texts (what it was doing, a hint), so that an error can travel
/// between processes and still point to literals; 0 for null and for a text that is not on the list.
[[nodiscard]] std::uint8_t number_of_text(const char* text) noexcept;
/// The text of a number; null for 0 and for a number that is none.
[[nodiscard]] const char* text_of_number(std::uint8_t number) noexcept;

/// The name of an error's native code, as whoever noticed it would have given it.
[[nodiscard]] const char* native_name_of(Layer layer, std::uint64_t native) noexcept;

}  // namespace holdfast
