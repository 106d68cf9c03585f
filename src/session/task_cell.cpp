// SPDX-License-Identifier: Apache-2.0
#include "src/session/task_cell.hpp"

#include <bit>
#include <cstring>
#include <type_traits>

namespace holdfast {
namespace {

// An id without padding behind it, so that it can be made from words.
struct alignas(8) PaddedTask {
  TaskId id;
  std::array<char, (8 - sizeof(TaskId) % 8) % 8> rest;
};
static_assert(std::is_trivially_copyable_v<TaskId> && sizeof(TaskId) % 8 != 0);

}  // namespace

std::optional<CurrentTask> TaskCell::load() const noexcept {
  while (true) {
    const std::uint64_t before = sequence_.load(std::memory_order_acquire);
    if (before == 0) return std::nullopt;
    if (before % 2 != 0) continue;
    Words words;
    // Acquire on each word: whoever sees a newer word sees the newer sequence number below, too.
    for (std::size_t i = 0; i < kWords; ++i) words[i] = words_[i].load(std::memory_order_acquire);
    if (sequence_.load(std::memory_order_relaxed) != before) continue;
    return CurrentTask{std::bit_cast<PaddedTask>(words).id, {before / 2}};
  }
}

TaskGeneration TaskCell::store(const TaskId& task) noexcept {
  Words words{};
  static_assert(sizeof(words) >= sizeof(TaskId));
  std::memcpy(words.data(), &task, sizeof task);
  const std::uint64_t before = sequence_.load(std::memory_order_relaxed);
  sequence_.store(before + 1, std::memory_order_relaxed);
  for (std::size_t i = 0; i < kWords; ++i) words_[i].store(words[i], std::memory_order_release);
  sequence_.store(before + 2, std::memory_order_release);
  return {before / 2 + 1};
}

}  // namespace holdfast
