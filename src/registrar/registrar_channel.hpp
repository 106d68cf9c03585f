// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/clock.hpp"
#include "src/registrar/registrar_frame.hpp"

namespace holdfast {

/// One end of the socket between a host and its registrar's process. Owns nothing; no heap; one thread at a time.
class RegistrarChannel {
 public:
  RegistrarChannel(int socket, hal::Clock& clock) noexcept : socket_(socket), clock_(clock) {}

  /// False when the other end is closed, or does not read what it is sent. Never waits, never raises SIGPIPE.
  [[nodiscard]] bool send(const RegistrarFrame& frame) noexcept;

  /// The next frame. `deadline_exceeded`; `authority_unavailable` when the other end is closed; `invalid_argument`
  /// for a packet that is no frame.
  [[nodiscard]] Result<RegistrarFrame> receive(hal::BootTime deadline) noexcept;

 private:
  int socket_;
  hal::Clock& clock_;
};

}  // namespace holdfast
