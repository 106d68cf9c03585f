// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"

#include "tools/authority/http_exchange.hpp"
#include "tools/authority/store.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace holdfast::authority {

/// Whether there is exactly one Authorization value and it is `Bearer `, then `bearer`; the comparison takes the same
/// time whatever the difference.
[[nodiscard]] bool is_bearer(const std::vector<std::string>& authorization, std::string_view bearer);

/// Answers POST …/v1/agent/register (protocol.md §3).
///
/// A key that is registered already gets another runtime id: what the service does is unknown, and each agent of a
/// host that was set up again is to work. The tool asks for `--again` on its own side.
[[nodiscard]] Answer register_agent(const Request& request, Store& store, WallSeconds now);

/// Why an agent registered so is not accepted at `now` any more (its ttl passed); nullopt if it is.
[[nodiscard]] std::optional<std::string> find_expiry(const Agent& agent, WallSeconds now);

}  // namespace holdfast::authority
