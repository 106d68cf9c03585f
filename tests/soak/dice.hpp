// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>

namespace holdfast::soak {

/// Chance from a seed: the same seed throws the same.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}

  /// From `low` to `high`, both included.
  template <typename Number>
  [[nodiscard]] Number between(Number low, Number high) {
    return std::uniform_int_distribution<Number>(low, high)(engine_);
  }
  [[nodiscard]] std::chrono::milliseconds between(std::chrono::milliseconds low, std::chrono::milliseconds high) {
    return std::chrono::milliseconds(between(low.count(), high.count()));
  }
  /// From `low` to `high`, as likely between 10 and 20 ms as between 1 and 2 s.
  [[nodiscard]] std::chrono::milliseconds of_any_length(std::chrono::milliseconds low,
                                                        std::chrono::milliseconds high) {
    std::uniform_real_distribution<double> exponent(std::log(double(low.count())), std::log(double(high.count())));
    return std::chrono::milliseconds(static_cast<std::int64_t>(std::exp(exponent(engine_))));
  }
  /// How long until the next of what happens every `mean` on average, whenever it happened last.
  [[nodiscard]] std::chrono::nanoseconds until_next(std::chrono::nanoseconds mean) {
    return std::chrono::nanoseconds(
        static_cast<std::int64_t>(std::exponential_distribution<double>(1.0 / double(mean.count()))(engine_)));
  }
  template <typename T, std::size_t Size>
  [[nodiscard]] const T& one_of(const T (&items)[Size]) {
    return items[between(std::size_t{0}, Size - 1)];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace holdfast::soak
