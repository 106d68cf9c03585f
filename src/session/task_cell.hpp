// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/session.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace holdfast {

/// A task and which one it is.
struct CurrentTask {
  TaskId id;
  TaskGeneration generation;
};

/// Holds the present task for many readers and one writer at a time. Readers take no lock; a task that is replaced
/// needs no memory of its own. The payload is atomic words between two readings of a sequence number, without fences
/// (ThreadSanitizer of gcc does not see them).
class TaskCell {
 public:
  /// The present task; nullopt if none was ever stored. Waits only while a `store` is copying 17 words.
  [[nodiscard]] std::optional<CurrentTask> load() const noexcept;
  /// Puts `task` in place and returns its generation, one more than the last. One thread at a time.
  TaskGeneration store(const TaskId& task) noexcept;
  [[nodiscard]] TaskGeneration generation() const noexcept { return {sequence_.load(std::memory_order_acquire) / 2}; }

 private:
  static constexpr std::size_t kWords = (sizeof(TaskId) + 7) / 8;
  using Words = std::array<std::uint64_t, kWords>;

  std::atomic<std::uint64_t> sequence_{0};  // twice the generation; odd while one is being stored
  std::array<std::atomic<std::uint64_t>, kWords> words_{};
};

}  // namespace holdfast
