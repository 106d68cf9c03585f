// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/bench/rounds.hpp"

namespace holdfast::bench {

/// Begins a table of medians on standard output, in Markdown.
void print_head();
/// One line of it.
void print(const char* what, const Estimate& estimate, const char* unit);

}  // namespace holdfast::bench
