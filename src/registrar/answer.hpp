// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/result.hpp"
#include "holdfast/signer.hpp"

#include <chrono>
#include <string_view>

namespace holdfast {

/// Reads the answer to a task registration (protocol.md §2): of `task_id`, `taskId`, `encrypted_task_id` and
/// `encryptedTaskId` the first that is present (null counts as absent) holds the id.
///
/// Either of the last two is handed to `opener`, which has `timeout`; `sealed_answer` if that is null.
/// `authority_answer_invalid`, with what is wrong, for no JSON object, no such member, or an id that is no string or
/// not acceptable.
[[nodiscard]] Result<TaskId> read_task_answer(std::string_view body, SealedTaskOpener* opener = nullptr,
                                              std::chrono::nanoseconds timeout = {});

/// Reads the answer to an agent registration (protocol.md §3): `agent_runtime_id`.
[[nodiscard]] Result<RuntimeId> read_agent_answer(std::string_view body);

}  // namespace holdfast
