// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace holdfast {

/// Counts the calls under way in something, for whoever wants to destroy it: a native call that does not return may
/// come back, and then must find everything where it was.
class CallCount {
 public:
  /// One call, from before it may reach the device until it touches nothing of what is counted any more.
  class UnderWay {
   public:
    explicit UnderWay(CallCount& count) noexcept : count_(count.count_) {
      count_.fetch_add(1, std::memory_order_relaxed);
    }
    ~UnderWay() { count_.fetch_sub(1, std::memory_order_release); }
    UnderWay(const UnderWay&) = delete;
    UnderWay& operator=(const UnderWay&) = delete;

   private:
    std::atomic<std::uint32_t>& count_;
  };

  [[nodiscard]] bool is_zero() const noexcept { return count_.load(std::memory_order_acquire) == 0; }

 private:
  std::atomic<std::uint32_t> count_{0};
};

}  // namespace holdfast
