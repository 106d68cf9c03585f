// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/server_certificate.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::test {

/// One answer of a script.
struct ScriptedAnswer {
  enum class Delivery {
    whole,
    chunked,    ///< without a length
    truncated,  ///< announces one byte more than it sends, then closes the connection
    held,       ///< not sent before the server stops
  };
  int status = 200;
  std::string body{};
  std::multimap<std::string, std::string> headers{};
  Delivery delivery = Delivery::whole;
};

struct ReceivedRequest {
  std::string path;
  std::string body;
  std::multimap<std::string, std::string> headers;  ///< names in lower case

  /// The header's value; empty if it is not there.
  [[nodiscard]] std::string header(const std::string& lower_name) const;
};

/// An HTTP or HTTPS server on a free port of 127.0.0.1 that plays a script: the n-th POST or GET gets the n-th
/// answer, any beyond the script gets 599. Its methods may be called from any thread.
class ScriptedServer {
 public:
  ScriptedServer();
  explicit ScriptedServer(const ServerCertificate& certificate);
  /// Asks every client for a certificate that `clients` signed.
  ScriptedServer(const ServerCertificate& certificate, const ServerCertificate& clients);
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer();

  void answer(ScriptedAnswer answer);
  /// A play of its own for requests whose path begins with `folder` and a slash: its answers in turn, the last of
  /// them again and again.
  void play(const std::string& folder, std::vector<ScriptedAnswer> answers);
  [[nodiscard]] std::string url(std::string_view host = "127.0.0.1") const;
  [[nodiscard]] std::vector<ReceivedRequest> requests() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::test
