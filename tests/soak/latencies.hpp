// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace holdfast::soak {

/// Durations, counted in steps of about three per cent: quantiles of millions, in memory that does not grow.
class Latencies {
 public:
  void add(std::chrono::nanoseconds latency) {
    ++counts_[step_of(static_cast<std::uint64_t>(latency.count()))];
    ++total_;
    if (latency > longest_) longest_ = latency;
  }
  /// The upper end of the step in which it lies.
  [[nodiscard]] std::chrono::nanoseconds quantile(double part) const {
    std::uint64_t left = static_cast<std::uint64_t>(part * double(total_));
    for (std::size_t step = 0; step < counts_.size(); ++step) {
      if (counts_[step] > left) return std::min(longest_, std::chrono::nanoseconds(upper_end_of(step)));
      left -= counts_[step];
    }
    return longest_;
  }
  [[nodiscard]] std::chrono::nanoseconds longest() const { return longest_; }

 private:
  static constexpr std::size_t kPerOctave = 32;
  static constexpr std::size_t kExact = kPerOctave;  // below this each nanosecond is a step

  static std::size_t step_of(std::uint64_t value) {
    if (value < kExact) return static_cast<std::size_t>(value);
    const auto shift = static_cast<std::size_t>(std::bit_width(value)) - 6;  // leaves 32 to 63
    return shift * kPerOctave + static_cast<std::size_t>(value >> shift);
  }
  static std::int64_t upper_end_of(std::size_t step) {
    if (step < kExact) return static_cast<std::int64_t>(step);
    const std::size_t shift = step / kPerOctave - 1;
    return static_cast<std::int64_t>((step % kPerOctave + kPerOctave + 1) << shift);
  }

  std::array<std::uint64_t, 64 * kPerOctave> counts_{};
  std::uint64_t total_ = 0;
  std::chrono::nanoseconds longest_{0};
};

}  // namespace holdfast::soak
