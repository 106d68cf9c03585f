// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/trusted_file.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::tool {

/// What a keeper and the process before it say to each other.
struct KeeperMessage {
  enum class Kind : std::uint8_t {
    // To the keeper.
    helper,   ///< start a program: the log's name, then its command line
    command,  ///< start the command; the texts are assignments to its environment
    signal,   ///< send the command signal `number`
    // From it.
    folder,        ///< begun: the text is the folder
    no_folder,     ///< it could not be made: `number` is the errno, the text its name
    helper_ended,  ///< the text is its log
    started,       ///< the command runs
    not_started,   ///< it could not be: `number` is the errno
    cleared,  ///< all that ran is ended; `number` is the command's wait status, the text the folder if it is left
  };
  Kind kind = Kind::signal;
  int number = 0;
  std::vector<std::string> texts;
};

/// One end of the socket between the two. Owns it.
class KeeperChannel {
 public:
  explicit KeeperChannel(hal::FileDescriptor socket) noexcept : socket_(std::move(socket)) {}

  [[nodiscard]] int descriptor() const noexcept { return socket_.get(); }

  /// False if the other end is gone, or the message is too long for a packet. Never raises SIGPIPE.
  bool send(const KeeperMessage& message) const;
  /// Waits for a message; `nullopt` if the other end is gone.
  [[nodiscard]] std::optional<KeeperMessage> receive() const;
  void close() noexcept { socket_ = hal::FileDescriptor(); }

 private:
  hal::FileDescriptor socket_;
};

}  // namespace holdfast::tool
