// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <atomic>
#include <cstdint>

namespace holdfast::hal {

/// Notices on the next call that the process was forked: a word in a page the kernel wipes in the child
/// (MADV_WIPEONFORK, Linux 4.14). Costs a load; needs no atfork handler and no system call.
class ForkGuard {
 public:
  ForkGuard() noexcept = default;
  /// Maps the page; `resource_exhausted` if the kernel gives none.
  [[nodiscard]] static Result<ForkGuard> create() noexcept;

  ForkGuard(ForkGuard&& other) noexcept;
  ForkGuard& operator=(ForkGuard&& other) noexcept;
  ForkGuard(const ForkGuard&) = delete;
  ForkGuard& operator=(const ForkGuard&) = delete;
  ~ForkGuard();

  /// True in a child forked after `create`.
  [[nodiscard]] bool is_forked() const noexcept { return word_->load(std::memory_order_relaxed) == 0; }

 private:
  std::atomic<std::uint32_t>* word_ = nullptr;
};

}  // namespace holdfast::hal
