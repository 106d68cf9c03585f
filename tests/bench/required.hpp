// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <array>
#include <stdexcept>
#include <string>
#include <utility>

namespace holdfast::bench {

/// The value of `result`; ends the bench with its message if there is none.
template <typename T>
T require(Result<T>&& result) {
  if (result) return std::move(result).value();
  std::array<char, 512> text{};
  throw std::runtime_error(std::string(write_message(result.error(), text)));
}

}  // namespace holdfast::bench
