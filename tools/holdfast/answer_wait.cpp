// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/answer_wait.hpp"

#include "hal/signal_shield.hpp"
#include "tools/holdfast/process_setup.hpp"
#include "tools/holdfast/signal_watch.hpp"

#include <errno.h>
#include <unistd.h>

namespace holdfast::tool {
namespace {

// Only what a handler may call (signal-safety(7)). What a full pipe does not take is not said.
void say(const std::string& text) noexcept {
  const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
  (void)written;
}

}  // namespace

AnswerWait* AnswerWait::current_ = nullptr;

AnswerWait::AnswerWait(const Terminal& terminal, const char* doing)
    : waiting_(
          terminal.note_text("interrupted; it waits for the authority's answer, so that nothing is left half-made. "
                             "Once more ends it at once")) {
  current_ = this;
  sigset_t heard;
  sigemptyset(&heard);
  for (Row& row : rows_) {
    row.last_words = terminal.failure_text(interruption(row.signal, doing));
    sigaction(row.signal, nullptr, &row.before);
    row.is_heard = row.before.sa_handler != SIG_IGN;
    if (!row.is_heard) continue;
    struct sigaction action {};
    action.sa_handler = &AnswerWait::hear;
    action.sa_flags = SA_RESTART;
    action.sa_mask = hal::SignalShield::signals();
    sigaction(row.signal, &action, nullptr);
    sigaddset(&heard, row.signal);
  }
  pthread_sigmask(SIG_UNBLOCK, &heard, &mask_before_);
}

AnswerWait::~AnswerWait() {
  pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  for (const Row& row : rows_) {
    if (row.is_heard) sigaction(row.signal, &row.before, nullptr);
  }
  current_ = nullptr;
  if (first_ != 0) raise(first_);
}

void AnswerWait::hear(int signal) noexcept {
  const int error = errno;
  AnswerWait& wait = *current_;
  if (wait.first_ == 0) {
    wait.first_ = signal;
    say(wait.waiting_);
  } else {
    for (const Row& row : wait.rows_) {
      if (row.signal == signal) say(row.last_words);
    }
    end_by_signal(signal);
  }
  errno = error;
}

}  // namespace holdfast::tool
