// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/event.hpp"

#include <array>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::test {

/// A log that keeps what it was told, as "recovery_begun device_gone" or "task_registered 2". From any thread.
class RecordedLog final : public EventLog {
 public:
  void record(const Event& event) noexcept override {
    std::string line(event_name(event.kind));
    if (event.why.status != Status::ok) line += " " + std::string(status_name(event.why.status));
    if (event.generation != 0) line += " " + std::to_string(event.generation);
    const std::lock_guard lock(mutex_);
    lines_.push_back(line);
  }
  /// What was told since the last time.
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// A log that allocates nothing itself.
class CountingLog final : public EventLog {
 public:
  void record(const Event& event) noexcept override {
    std::array<char, 512> message;
    if (!write_message(event, message).empty()) ++events;
  }
  int events = 0;
};

}  // namespace holdfast::test
