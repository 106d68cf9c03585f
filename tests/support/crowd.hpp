// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>

namespace holdfast::test {

/// How many processes ended with which exit status; 255 stands for those a signal ended.
using Endings = std::array<int, 256>;

/// Forks `count` processes, lets them go at the same moment, and waits for all: each runs `body` and exits with what
/// it returns.
[[nodiscard]] Endings run_crowd(int count, const std::function<int()>& body);

}  // namespace holdfast::test
