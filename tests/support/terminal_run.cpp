// SPDX-License-Identifier: Apache-2.0
#include "tests/support/terminal_run.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace holdfast::test {
namespace {

class TerminalChild {
 public:
  explicit TerminalChild(const std::function<bool()>& body) {
    if (pipe(begin_) != 0) throw std::runtime_error("no pipe");
    child_ = forkpty(&terminal_, nullptr, nullptr, nullptr);
    if (child_ < 0) throw std::runtime_error("no pseudo terminal");
    if (child_ == 0) {
      // Not before its parent knows the settings.
      char go = 0;
      if (read(begin_[0], &go, 1) != 1) _exit(1);
      close(begin_[0]);
      close(begin_[1]);
      _exit(body() ? 0 : 1);
    }
    has_settings_ = tcgetattr(terminal_, &settings_) == 0;
    if (write(begin_[1], "g", 1) != 1) throw std::runtime_error("no pipe");
  }
  ~TerminalChild() {
    for (const int fd : {terminal_, begin_[0], begin_[1]}) close(fd);
  }
  TerminalChild(const TerminalChild&) = delete;
  TerminalChild& operator=(const TerminalChild&) = delete;

  // False if the child ended without asking again.
  bool wait_for_question() {
    while (true) {
      const std::size_t found = run_.shown.find(": ", looked_at_);
      if (found != std::string::npos) {
        looked_at_ = found + 2;
        run_.is_echo_off_before = !is_echo_on();
        return true;
      }
      std::array<char, 256> chunk{};
      const ssize_t got = read(terminal_, chunk.data(), chunk.size());  // an error once the child has gone
      if (got <= 0) return false;
      run_.shown.append(chunk.data(), static_cast<std::size_t>(got));
    }
  }
  // In portions: a terminal drops what goes beyond 4096 bytes that nobody has read yet (termios(3)).
  void type(const std::string& keys) {
    constexpr std::size_t kPortion = 512;
    for (std::size_t at = 0; at < keys.size() && !has_ended(); at += kPortion) {
      const std::string portion = keys.substr(at, kPortion);
      if (write(terminal_, portion.data(), portion.size()) < 0) return;
      if (at + kPortion < keys.size()) wait_until_read();
    }
  }
  void send(int signal) const { kill(child_, signal); }

  TerminalRun wait_for_end() {
    while (!has_ended()) show_for(10);
    show_for(0);
    run_.is_echo_on_after = is_echo_on();  // the settings live on while this end is open
    run_.is_restored = has_settings_ && are_settings_as_before();
    if (WIFEXITED(status_)) run_.exit_code = WEXITSTATUS(status_);
    if (WIFSIGNALED(status_)) run_.ended_by = WTERMSIG(status_);
    return run_;
  }

 private:
  // How much is unread, only the child's end of the terminal tells.
  void wait_until_read() {
    const int child_end = open(ptsname(terminal_), O_RDONLY | O_NOCTTY | O_CLOEXEC);
    constexpr useconds_t kPause = 1000;
    int unread = 0;
    while (!has_ended() && ioctl(child_end, FIONREAD, &unread) == 0 && unread > 0) usleep(kPause);
    close(child_end);
  }
  [[nodiscard]] bool is_echo_on() const {
    termios settings{};
    return tcgetattr(terminal_, &settings) == 0 && (settings.c_lflag & ECHO) != 0;
  }
  [[nodiscard]] bool are_settings_as_before() const {
    termios now{};
    return tcgetattr(terminal_, &now) == 0 && now.c_iflag == settings_.c_iflag && now.c_oflag == settings_.c_oflag &&
           now.c_cflag == settings_.c_cflag && now.c_lflag == settings_.c_lflag &&
           std::ranges::equal(now.c_cc, settings_.c_cc);
  }
  bool has_ended() {
    if (!has_ended_) has_ended_ = waitpid(child_, &status_, WNOHANG) == child_;
    return has_ended_;
  }
  void show_for(int milliseconds) {
    std::array<char, 256> chunk{};
    pollfd ready{.fd = terminal_, .events = POLLIN, .revents = 0};
    while (poll(&ready, 1, milliseconds) > 0) {
      const ssize_t got = read(terminal_, chunk.data(), chunk.size());
      if (got <= 0) return;
      run_.shown.append(chunk.data(), static_cast<std::size_t>(got));
    }
  }

  pid_t child_ = -1;
  int terminal_ = -1;
  int begin_[2] = {-1, -1};
  termios settings_{};
  bool has_settings_ = false;
  int status_ = 0;
  bool has_ended_ = false;
  std::size_t looked_at_ = 0;
  TerminalRun run_;
};

}  // namespace

TerminalRun run_on_terminal(const std::vector<std::string>& answers, const std::function<bool()>& body) {
  TerminalChild child(body);
  for (const std::string& answer : answers) {
    if (!child.wait_for_question()) break;
    child.type(answer);
  }
  return child.wait_for_end();
}

TerminalRun signal_on_terminal(int signal, const std::function<bool()>& body) {
  TerminalChild child(body);
  if (child.wait_for_question()) child.send(signal);
  return child.wait_for_end();
}

std::function<bool()> becoming(std::vector<std::string> words) {
  return [words = std::move(words)]() mutable {
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    execv(pointers.front(), pointers.data());
    return false;
  };
}

}  // namespace holdfast::test
