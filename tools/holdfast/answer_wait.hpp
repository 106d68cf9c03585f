// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tools/holdfast/terminal.hpp"

#include <signal.h>

#include <array>
#include <string>

namespace holdfast::tool {

/// While an authority's answer is awaited, which can take a minute and more: the first SIGINT, SIGTERM or SIGHUP is
/// answered with a note that the answer is waited for, and kept for the `SignalHold` that is up; the next ends the
/// process at once, when it has said what `Terminal::fail` would. A signal that the process was started to ignore
/// stays ignored.
///
/// One at a time, on the thread that put the hold up. Before it begins, `Terminal::remember_done` says what is done
/// if no answer comes; that text, and `doing`, are taken at the beginning.
class AnswerWait {
 public:
  AnswerWait(const Terminal& terminal, const char* doing);
  ~AnswerWait();
  AnswerWait(const AnswerWait&) = delete;
  AnswerWait& operator=(const AnswerWait&) = delete;

 private:
  struct Row {
    int signal = 0;
    bool is_heard = false;  ///< not one that is ignored
    std::string last_words{};
    struct sigaction before {};
  };
  static void hear(int signal) noexcept;

  static AnswerWait* current_;

  std::array<Row, 3> rows_{Row{.signal = SIGINT}, Row{.signal = SIGTERM}, Row{.signal = SIGHUP}};
  std::string waiting_;
  sigset_t mask_before_{};
  volatile sig_atomic_t first_ = 0;
};

}  // namespace holdfast::tool
