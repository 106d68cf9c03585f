// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace holdfast::test {

struct TracedRun {
  std::size_t changes = 0;  ///< system calls begun that change something outside the process
  bool was_killed = false;
  int exit_code = -1;  ///< -1 if it was killed; 128 and the number of the signal that it ended of
};

/// Runs `words` (a program's path and its arguments) under ptrace(2) and kills it, with all of its threads, when it
/// begins the `kill_at`-th system call that can change something outside it, so that the call is not made; 0: never.
/// Between two such calls the world outside is the same, so that these are all the moments there are.
///
/// What it writes goes to `output`. Its descriptors 1 and 2 are not counted.
[[nodiscard]] TracedRun run_traced(const std::vector<std::string>& words, std::size_t kill_at,
                                   const std::string& output);

/// The same, but interrupts it as Ctrl-C does: SIGINT comes at that call, and the call is made. What it writes to its
/// descriptors 1 and 2 counts, too: whether a person is told depends on it.
[[nodiscard]] TracedRun run_interrupted(const std::vector<std::string>& words, std::size_t interrupt_at,
                                        const std::string& output);

}  // namespace holdfast::test
