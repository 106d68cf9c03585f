// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/keeper_process.hpp"

#include "tools/holdfast/offspring.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <filesystem>

namespace holdfast::tool {
namespace {

using Kind = KeeperMessage::Kind;

constexpr int kNotStarted = 127;

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

// In a child: it goes with the keeper, and begins as a shell would have it begin.
void begin_as_child_of(pid_t keeper, const sigset_t& mask) noexcept {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != keeper) _exit(kNotStarted);
  // This tool ignores them (process_setup.hpp).
  signal(SIGPIPE, SIG_DFL);
  signal(SIGXFSZ, SIG_DFL);
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

// A program beside the command has no terminal and none of the caller's files.
[[noreturn]] void become_helper(std::vector<std::string>& words, const std::string& log) {
  const int in = open("/dev/null", O_RDONLY);
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) _exit(kNotStarted);
  close_range(3, ~0U, 0);
  execv(words.front().c_str(), pointers_to(words).data());
  _exit(kNotStarted);
}

class KeeperProcess {
 public:
  KeeperProcess(KeeperChannel& channel, const Front& front) : channel_(channel), front_(front) {}

  void serve() {
    sigset_t child_ended;
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    const hal::FileDescriptor ends(signalfd(-1, &child_ended, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!make_folder()) return;
    while (!has_command_ended_) {
      pollfd events[] = {{channel_.descriptor(), POLLIN, 0}, {ends.get(), POLLIN, 0}};
      if (poll(events, std::size(events), -1) < 0) continue;
      if (events[1].revents != 0) {
        signalfd_siginfo ignored{};
        while (read(ends.get(), &ignored, sizeof ignored) > 0) continue;
        reap();
      }
      if (events[0].revents == 0) continue;
      const auto message = channel_.receive();
      if (!message) return;  // nobody is left to keep it for
      answer(*message);
    }
  }

  void clear_away() {
    end_offspring();
    std::error_code code;
    std::filesystem::remove_all(folder_, code);
    KeeperMessage cleared{Kind::cleared, status_, {}};
    if (code) cleared.texts.push_back(folder_);
    channel_.send(cleared);
  }

 private:
  struct Helper {
    pid_t pid;
    std::string log;
  };

  bool make_folder() {
    std::string folder = front_.folder_for_folders + "/holdfast-testbed-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) {
      channel_.send({Kind::no_folder, errno, {folder}});
      return false;
    }
    folder_ = folder;
    channel_.send({Kind::folder, 0, {folder_}});
    return true;
  }

  void answer(const KeeperMessage& message) {
    if (message.kind == Kind::helper) {
      start_helper(message.texts);
    } else if (message.kind == Kind::command) {
      const int code = start_command(message.texts);
      channel_.send({code == 0 ? Kind::started : Kind::not_started, code, {}});
    } else if (message.kind == Kind::signal && command_ > 0) {
      kill(command_, message.number);
    }
  }

  void start_helper(std::vector<std::string> texts) {
    const std::string log = texts.front();
    std::vector<std::string> words(texts.begin() + 1, texts.end());
    sigset_t none;
    sigemptyset(&none);
    const pid_t keeper = getpid();
    const pid_t child = fork();
    if (child == 0) {
      begin_as_child_of(keeper, none);
      become_helper(words, folder_ + "/" + log);
    }
    if (child > 0) {
      helpers_.push_back({child, log});
    } else {
      channel_.send({Kind::helper_ended, 0, {log}});
    }
  }

  // 0, or the errno of what failed.
  int start_command(const std::vector<std::string>& environment) {
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
    const hal::FileDescriptor reader(ends[0]);
    hal::FileDescriptor writer(ends[1]);
    std::vector<std::string> words = front_.command;
    const pid_t keeper = getpid();
    command_ = fork();
    if (command_ < 0) return errno;
    if (command_ == 0) {
      begin_as_child_of(keeper, front_.mask);
      setpgid(0, front_.group);
      for (const std::string& assignment : environment) {
        const std::size_t equals = assignment.find('=');
        const std::string variable = assignment.substr(0, equals);
        setenv(variable.c_str(), assignment.c_str() + equals + 1, 1);  // NOLINT(concurrency-mt-unsafe): one thread
      }
      execvp(words.front().c_str(), pointers_to(words).data());
      const int code = errno;
      if (write(writer.get(), &code, sizeof code) < 0) _exit(kNotStarted);
      _exit(kNotStarted);
    }
    writer = hal::FileDescriptor();
    int code = 0;
    // Nothing comes once the command has taken the child's place.
    return read(reader.get(), &code, sizeof code) == static_cast<ssize_t>(sizeof code) ? code : 0;
  }

  void reap() {
    int status = 0;
    while (true) {
      const pid_t child = waitpid(-1, &status, WNOHANG);
      if (child <= 0) return;
      if (child == command_) {
        has_command_ended_ = true;
        status_ = status;
        command_ = -1;
      }
      const auto helper = std::ranges::find(helpers_, child, &Helper::pid);
      if (helper != helpers_.end()) channel_.send({Kind::helper_ended, 0, {helper->log}});
    }
  }

  KeeperChannel& channel_;
  const Front& front_;
  std::string folder_;
  std::vector<Helper> helpers_;
  pid_t command_ = -1;
  bool has_command_ended_ = false;
  int status_ = 0;
};

}  // namespace

void live_as_keeper(KeeperChannel channel, const Front& front) noexcept {
  // In a group of its own, which neither the terminal's keys nor a kill of the front's group reaches, and in the
  // session of the front: else the command could not join its group.
  setpgid(0, 0);
  prctl(PR_SET_NAME, "holdfast-keeper");
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  adopt_orphans();
  KeeperProcess keeper(channel, front);
  try {
    keeper.serve();
  } catch (const std::exception&) {  // no memory: what runs is ended all the same
  }
  try {
    keeper.clear_away();
  } catch (const std::exception&) {
    _exit(1);
  }
  _exit(0);
}

}  // namespace holdfast::tool
