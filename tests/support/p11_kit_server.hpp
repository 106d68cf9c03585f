// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>

namespace holdfast::test {

/// `p11-kit server` in front of SoftHSM's token "agents", in a process group of its own: it forks one process for
/// each client, which outlives it. P11_KIT_SERVER_ADDRESS, which the client module reads, is set to it.
class P11KitServer {
 public:
  /// Listens at `socket`, a path.
  explicit P11KitServer(std::string socket);
  ~P11KitServer() { kill_all(); }
  P11KitServer(const P11KitServer&) = delete;
  P11KitServer& operator=(const P11KitServer&) = delete;

  [[nodiscard]] static bool is_installed();
  /// HOLDFAST_REQUIRE lists "p11-kit-remote" or "all".
  [[nodiscard]] static bool is_required();
  [[nodiscard]] static std::string client_path();  ///< the module that asks it

  void start();
  /// The server and everything it forked, as a crash or an upgrade would.
  void kill_all();

 private:
  [[nodiscard]] bool is_answered() const;

  std::string socket_;
  pid_t process_ = -1;
};

}  // namespace holdfast::test

/// Skips by name where p11-kit's server is missing, unless HOLDFAST_REQUIRE lists it.
#define HOLDFAST_SKIP_WITHOUT_P11_KIT_SERVER()                                                                   \
  do {                                                                                                           \
    if (!holdfast::test::P11KitServer::is_installed()) {                                                         \
      if (holdfast::test::P11KitServer::is_required()) FAIL() << "p11-kit-remote is required and not installed"; \
      GTEST_SKIP() << "p11-kit-remote";                                                                          \
    }                                                                                                            \
  } while (false)
