// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"

#include "tools/authority/http_exchange.hpp"
#include "tools/authority/options.hpp"
#include "tools/authority/store.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast::authority {

/// What the answers depend on besides the request.
struct Rules {
  AnswerForm answer = AnswerForm::task_id;
  std::int64_t window_seconds = 300;
};

/// Answers POST …/v1/agent/{runtime_id}/task/register (protocol.md §2); `runtime_id` as it stood in the path.
[[nodiscard]] Answer register_task(const Request& request, std::string_view runtime_id, Store& store,
                                   const Rules& rules, WallSeconds now);

/// `text` in a libsodium sealed box to the X25519 image of an Ed25519 `key`, in standard base64; nullopt for other
/// keys, which have no such image.
[[nodiscard]] std::optional<std::string> seal(std::string_view text, const PublicKey& key);

}  // namespace holdfast::authority
