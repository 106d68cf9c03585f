// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/process_setup.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace holdfast::tool {

void set_up_process() noexcept {
  // A closed standard descriptor would be given to the next file opened, and results or messages written into it.
  // Read-only in the place of standard output: a write still fails and is reported.
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
      const int placeholder = open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
      if (placeholder != fd) _exit(1);
    }
  }
  prctl(PR_SET_DUMPABLE, 0);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  // libcurl would write the session keys of every connection to it.
  unsetenv("SSLKEYLOGFILE");  // NOLINT(concurrency-mt-unsafe): there is one thread yet
  // tpm2-tss writes lines of its own to standard error for what our messages say; whoever wants them asks for them.
  setenv("TSS2_LOG", "all+none", 0);  // NOLINT(concurrency-mt-unsafe)
  // A reader that went away and a file size limit are then errors of write(2), which are reported.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  umask(umask(0) | (S_IWGRP | S_IWOTH));
}

void end_by_signal(int signal) noexcept {
  constexpr int kSignalBase = 128;
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  sigaction(signal, &plain, nullptr);
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, signal);
  pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  raise(signal);
  _exit(kSignalBase + signal);  // not reached: each of the signals ends a process
}

}  // namespace holdfast::tool
