// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "hal/clock.hpp"
#include "tools/holdfast/keeper_channel.hpp"
#include "tools/holdfast/signal_watch.hpp"

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::tool {

/// How a command ended.
struct CommandEnd {
  int start_error = 0;  ///< the errno of a command that did not begin
  int exit_code = 0;
  int signal = 0;                         ///< not 0: the one that ended it
  std::vector<std::string> lost_helpers;  ///< logs of helpers that ended before it
  std::string left_folder;                ///< not empty: it could not be removed
};

/// A process beside this one that has a folder, and starts every program that works in it, so that one of the two is
/// there to clear away whichever is killed: the keeper when this process is gone, this process when the keeper is.
///
/// Cleared away means that all that the helpers and the command started is ended, whatever became of it, and the
/// folder removed. What is left when both are killed at once: the folder, and of the processes those that are not
/// children of the keeper.
///
/// For a process of one thread, which starts no children itself, and one keeper at a time.
class Keeper {
 public:
  /// Forks it; SIGINT and its like are kept away from then on, and end what is waited for with `interruption`.
  /// `folder_for_folders` is absolute; `command` is what `run` runs.
  [[nodiscard]] static Result<std::unique_ptr<Keeper>> start(std::string folder_for_folders,
                                                             std::vector<std::string> command);
  /// Clears away, and waits until that is done.
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  /// Its folder, of mode 0700.
  [[nodiscard]] const std::string& folder() const { return folder_; }

  /// Starts the program `words` (its path, then its arguments), with what it says in the file `log` of the folder.
  [[nodiscard]] Result<void> start_helper(const std::string& log, std::vector<std::string> words);
  /// Waits until `is_ready`. `file_invalid` with the end of its log if a helper ended instead;
  /// `deadline_exceeded`.
  [[nodiscard]] Result<void> wait_until(const std::function<bool()>& is_ready, hal::BootTime deadline);
  /// An `interruption` if a signal has come.
  [[nodiscard]] Result<void> check_interruption();

  /// Runs the command, with `environment` ("NAME=value") added to this process's, to its end, and clears away. A
  /// signal that is sent to this process is passed on to it.
  [[nodiscard]] Result<CommandEnd> run(const std::vector<std::string>& environment);

 private:
  Keeper(SignalWatch watch, KeeperChannel channel, pid_t pid, std::string command_name)
      : watch_(std::move(watch)), channel_(std::move(channel)), pid_(pid), command_name_(std::move(command_name)) {}

  [[nodiscard]] Result<void> take_folder();
  [[nodiscard]] Error helper_failure(const std::string& log) const;
  /// The error of a keeper that was killed; what it had is cleared away.
  [[nodiscard]] Error take_over();
  void pass_on_signals(bool is_started);

  SignalWatch watch_;
  KeeperChannel channel_;
  pid_t pid_;
  std::string command_name_;
  std::string folder_;
};

}  // namespace holdfast::tool
