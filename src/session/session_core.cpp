// SPDX-License-Identifier: Apache-2.0
#include "src/session/session_core.hpp"

#include "src/assertion/detail_text.hpp"

#include <algorithm>

namespace holdfast {
namespace {

constexpr const char* kReadingOptions = "reading the session's options";
constexpr int kUnauthorized = 401;  // RFC 9110 §15.5.2
constexpr int kForbidden = 403;     // RFC 9110 §15.5.4

using std::chrono::milliseconds;

Result<void> check_time(std::string_view name, milliseconds value, milliseconds least, milliseconds most) {
  if (value >= least && value <= most) return {};
  return failure(Status::invalid_argument, Layer::core, kReadingOptions)
      .about((DetailText() << name << " is " << value.count() << " ms, it must be " << least.count() << " to "
                           << most.count())
                 .view());
}

// An origin on the list is nothing but one: a path would look as if it narrowed the list.
Result<Origin> read_listed(const std::string& text) {
  auto origin = Origin::of_url(text);
  if (!origin) {
    Error error = origin.error();
    error.detail = (DetailText() << "an origin on the list: " << error.detail.view()).view();
    return error;
  }
  const std::size_t path = text.find('/', text.find("//") + 2);
  if (path != std::string::npos && path + 1 < text.size()) {
    return failure(Status::invalid_argument, Layer::core, kReadingOptions)
        .about((DetailText() << "an origin on the list has a path: " << origin->text().view()).view())
        .with_hint("name scheme, host and port only: headers are for all of an origin");
  }
  return origin;
}

}  // namespace

Result<TaskRules> TaskRules::check(const TaskOptions& options) {
  constexpr milliseconds kDay = std::chrono::hours(24);
  HOLDFAST_TRY(check_time("registration_timeout", options.registration_timeout, milliseconds(1), kDay));
  HOLDFAST_TRY(check_time("signing_timeout", options.signing_timeout, milliseconds(1), kDay));
  HOLDFAST_TRY(check_time("rejection_interval", options.rejection_interval, milliseconds(1000), kDay));
  TaskRules rules{options.registration_timeout, options.signing_timeout, options.rejection_interval, {}};
  for (const std::string& text : options.origins) rules.origins.push_back(HOLDFAST_TRY(read_listed(text)));
  return rules;
}

Result<void> SessionCore::register_task(milliseconds timeout) noexcept {
  const auto task = task_.get(timeout);
  if (!task) return task.error();
  return {};
}

Result<TaskGeneration> SessionCore::adopt_task(const TaskId& task) noexcept {
  return task_.adopt(task, rules_.registration_timeout);
}

Result<Authorization> SessionCore::authorization(std::span<char> out, Freshness freshness) noexcept {
  const auto task = task_.get(rules_.registration_timeout);
  if (!task) [[unlikely]] {
    std::ranges::fill(out, '\0');
    return task.error();
  }
  const auto size = signer_.authorization(task->id, rules_.signing_timeout, out, freshness);
  if (!size) [[unlikely]] {
    return size.error();
  }
  return Authorization{std::string_view(out.data(), *size), task->generation};
}

Result<HeaderSet> SessionCore::headers_for(std::string_view url, std::span<char> out, Freshness freshness) noexcept {
  const auto origin = Origin::of_url(url);
  const bool is_listed = origin && std::ranges::find(rules_.origins, *origin) != rules_.origins.end();
  if (!is_listed) [[unlikely]] {
    std::ranges::fill(out, '\0');
    if (!origin) return origin.error();
    return failure(Status::origin_not_listed, Layer::core, "making the headers of a request")
        .about(origin->text().view());
  }
  const auto value = authorization(out, freshness);
  if (!value) [[unlikely]] {
    return value.error();
  }
  return HeaderSet(*value, companions_);
}

Result<void> SessionCore::rejected(TaskGeneration generation, int http_status) noexcept {
  if (http_status != kUnauthorized && http_status != kForbidden) {
    return failure(Status::invalid_argument, Layer::core, "reporting a rejected task")
        .about(
            (DetailText() << "HTTP status " << http_status << " does not reject a task, only 401 and 403 do").view());
  }
  return task_.rejected(generation, rules_.registration_timeout);
}

}  // namespace holdfast
