// SPDX-License-Identifier: Apache-2.0
#include "tests/support/traced_run.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

namespace holdfast::test {
namespace {

bool is_message(const __ptrace_syscall_info& call) {
  return call.entry.nr == SYS_write && (call.entry.args[0] == 1 || call.entry.args[0] == 2);
}

bool changes_something(const __ptrace_syscall_info& call) {
  switch (call.entry.nr) {
    case SYS_write:
    case SYS_writev:
      return call.entry.args[0] > 2;
    case SYS_openat:
      return (call.entry.args[2] & (O_CREAT | O_TRUNC)) != 0;
    case SYS_pwrite64:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_recvfrom:  // the other side may have changed what it answers
    case SYS_recvmsg:
    case SYS_connect:
    case SYS_renameat:
    case SYS_renameat2:
    case SYS_linkat:
    case SYS_unlinkat:
    case SYS_mkdirat:
    case SYS_fchmod:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_ftruncate:
#ifdef SYS_open
    case SYS_rename:
    case SYS_link:
    case SYS_unlink:
    case SYS_mkdir:
    case SYS_rmdir:
#endif
      return true;
#ifdef SYS_open
    case SYS_open:
      return (call.entry.args[1] & (O_CREAT | O_TRUNC)) != 0;
#endif
    default:
      return false;
  }
}

[[noreturn]] void become(std::vector<char*>& words, const char* output) {
  setpgid(0, 0);
  const int file = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (file < 0 || dup2(file, 1) < 0 || dup2(file, 2) < 0 || dup2(nothing, 0) < 0) _exit(126);
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(126);
  raise(SIGSTOP);
  execv(words.front(), words.data());
  _exit(127);
}

void end(pid_t process) {
  kill(process, SIGKILL);
  int status = 0;
  while (waitpid(-process, &status, __WALL) > 0 || errno == EINTR) {
  }
}

TracedRun trace(const std::vector<std::string>& words, std::size_t strike_at, int with, const std::string& output) {
  std::vector<std::string> copies = words;
  std::vector<char*> pointers;
  for (std::string& word : copies) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  // The leak sanitizer traces the process itself, which two cannot.
  setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
  const pid_t process = fork();
  if (process == 0) become(pointers, output.c_str());
  unsetenv("ASAN_OPTIONS");
  int status = 0;
  if (process < 0 || waitpid(process, &status, 0) != process || !WIFSTOPPED(status)) {
    throw std::runtime_error("the program cannot be traced");
  }
  constexpr long kOptions = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
  ptrace(PTRACE_SETOPTIONS, process, nullptr, kOptions);
  ptrace(PTRACE_SYSCALL, process, nullptr, nullptr);

  TracedRun result;
  while (true) {
    const pid_t stopped = waitpid(-process, &status, __WALL);
    if (stopped < 0 && errno == EINTR) continue;
    if (stopped < 0) return result;
    if (!WIFSTOPPED(status)) {
      if (stopped == process) result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      continue;
    }
    long signal = 0;
    if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
      __ptrace_syscall_info call{};
      const long size = ptrace(PTRACE_GET_SYSCALL_INFO, stopped, sizeof call, &call);
      const bool is_moment = size > 0 && call.op == PTRACE_SYSCALL_INFO_ENTRY &&
                             (changes_something(call) || (with != SIGKILL && is_message(call)));
      if (is_moment && ++result.changes == strike_at) {
        if (with == SIGKILL) {
          result.was_killed = true;
          end(process);
          return result;
        }
        kill(process, with);
      }
    } else if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) {
      signal = WSTOPSIG(status);
    }
    ptrace(PTRACE_SYSCALL, stopped, nullptr, signal);
  }
}

}  // namespace

TracedRun run_traced(const std::vector<std::string>& words, std::size_t kill_at, const std::string& output) {
  return trace(words, kill_at, SIGKILL, output);
}

TracedRun run_interrupted(const std::vector<std::string>& words, std::size_t interrupt_at,
                          const std::string& output) {
  return trace(words, interrupt_at, SIGINT, output);
}

}  // namespace holdfast::test
