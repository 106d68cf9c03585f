// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/result.hpp"

#include <string_view>

namespace holdfast {

/// Reads the answer to a task registration (protocol.md §2): of `task_id`, `taskId`, `encrypted_task_id` and
/// `encryptedTaskId` the first that is present (null counts as absent) holds the id.
///
/// `sealed_answer` for either of the last two; `authority_answer_invalid`, with what is wrong, for no JSON object, no
/// such member, or an id that is no string or not acceptable.
[[nodiscard]] Result<TaskId> read_task_answer(std::string_view body);

/// Reads the answer to an agent registration (protocol.md §3): `agent_runtime_id`.
[[nodiscard]] Result<RuntimeId> read_agent_answer(std::string_view body);

}  // namespace holdfast
