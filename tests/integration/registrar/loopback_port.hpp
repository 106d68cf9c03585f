// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

namespace holdfast::test {

/// A port of this machine that is nobody else's while this is there.
class LoopbackPort {
 public:
  LoopbackPort() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(fd_, generic, size) != 0 || getsockname(fd_, generic, &size) != 0) throw std::runtime_error("no port");
    number_ = ntohs(address.sin_port);
  }
  ~LoopbackPort() { close(fd_); }
  LoopbackPort(const LoopbackPort&) = delete;
  LoopbackPort& operator=(const LoopbackPort&) = delete;
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(number_); }

 private:
  int fd_;
  int number_ = 0;
};

}  // namespace holdfast::test
