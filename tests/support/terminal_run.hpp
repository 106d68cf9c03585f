// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace holdfast::test {

/// How a child on a terminal of its own ended.
struct TerminalRun {
  int exit_code = -1;               ///< 0 if the body answered true; -1 if a signal ended it
  int ended_by = 0;                 ///< the signal
  std::string shown;                ///< all that came on the terminal
  bool is_echo_off_before = false;  ///< while the last question stood
  bool is_echo_on_after = false;    ///< when the child was gone
  bool is_restored = false;         ///< every setting was then as before the child began
};

/// Runs `body` in a child whose controlling terminal is a new pseudo terminal. Each question is taken to end in ": ";
/// the n-th answer is typed once n of them are shown. Throws if no terminal can be made.
[[nodiscard]] TerminalRun run_on_terminal(const std::vector<std::string>& answers, const std::function<bool()>& body);

/// The same; sends `signal` to the child once it asks.
[[nodiscard]] TerminalRun signal_on_terminal(int signal, const std::function<bool()>& body);

/// A body that becomes the program `words` (its path and its arguments). Only calls that are safe between fork and
/// exec are made in it: the words are put together before.
[[nodiscard]] std::function<bool()> becoming(std::vector<std::string> words);

}  // namespace holdfast::test
