// SPDX-License-Identifier: Apache-2.0
#include "tests/support/crowd.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <vector>

namespace holdfast::test {

Endings run_crowd(int count, const std::function<int()>& body) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("no pipe");
  std::vector<pid_t> children;
  for (int i = 0; i < count; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      close(ends[1]);
      char go = 0;
      (void)!read(ends[0], &go, 1);  // returns in all of them at once, when the other end is closed
      _exit(body());
    }
    if (child < 0) throw std::runtime_error("no process");
    children.push_back(child);
  }
  close(ends[0]);
  close(ends[1]);
  Endings endings{};
  for (const pid_t child : children) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
    }
    ++endings.at(WIFEXITED(status) ? static_cast<std::size_t>(WEXITSTATUS(status)) : 255);
  }
  return endings;
}

}  // namespace holdfast::test
