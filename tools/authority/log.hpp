// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/clock.hpp"
#include "src/json/json.hpp"

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace holdfast::authority {

/// One request as the log tells it. Holds no header and no body, so no bearer, signature or assertion.
struct RequestRecord {
  std::string method;
  std::string path;  ///< without the query; cut at 256 bytes
  int status = 0;
  std::string reason;
  std::string detail;
  std::string runtime_id;
  std::int64_t duration_us = 0;
};

/// Writes JSON lines to a descriptor, each with one write, so that lines of several threads do not mix. Any thread.
class Log {
 public:
  /// Borrows `fd` (standard error) and `clock`. A log that is quiet tells events and failures only.
  Log(int fd, bool is_quiet, hal::Clock& clock) noexcept : fd_(fd), is_quiet_(is_quiet), clock_(clock) {}

  void request(const RequestRecord& record);
  /// Something of the program's own life: `{"time":…,"event":event,…}`, with the members of `about`.
  void event(std::string_view event, const Json& about);

 private:
  void write_line(const Json& line);
  [[nodiscard]] Json begin_line();

  std::mutex mutex_;
  int fd_;
  bool is_quiet_;
  hal::Clock& clock_;
};

}  // namespace holdfast::authority
