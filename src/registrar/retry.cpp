// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/retry.hpp"

#include <algorithm>

namespace holdfast {

std::optional<std::chrono::nanoseconds> RetrySchedule::next(
    std::optional<std::chrono::seconds> retry_after) noexcept {
  ++attempts_made_;
  if (attempts_left_ > 0) --attempts_left_;
  if (attempts_left_ == 0) return std::nullopt;
  if (retry_after && *retry_after > kLongestRetryAfter) return std::nullopt;

  const std::chrono::nanoseconds half = std::chrono::nanoseconds(back_off_) / 2;
  const auto jitter = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(half.count() + 1));
  back_off_ = std::min(back_off_ * 2, kLongestBackOff);
  const std::chrono::nanoseconds wait = half + std::chrono::nanoseconds(jitter);
  return retry_after ? wait + std::max(*retry_after, std::chrono::seconds(0)) : wait;
}

// SplitMix64 (Steele, Lea, Flood 2014): spreads a seed; nothing here needs to be unpredictable.
std::uint64_t RetrySchedule::random() noexcept {
  random_state_ += 0x9E3779B97F4A7C15U;
  std::uint64_t mixed = random_state_;
  mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9U;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBU;
  return mixed ^ (mixed >> 31U);
}

}  // namespace holdfast
