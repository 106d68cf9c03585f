// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/refusal.hpp"

#include "src/registrar/http_date.hpp"
#include "src/registrar/plain_text.hpp"
#include "src/registrar/registrar_core.hpp"
#include "src/registrar/retry.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {
namespace {

constexpr const char* kDoing = "registering with the authority";
constexpr int kFirstStatus = 100;
constexpr int kStatusCount = 500;

// "HTTP 401" for every status there is, because an error's names must outlive it.
struct StatusNames {
  std::array<std::array<char, 9>, kStatusCount> texts{};
  constexpr StatusNames() {
    for (int i = 0; i < kStatusCount; ++i) {
      const int status = kFirstStatus + i;
      const auto digit = [&](int divisor) { return static_cast<char>('0' + status / divisor % 10); };
      texts[static_cast<std::size_t>(i)] = {'H', 'T', 'T', 'P', ' ', digit(100), digit(10), digit(1), '\0'};
    }
  }
};
constexpr StatusNames kStatusNames;

Status status_of(const HttpResponse& response) {
  const int status = response.status;
  if (status == 429 || (status >= 500 && status < 600)) return Status::authority_unavailable;
  if (status >= 300 && status < 500) return Status::authority_refused;
  return Status::authority_answer_invalid;
}

// Without its query: that is for the place it leads to, and may repeat what was sent.
std::string redirect_target(std::string_view location, std::string_view secret) {
  return plain_text(location.substr(0, location.find_first_of("?#")), secret);
}

std::string explanation_of(const HttpResponse& response, WallSeconds now, std::string_view secret) {
  if (response.status >= 200 && response.status < 300) return "it is longer than 64 KiB";
  if (response.status >= 300 && response.status < 400) {
    return response.location.empty() ? std::string("redirects are not followed")
                                     : "redirects are not followed: to " + redirect_target(response.location, secret);
  }
  const auto wait = parse_retry_after(response.retry_after, parse_http_date(response.date).value_or(now));
  if (wait && *wait > kLongestRetryAfter) return "it asks to wait " + std::to_string(wait->count()) + " s";
  return {};
}

// Empty when the clocks agree, or the authority does not tell its time.
std::string clock_difference(const HttpResponse& response, WallSeconds now) {
  const auto theirs = parse_http_date(response.date);
  if (!theirs) return {};
  const std::int64_t ahead = now.value - theirs->value;
  if (ahead >= -kNotableClockDifference && ahead <= kNotableClockDifference) return {};
  return "this machine's clock is " + std::to_string(ahead > 0 ? ahead : -ahead) + " s " +
         (ahead > 0 ? "ahead of" : "behind") + " the authority's";
}

}  // namespace

const char* http_status_name(int status) noexcept {
  const bool is_known = status >= kFirstStatus && status < kFirstStatus + kStatusCount;
  return is_known ? kStatusNames.texts[static_cast<std::size_t>(status - kFirstStatus)].data() : nullptr;
}

Error refusal_of(const HttpResponse& response, WallSeconds now, std::string_view secret) {
  Error error = failure(status_of(response), Layer::http, kDoing);
  error.native = static_cast<std::uint64_t>(response.status);
  error.native_name = http_status_name(response.status);
  std::string detail = explanation_of(response, now, secret);
  if (response.status >= 300 && response.status < 400) {
    error.hint = "give the authority's own base URL, not one that leads there";
  }
  if (response.status == 404) {
    error.hint =
        "check the authority's base URL, and that this agent is registered there: it found nothing at the request's "
        "path";
  }
  const std::string difference = clock_difference(response, now);
  if (!difference.empty()) {
    detail = detail.empty() ? difference : difference + "; " + detail;
    if (error.status == Status::authority_refused) {
      error.hint = "set this machine's clock (timedatectl shows it), then try again: what is signed carries the time";
    }
  }
  error.detail = std::string_view(detail);
  return error;
}

}  // namespace holdfast
