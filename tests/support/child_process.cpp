// SPDX-License-Identifier: Apache-2.0
#include "tests/support/child_process.hpp"

#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

namespace holdfast::test {

int run_in_child(const std::function<bool()>& body, uid_t user) {
  const pid_t child = fork();
  if (child == 0) {
    if (user != static_cast<uid_t>(-1) && (setgroups(0, nullptr) != 0 || setgid(user) != 0 || setuid(user) != 0)) {
      _exit(2);
    }
    _exit(body() ? 0 : 1);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace holdfast::test
