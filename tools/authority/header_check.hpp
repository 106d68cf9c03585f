// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"

#include "tools/authority/http_exchange.hpp"
#include "tools/authority/store.hpp"

#include <cstdint>

namespace holdfast::authority {

/// Answers /verify, as nginx' auth_request asks: 200 with `X-Agent-Runtime-Id` and `X-Task-Id` if the request's
/// Authorization value is an assertion that holds, 401 with the reason in the body otherwise.
///
/// Whether a task exists is told only to who signed for it. There is no replay store: a value is accepted again
/// as long as its time lies in the window.
[[nodiscard]] Answer check_header(const Request& request, Store& store, std::int64_t window_seconds, WallSeconds now);

}  // namespace holdfast::authority
