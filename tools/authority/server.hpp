// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "tools/authority/authority.hpp"
#include "tools/authority/certificate.hpp"
#include "tools/authority/log.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace holdfast::authority {

/// The HTTP side of an authority: limits, time-outs, threads, TLS; the only file that includes the HTTP library is
/// server.cpp.
///
/// Bodies up to 64 KiB, 8 requests at once, one request per connection, 5 s for each read or write and 10 s for a
/// whole body, TLS 1.2 or newer.
class Server {
 public:
  struct Settings {
    std::string host;  ///< numeric
    std::uint16_t port = 0;
    std::optional<CertificateFiles> tls;  ///< none: plain http
  };

  /// Whether `listen` could have the address at this moment; its errors. For whoever makes files for a server that is
  /// to listen there.
  [[nodiscard]] static Result<void> check_address(const std::string& host, std::uint16_t port) noexcept;

  /// Binds and listens: connections are accepted from now on and answered once `serve` runs. `file_invalid` for a
  /// certificate TLS cannot use, `permission_denied` or `already_exists` (the port is taken) for the address.
  /// Borrows `authority`, `log` and `clock`. Ignores SIGPIPE in the whole process.
  [[nodiscard]] static Result<Server> listen(const Settings& settings, Authority& authority, Log& log,
                                             hal::Clock& clock) noexcept;

  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;
  ~Server();

  [[nodiscard]] std::uint16_t port() const noexcept;
  /// Answers requests until `stop`; false if listening ended by itself.
  [[nodiscard]] bool serve() noexcept;
  /// Takes no more connections; `serve` returns when those at work are answered. Any thread.
  void stop() noexcept;

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::authority
