// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/offspring.hpp"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::tool {
namespace {

// proc_pid_children(5). The list may miss one that is born meanwhile; who asks, asks again.
std::vector<pid_t> children() {
  std::vector<pid_t> found;
  std::ifstream list("/proc/self/task/" + std::to_string(gettid()) + "/children");
  for (pid_t child = 0; list >> child;) found.push_back(child);
  return found;
}

enum class Reaped { one, none_ended, none_left };

Reaped reap(int flags) noexcept {
  while (true) {
    const pid_t child = waitpid(-1, nullptr, flags);
    if (child > 0) return Reaped::one;
    if (child == 0) return Reaped::none_ended;
    if (errno != EINTR) return Reaped::none_left;
  }
}

}  // namespace

void adopt_orphans() noexcept { prctl(PR_SET_CHILD_SUBREAPER, 1); }

void end_offspring() noexcept {
  constexpr std::chrono::milliseconds kPause{1};
  while (true) {
    bool is_one_killed = false;
    bool is_one_listed = false;
    for (const pid_t child : children()) {
      is_one_listed = true;
      is_one_killed = kill(child, SIGKILL) == 0 || is_one_killed;
    }
    const Reaped reaped = reap(is_one_killed ? 0 : WNOHANG);
    if (reaped == Reaped::none_left) return;
    if (reaped == Reaped::one) continue;
    if (is_one_listed) return;  // only such as are not ours to kill
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace holdfast::tool
