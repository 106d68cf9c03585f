// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/server_certificate.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace holdfast::test {

/// The server's end of one connection: bytes, and no protocol that would make them right.
class RawPeer {
 public:
  virtual ~RawPeer() = default;

  /// Sends all of it; false once the other side is gone, or the server stops.
  virtual bool send(std::string_view bytes) = 0;
  /// Reads the head of a request and the body it announces, and returns the head.
  std::string await_request();
  /// Waits; false once the other side is gone, or the server stops.
  [[nodiscard]] bool pause(std::chrono::milliseconds time) const;
  /// Waits until the other side is gone, or the server stops.
  void hold() const;
  /// Ends the connection in the middle of whatever it is in: TCP's RST.
  void reset() const;

 protected:
  explicit RawPeer(int fd) : fd_(fd) {}
  /// At most `size` bytes; 0 or less once there are no more.
  virtual long receive(char* out, std::size_t size) = 0;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

/// A listener on a free port of 127.0.0.1 whose connections are played by a function, one after the other, each until
/// the function returns; then it is closed, over TLS without a close_notify. For peers that keep no protocol: what
/// ScriptedServer cannot say.
class RawServer {
 public:
  using Play = std::function<void(RawPeer&)>;

  /// Plays from the first byte on.
  explicit RawServer(Play play);
  /// Plays behind a TLS handshake, unless that fails.
  RawServer(Play play, const ServerCertificate& certificate);
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  ~RawServer();

  /// `scheme` is what the client is to believe.
  [[nodiscard]] std::string url(std::string_view scheme) const;
  [[nodiscard]] int connections() const;
  /// Of all connections, as far as the kernel took them: more than the client read by what is in its buffers.
  [[nodiscard]] std::size_t bytes_sent() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::test
