// SPDX-License-Identifier: Apache-2.0
#include "tests/support/p11_kit_server.hpp"

#include "tests/support/softhsm.hpp"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>

namespace holdfast::test {
namespace {

constexpr const char* kServer = "/usr/libexec/p11-kit/p11-kit-server";

}  // namespace

P11KitServer::P11KitServer(std::string socket) : socket_(std::move(socket)) {
  setenv("P11_KIT_SERVER_ADDRESS", ("unix:path=" + socket_).c_str(), 1);
  start();
}

bool P11KitServer::is_required() {
  const char* list = std::getenv("HOLDFAST_REQUIRE");
  const std::string names = "," + std::string(list != nullptr ? list : "") + ",";
  return names.find(",all,") != std::string::npos || names.find(",p11-kit-remote,") != std::string::npos;
}

bool P11KitServer::is_installed() { return access(kServer, X_OK) == 0 && access(client_path().c_str(), R_OK) == 0; }

std::string P11KitServer::client_path() { return HOLDFAST_TEST_P11_KIT_CLIENT; }

void P11KitServer::start() {
  std::filesystem::remove(socket_);
  const std::string provider = SoftHsm::module_path();
  const pid_t parent = getpid();
  process_ = fork();
  if (process_ == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    execl(kServer, "p11-kit-server", "--foreground", "--name", socket_.c_str(), "--provider", provider.c_str(),
          "pkcs11:token=agents", nullptr);
    _exit(127);
  }
  setpgid(process_, process_);
  const auto last = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!is_answered()) {
    if (std::chrono::steady_clock::now() > last) throw std::runtime_error("p11-kit server does not answer");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void P11KitServer::kill_all() {
  if (process_ <= 0) return;
  killpg(process_, SIGKILL);
  while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
  process_ = -1;
}

bool P11KitServer::is_answered() const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_.copy(address.sun_path, sizeof address.sun_path - 1);
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool is_there = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(probe);
  return is_there;
}

}  // namespace holdfast::test
