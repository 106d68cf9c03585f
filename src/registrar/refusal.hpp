// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/result.hpp"

#include "src/registrar/http_transport.hpp"

#include <string_view>

namespace holdfast {

/// The error for an answer whose status is not 2xx, or whose body is longer than is taken.
///
/// 429 and 5xx are `authority_unavailable`, a redirect and every other 4xx `authority_refused`, the rest
/// `authority_answer_invalid`. `now` is this machine's time when the answer came: a difference of more than a minute
/// to the authority's `Date` is named, and in a refusal becomes the hint. What is told of the answer does not hold
/// `secret` (unless that is empty), whatever the authority put in it.
[[nodiscard]] Error refusal_of(const HttpResponse& response, WallSeconds now, std::string_view secret = {});

/// `HTTP 401`; null for a number that is no HTTP status.
[[nodiscard]] const char* http_status_name(int status) noexcept;

}  // namespace holdfast
