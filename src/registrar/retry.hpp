// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace holdfast {

/// The first wait before a second attempt lies between half of this and all of it; each later one doubles.
inline constexpr std::chrono::milliseconds kFirstBackOff{500};
inline constexpr std::chrono::milliseconds kLongestBackOff{8'000};
/// The longest `Retry-After` waited for.
inline constexpr std::chrono::seconds kLongestRetryAfter{20};

/// How long to wait between the attempts of one request: exponential, with jitter so that the hosts of one outage do
/// not come back together. Pure: the caller waits.
class RetrySchedule {
 public:
  /// `attempts` in all, the first included; `seed` chooses the jitter.
  RetrySchedule(unsigned attempts, std::uint64_t seed) noexcept : attempts_left_(attempts), random_state_(seed) {}

  /// The wait after one more failed attempt; `nullopt` when no attempt is left, or when the server asks for
  /// longer than `kLongestRetryAfter`: coming back earlier than asked would only be refused again.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> next(
      std::optional<std::chrono::seconds> retry_after) noexcept;

  [[nodiscard]] unsigned attempts_made() const noexcept { return attempts_made_; }

 private:
  [[nodiscard]] std::uint64_t random() noexcept;

  unsigned attempts_left_;
  unsigned attempts_made_ = 0;
  std::chrono::milliseconds back_off_ = kFirstBackOff;
  std::uint64_t random_state_;
};

}  // namespace holdfast
