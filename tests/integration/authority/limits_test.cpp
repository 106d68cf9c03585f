// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/authority/agent_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace holdfast::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class LimitsTest : public testing::Test {
 protected:
  HttpAnswer post(std::size_t size, bool is_chunked) {
    return call({"POST",
                 authority_.url() + "/v1/agent/register",
                 {"Content-Type: application/json", "Authorization: Bearer " + authority_.bearer()},
                 std::string(size, ' '),
                 authority_.certificate(),
                 is_chunked});
  }
  int connect_raw() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(authority_.origin().substr(authority_.origin().rfind(':') + 1))));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  // Sends bytes as they are and returns all that comes back.
  std::string exchange_raw(const std::string& bytes) {
    const int fd = connect_raw();
    EXPECT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
    std::string answer;
    char buffer[4096];
    for (ssize_t got = 0; (got = recv(fd, buffer, sizeof buffer, 0)) > 0;) {
      answer.append(buffer, static_cast<std::size_t>(got));
    }
    close(fd);
    return answer;
  }

  AuthorityProcess authority_{{"--http"}};
};

TEST_F(LimitsTest, TakesBodiesOf64KiBAndNoLonger) {
  for (const bool is_chunked : {false, true}) {
    EXPECT_EQ(post(65'536, is_chunked).code(), "body_malformed") << is_chunked;
    for (const std::size_t size : {std::size_t{65'537}, std::size_t{900'000}}) {
      const HttpAnswer answer = post(size, is_chunked);
      EXPECT_EQ(answer.status, 413) << is_chunked << " " << size;
      EXPECT_EQ(answer.code(), "body_too_long") << is_chunked << " " << size;
      EXPECT_EQ(answer.header("x-holdfast-authority"), "development");
    }
  }
}

TEST_F(LimitsTest, DoesNotWaitForABodyThatIsAnnouncedFarTooLong) {
  EXPECT_THAT(exchange_raw("POST /verify HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
}

TEST_F(LimitsTest, AnswersAPostWithoutALengthAsOneWithoutABody) {
  EXPECT_THAT(exchange_raw("POST /verify HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr("authorization_missing"));
}

TEST_F(LimitsTest, AnswersOneRequestPerConnection) {
  const std::string twice = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string answer = exchange_raw(twice);
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  EXPECT_EQ(answer.find("HTTP/1.1 200"), answer.rfind("HTTP/1.1 200"));
}

TEST_F(LimitsTest, TellsEveryRefusalAsJson) {
  for (const auto& [request, status, code] : std::vector<std::tuple<std::string, std::string, std::string>>{
           {"rubbish\r\n\r\n", "400", "request_malformed"},
           {"BREW /verify HTTP/1.1\r\n\r\n", "400", "request_malformed"},
           {"GET /nothing HTTP/1.1\r\n\r\n", "404", "path_unknown"},
           {"DELETE /healthz HTTP/1.1\r\n\r\n", "405", "method_not_allowed"},
           {"GET /" + std::string(2000, 'a') + " HTTP/1.1\r\n\r\n", "414", "path_too_long"},
           {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n\r\n", "414", "path_too_long"},
           {"PUT /%0a%00 HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", "404", "path_unknown"},
           {"POST /verify HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400", "request_malformed"},
           {"POST /verify HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: "
            "3\r\n\r\n--b",
            "400", "request_malformed"}}) {
    const std::string answer = exchange_raw(request);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + status + " ")) << request.substr(0, 60);
    EXPECT_THAT(answer, HasSubstr("{\"error\":{\"code\":\"" + code + "\"")) << request.substr(0, 60);
    EXPECT_THAT(answer, HasSubstr("X-Holdfast-Authority: development")) << request.substr(0, 60);
  }
}

TEST_F(LimitsTest, ServesOthersWhileSomeConnectionsSayNothing) {
  std::vector<int> silent;
  for (int i = 0; i < 6; ++i) silent.push_back(connect_raw());
  EXPECT_EQ(call({"GET", authority_.origin() + "/healthz", {}, {}, {}}).status, 200);
  for (const int fd : silent) close(fd);
}

/// Clients that each send a byte of a header every half second, from the first one on: connecting them all may take
/// longer than the server waits for a byte.
class SlowClients {
 public:
  SlowClients() : drip_([this] { drip(); }) {}
  ~SlowClients() {
    is_over_ = true;
    drip_.join();
    for (const int fd : clients_) close(fd);
  }
  SlowClients(const SlowClients&) = delete;
  SlowClients& operator=(const SlowClients&) = delete;

  void add(const std::function<int()>& connect) {
    const auto start = std::chrono::steady_clock::now();
    const int fd = connect();
    const std::string_view begin = "GET /healthz HTTP/1.1\r\nX-Slow: ";
    EXPECT_EQ(send(fd, begin.data(), begin.size(), MSG_NOSIGNAL), static_cast<ssize_t>(begin.size()));
    const std::lock_guard lock(mutex_);
    note_pause_since(start);
    clients_.push_back(fd);
  }
  [[nodiscard]] std::size_t held() const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count_if(clients_, [](int fd) {
      char byte = 0;
      return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
    }));
  }
  /// The longest for which one of them said nothing.
  [[nodiscard]] std::chrono::nanoseconds longest_pause() {
    const std::lock_guard lock(mutex_);
    note_pause_since(last_round_);
    return longest_pause_;
  }

 private:
  void note_pause_since(std::chrono::steady_clock::time_point start) {
    longest_pause_ = std::max<std::chrono::nanoseconds>(longest_pause_, std::chrono::steady_clock::now() - start);
  }
  void say_a_byte_each() {
    const std::lock_guard lock(mutex_);
    note_pause_since(last_round_);
    last_round_ = std::chrono::steady_clock::now();
    for (const int fd : clients_) (void)send(fd, "a", 1, MSG_NOSIGNAL);
  }
  void drip() {
    while (!is_over_) {
      say_a_byte_each();
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
  }

  mutable std::mutex mutex_;
  std::vector<int> clients_;
  std::chrono::steady_clock::time_point last_round_ = std::chrono::steady_clock::now();
  std::chrono::nanoseconds longest_pause_{0};
  std::atomic<bool> is_over_{false};
  std::thread drip_;
};

TEST_F(LimitsTest, ServesOthersWhileManyHeadersComeSlowly) {
  constexpr std::size_t kSlowClients = 48;
  // The server waits five seconds for a byte: where these threads did not run for nearly as long, nothing is proved.
  constexpr std::chrono::seconds kTooLong{4};
  std::chrono::nanoseconds pause = kTooLong;
  std::size_t held = 0;
  for (int i = 0; i < 3 && pause >= kTooLong; ++i) {
    SlowClients clients;
    for (std::size_t j = 0; j < kSlowClients; ++j) clients.add([this] { return connect_raw(); });
    EXPECT_EQ(call({"GET", authority_.origin() + "/healthz", {}, {}, {}}).status, 200);
    held = clients.held();
    pause = clients.longest_pause();
  }
  EXPECT_EQ(held, kSlowClients) << "nobody was sent away for another's sake";
}

TEST_F(LimitsTest, AnswersManyAtOnce) {
  AgentClient agent(authority_);
  ASSERT_EQ(agent.register_agent().status, 200);
  std::vector<std::thread> threads;
  std::atomic<int> accepted{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&agent, &accepted] {
      for (int round = 0; round < 5; ++round) {
        const std::string task = agent.register_task().member("task_id");
        if (agent.check(task).status == 200) ++accepted;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(accepted, 40);
}

}  // namespace
}  // namespace holdfast::test
