// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace holdfast::soak {

/// Bytes of this process in memory (proc(5), statm).
[[nodiscard]] std::size_t resident_bytes();
/// Descriptors that this process keeps open: the fewest of many looks within a second. Calls that are under way have
/// files open for moments, and one that is never closed is there at every look.
[[nodiscard]] std::size_t kept_descriptors();

/// How this process's memory goes with the signatures it makes.
class MemoryCurve {
 public:
  void note(std::uint64_t signatures, std::size_t bytes);

  struct Growth {
    std::uint64_t signatures = 0;    ///< between the samples that count
    double bytes = 0;                ///< of the fitted line, between the same
    double bytes_per_signature = 0;  ///< its slope
  };
  /// By least squares over all but the first quarter: until then pools fill and libraries are loaded.
  [[nodiscard]] Growth growth() const;

 private:
  struct Sample {
    double signatures = 0;
    double bytes = 0;
  };
  // When it is full every second sample goes, and only every second from then on is taken.
  std::array<Sample, 4096> samples_{};
  std::size_t count_ = 0;
  std::uint64_t every_ = 1;
  std::uint64_t offered_ = 0;
};

}  // namespace holdfast::soak
