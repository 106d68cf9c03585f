// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tools/holdfast/keeper_channel.hpp"

#include <signal.h>
#include <sys/types.h>

#include <string>
#include <vector>

namespace holdfast::tool {

/// What a keeper needs to know of the process before it.
struct Front {
  pid_t group = 0;                   ///< its process group, which the command joins: the terminal's keys reach both
  sigset_t mask{};                   ///< the command's signal mask
  std::string folder_for_folders;    ///< where the keeper makes its own
  std::vector<std::string> command;  ///< the command line
};

/// What a keeper is: the rest of a child's life after fork(2). Makes a folder, starts what it is told over `channel`,
/// and once the command has ended or the other end is gone, ends every descendant and removes the folder.
[[noreturn]] void live_as_keeper(KeeperChannel channel, const Front& front) noexcept;

}  // namespace holdfast::tool
