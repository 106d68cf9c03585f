// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/log.hpp"

#include <errno.h>
#include <unistd.h>

namespace holdfast::authority {
namespace {

constexpr std::size_t kMaxPathSize = 256;

}  // namespace

void Log::request(const RequestRecord& record) {
  if (is_quiet_ && record.status < 500) return;
  Json line = begin_line();
  line.set("method", record.method)
      .set("path", std::string_view(record.path).substr(0, kMaxPathSize))
      .set("status", std::int64_t{record.status})
      .set("reason", record.reason);
  if (!record.detail.empty()) line.set("detail", record.detail);
  if (!record.runtime_id.empty()) line.set("agent_runtime_id", record.runtime_id);
  line.set("duration_us", record.duration_us);
  write_line(line);
}

void Log::event(std::string_view event, const Json& about) {
  if (is_quiet_) return;
  Json line = begin_line();
  line.set("event", event);
  for (const std::string& name : about.member_names()) line.set(name, *about.member(name));
  write_line(line);
}

Json Log::begin_line() {
  Json line = Json::object();
  if (const auto time = format_timestamp(clock_.wall())) line.set("time", time->view());
  return line;
}

void Log::write_line(const Json& line) {
  const std::string text = line.dump() + "\n";
  std::string_view rest = text;
  const std::lock_guard lock(mutex_);
  while (!rest.empty()) {
    const ssize_t written = write(fd_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    // A log nobody reads any more must not end the service.
    if (written <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace holdfast::authority
