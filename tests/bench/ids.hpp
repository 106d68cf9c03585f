// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"

#include "tests/bench/required.hpp"

namespace holdfast::bench {

/// Whose headers are made, and for which task.
struct Ids {
  RuntimeId runtime = require(RuntimeId::parse("agent-0123456789abcdef"));
  TaskId task = require(TaskId::parse("task-0123456789abcdef"));
};

}  // namespace holdfast::bench
