// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/keeper.hpp"

#include "hal/system_error.hpp"
#include "tools/holdfast/keeper_process.hpp"
#include "tools/holdfast/offspring.hpp"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

namespace holdfast::tool {
namespace {

using Kind = KeeperMessage::Kind;

constexpr const char* kMaking = "making the testbed";

// The last line that says something.
std::string end_of(const std::string& log) {
  std::ifstream file(log);
  std::string last;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) last = line;
  }
  return last;
}

}  // namespace

Result<std::unique_ptr<Keeper>> Keeper::start(std::string folder_for_folders, std::vector<std::string> command) {
  SignalWatch watch = HOLDFAST_TRY(SignalWatch::begin());
  int ends[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return hal::system_error(errno, kMaking, "socketpair");
  }
  KeeperChannel ours{hal::FileDescriptor(ends[0])};
  KeeperChannel its{hal::FileDescriptor(ends[1])};
  adopt_orphans();  // of a keeper that is killed
  const std::string command_name = command.front();
  const Front front{getpgrp(), watch.mask_before(), std::move(folder_for_folders), std::move(command)};
  const pid_t child = fork();
  if (child == 0) {
    ours.close();  // else it would never learn of our end
    live_as_keeper(std::move(its), front);
  }
  if (child < 0) return hal::system_error(errno, kMaking, "fork");
  its.close();
  std::unique_ptr<Keeper> keeper(new Keeper(std::move(watch), std::move(ours), child, command_name));
  HOLDFAST_TRY(keeper->take_folder());
  return keeper;
}

Keeper::~Keeper() {
  if (pid_ < 0) return;
  channel_.close();
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status)) (void)take_over();
}

Result<void> Keeper::take_folder() {
  const auto message = channel_.receive();
  if (!message) return take_over();
  if (message->kind == Kind::folder) {
    folder_ = message->texts.front();
    return {};
  }
  Error error = hal::system_error(message->number, "making the testbed's folder", message->texts.front());
  error.hint = "set TMPDIR to a folder that this user may write to";
  return error;
}

Error Keeper::take_over() {
  channel_.close();
  end_offspring();
  pid_ = -1;
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  return failure(Status::resource_exhausted, Layer::system, "keeping the testbed")
      .about("the process that keeps it was killed")
      .with_hint("all that ran in it was ended; if nobody killed it, the system may have run out of memory");
}

Error Keeper::helper_failure(const std::string& log) const {
  return failure(Status::file_invalid, Layer::system, kMaking)
      .about("a program that it needs ended; its " + log + " says: " + end_of(folder_ + "/" + log))
      .with_hint("run that program by hand to see what it lacks");
}

Result<void> Keeper::check_interruption() {
  const auto arrival = watch_.next();
  if (!arrival) return {};
  return interruption(arrival->signal, kMaking);
}

Result<void> Keeper::start_helper(const std::string& log, std::vector<std::string> words) {
  words.insert(words.begin(), log);
  if (!channel_.send({Kind::helper, 0, std::move(words)})) return take_over();
  return {};
}

Result<void> Keeper::wait_until(const std::function<bool()>& is_ready, hal::BootTime deadline) {
  constexpr int kPauseMs = 10;
  while (!is_ready()) {
    pollfd event{channel_.descriptor(), POLLIN, 0};
    if (poll(&event, 1, kPauseMs) > 0) {
      const auto message = channel_.receive();
      if (!message) return take_over();
      if (message->kind == Kind::helper_ended) return helper_failure(message->texts.front());
    }
    HOLDFAST_TRY(check_interruption());
    if (hal::system_clock().boot() > deadline) return failure(Status::deadline_exceeded, Layer::system, kMaking);
  }
  return {};
}

// What a key of the terminal sends, the command has got by itself, once it is there.
void Keeper::pass_on_signals(bool is_started) {
  while (const auto arrival = watch_.next()) {
    if (is_started && arrival->is_from_key) continue;
    channel_.send({Kind::signal, arrival->signal, {}});
  }
}

Result<CommandEnd> Keeper::run(const std::vector<std::string>& environment) {
  if (!channel_.send({Kind::command, 0, environment})) return take_over();
  CommandEnd end;
  bool is_started = false;
  while (true) {
    std::array events{pollfd{channel_.descriptor(), POLLIN, 0}, pollfd{watch_.descriptor(), POLLIN, 0}};
    if (poll(events.data(), events.size(), -1) < 0) continue;
    if (events[1].revents != 0) pass_on_signals(is_started);
    if (events[0].revents == 0) continue;
    const auto message = channel_.receive();
    if (!message) return take_over();
    if (message->kind == Kind::started) is_started = true;
    if (message->kind == Kind::not_started) end.start_error = message->number;
    if (message->kind == Kind::helper_ended) end.lost_helpers.push_back(message->texts.front());
    if (message->kind != Kind::cleared) continue;
    if (WIFEXITED(message->number)) end.exit_code = WEXITSTATUS(message->number);
    if (WIFSIGNALED(message->number)) end.signal = WTERMSIG(message->number);
    if (!message->texts.empty()) end.left_folder = message->texts.front();
    return end;
  }
}

}  // namespace holdfast::tool
