// SPDX-License-Identifier: Apache-2.0
#include "tests/support/raw_server.hpp"

#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace holdfast::test {
namespace {

struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Tls = std::unique_ptr<SSL, FreeSsl>;
using TlsContext = std::unique_ptr<SSL_CTX, FreeSsl>;

class PlainPeer final : public RawPeer {
 public:
  PlainPeer(int fd, std::atomic<std::size_t>& sent) : RawPeer(fd), sent_(sent) {}
  bool send(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t size = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size <= 0) return false;
      sent_ += static_cast<std::size_t>(size);
      bytes.remove_prefix(static_cast<std::size_t>(size));
    }
    return true;
  }

 private:
  long receive(char* out, std::size_t size) override { return recv(fd(), out, size, 0); }
  std::atomic<std::size_t>& sent_;
};

class TlsPeer final : public RawPeer {
 public:
  TlsPeer(int fd, SSL_CTX* context, std::atomic<std::size_t>& sent)
      : RawPeer(fd), tls_(SSL_new(context)), sent_(sent) {
    if (!tls_ || SSL_set_fd(tls_.get(), fd) != 1) throw std::runtime_error("no TLS");
  }
  bool shake_hands() { return SSL_accept(tls_.get()) == 1; }
  bool send(std::string_view bytes) override {
    std::size_t size = 0;
    if (SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &size) != 1) return false;
    sent_ += size;
    return size == bytes.size();
  }

 private:
  long receive(char* out, std::size_t size) override { return SSL_read(tls_.get(), out, static_cast<int>(size)); }
  Tls tls_;
  std::atomic<std::size_t>& sent_;
};

int listener() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(fd, 8) != 0) {
    throw std::runtime_error("no free port");
  }
  return fd;
}

}  // namespace

std::string RawPeer::await_request() {
  std::string request;
  std::array<char, 4096> piece{};
  std::size_t end = std::string::npos;
  while ((end = request.find("\r\n\r\n")) == std::string::npos) {
    const long size = receive(piece.data(), piece.size());
    if (size <= 0) return request;
    request.append(piece.data(), static_cast<std::size_t>(size));
  }
  const std::size_t length_at = request.find("Content-Length: ");
  const std::size_t length = length_at < end ? std::stoul(request.substr(length_at + 16)) : 0;
  while (request.size() < end + 4 + length) {
    const long size = receive(piece.data(), piece.size());
    if (size <= 0) break;
    request.append(piece.data(), static_cast<std::size_t>(size));
  }
  return request.substr(0, end);
}

bool RawPeer::pause(std::chrono::milliseconds time) const {
  pollfd other{fd_, POLLRDHUP, 0};
  return poll(&other, 1, static_cast<int>(time.count())) == 0;
}

void RawPeer::hold() const {
  while (pause(std::chrono::hours(1))) {
  }
}

void RawPeer::reset() const {
  const linger at_once{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  // Closing is what resets; the number stays taken until the server closes it as well.
  const int nothing = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  dup2(nothing, fd_);
  close(nothing);
}

struct RawServer::State {
  State(Play given, TlsContext context) : play(std::move(given)), tls(std::move(context)), fd(listener()) {
    thread = std::thread([this] { serve(); });
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    {
      const std::lock_guard lock(mutex);
      is_stopping = true;
      shutdown(fd, SHUT_RDWR);
      if (peer >= 0) shutdown(peer, SHUT_RDWR);
    }
    thread.join();
    close(fd);
  }

  void serve() {
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);  // OpenSSL writes without MSG_NOSIGNAL
    pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
    while (true) {
      const int accepted = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
      {
        const std::lock_guard lock(mutex);
        if (accepted < 0 || is_stopping) {
          if (accepted >= 0) close(accepted);
          return;
        }
        peer = accepted;
      }
      ++connections;
      serve_one(accepted);
      const std::lock_guard lock(mutex);
      close(accepted);
      peer = -1;
    }
  }
  void serve_one(int accepted) {
    if (!tls) {
      PlainPeer plain(accepted, sent);
      play(plain);
      return;
    }
    TlsPeer behind_tls(accepted, tls.get(), sent);
    if (behind_tls.shake_hands()) play(behind_tls);
  }

  Play play;
  TlsContext tls;
  int fd;
  std::mutex mutex;
  bool is_stopping = false;
  int peer = -1;
  std::atomic<int> connections{0};
  std::atomic<std::size_t> sent{0};
  std::thread thread;
};

RawServer::RawServer(Play play) : state_(std::make_unique<State>(std::move(play), nullptr)) {}

RawServer::RawServer(Play play, const ServerCertificate& certificate) {
  TlsContext context(SSL_CTX_new(TLS_server_method()));
  if (!context ||
      SSL_CTX_use_certificate_file(context.get(), certificate.certificate_file().c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), certificate.key_file().c_str(), SSL_FILETYPE_PEM) != 1) {
    throw std::runtime_error("no TLS with this certificate");
  }
  state_ = std::make_unique<State>(std::move(play), std::move(context));
}

RawServer::~RawServer() = default;

std::string RawServer::url(std::string_view scheme) const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(state_->fd, reinterpret_cast<sockaddr*>(&address), &size);
  return std::string(scheme) + "://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

int RawServer::connections() const { return state_->connections; }
std::size_t RawServer::bytes_sent() const { return state_->sent; }

}  // namespace holdfast::test
