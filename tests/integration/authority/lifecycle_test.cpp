// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/authority/agent_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

namespace holdfast::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

mode_t mode_of(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777U;
}

bool is_there(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

TEST(RestartTest, KeepsAgentsTasksBearerAndCertificate) {
  for (const int signal : {SIGTERM, SIGKILL}) {
    const TemporaryFolder folder;
    AuthorityProcess first({}, folder.path());
    AgentClient agent(first);
    ASSERT_EQ(agent.register_agent().status, 200);
    const std::string task = agent.register_task().member("task_id");
    const std::string bearer = first.bearer();
    const std::string certificate = read_file(first.certificate());
    ASSERT_EQ(unlink(first.token_file().c_str()), 0);
    EXPECT_EQ(first.stop(signal), signal == SIGTERM ? 0 : 128 + SIGKILL);

    const AuthorityProcess second({}, folder.path());
    ASSERT_TRUE(second.is_ready()) << second.log();
    agent.move_to(second);
    EXPECT_EQ(agent.check(task).status, 200);
    EXPECT_EQ(agent.register_task().status, 200);
    EXPECT_EQ(second.bearer(), bearer);
    EXPECT_EQ(read_file(second.certificate()), certificate);
  }
}

TEST(FilesTest, KeepSecretsToTheirOwner) {
  const mode_t before = umask(0);
  AuthorityProcess authority({"--certificate-out", "/dev/null/x"});
  EXPECT_FALSE(authority.is_ready());
  const AuthorityProcess good;
  umask(before);
  EXPECT_EQ(mode_of(good.database()), 0600U);
  EXPECT_EQ(mode_of(good.token_file()), 0600U);
  EXPECT_EQ(mode_of(good.database() + ".key.pem"), 0600U);
  EXPECT_EQ(good.bearer().size(), 43U);
}

TEST(FilesTest, GoWhereTheOptionsSay) {
  const TemporaryFolder folder;
  const AuthorityProcess authority(
      {"--token-file", folder.file("bearer"), "--certificate-out", folder.file("ca.pem"), "--base-path", "/"});
  ASSERT_TRUE(authority.is_ready()) << authority.log();
  EXPECT_EQ(authority.token_file(), folder.file("bearer"));
  EXPECT_EQ(read_file(folder.file("ca.pem")), read_file(authority.certificate()));
  EXPECT_EQ(authority.url(), authority.origin());
  const auto about = Json::parse(read_file(authority.ready_file()));
  ASSERT_TRUE(about);
  EXPECT_EQ(about->integer_member("pid"), authority.pid());
  AgentClient agent(authority);
  EXPECT_EQ(agent.register_agent().status, 200);
}

TEST(TlsTest, IsTrustedOnlyByItsOwnCertificateAndUnderItsNames) {
  const AuthorityProcess authority;
  const AuthorityProcess other;
  const std::string port = authority.origin().substr(authority.origin().rfind(':'));
  EXPECT_EQ(call({"GET", "https://localhost" + port + "/healthz", {}, {}, authority.certificate()}).status, 200);
  const HttpAnswer wrong = call({"GET", authority.origin() + "/healthz", {}, {}, other.certificate()});
  EXPECT_EQ(wrong.status, 0);
  EXPECT_THAT(wrong.failure, HasSubstr("certificate"));
  EXPECT_EQ(call({"GET", "http://127.0.0.1" + port + "/healthz", {}, {}, {}}).status, 0);
}

TEST(TlsTest, ServesAGivenCertificate) {
  const AuthorityProcess maker;
  const std::string key = maker.database() + ".key.pem";
  const AuthorityProcess authority({"--certificate", maker.certificate(), "--private-key", key});
  ASSERT_TRUE(authority.is_ready()) << authority.log();
  EXPECT_EQ(call({"GET", authority.origin() + "/healthz", {}, {}, maker.certificate()}).status, 200);
  EXPECT_FALSE(is_there(authority.database() + ".key.pem"));

  AuthorityProcess mixed({"--certificate", authority.certificate(), "--private-key", "/dev/null"});
  EXPECT_FALSE(mixed.is_ready());
  EXPECT_EQ(mixed.stop(), 1);
  EXPECT_THAT(mixed.log(), HasSubstr("holds no unencrypted PEM key"));
}

TEST(TlsTest, ListensOnIpv6Loopback) {
  const AuthorityProcess authority({"--listen", "[::1]:0"});
  if (!authority.is_ready()) GTEST_SKIP() << "no IPv6 loopback here: " << authority.log();
  EXPECT_THAT(authority.url(), StartsWith("https://[::1]:"));
  EXPECT_EQ(call({"GET", authority.origin() + "/healthz", {}, {}, authority.certificate()}).status, 200);
}

TEST(StopTest, EndsWithZeroOnEitherSignalAndRemovesTheReadyFile) {
  for (const int signal : {SIGTERM, SIGINT}) {
    AuthorityProcess authority;
    ASSERT_TRUE(authority.is_ready());
    EXPECT_TRUE(is_there(authority.ready_file()));
    EXPECT_EQ(authority.stop(signal), 0) << authority.log();
    EXPECT_THAT(authority.output(), HasSubstr(authority.url()));
    EXPECT_FALSE(is_there(authority.ready_file()));
    EXPECT_FALSE(is_there(authority.database() + "-wal")) << "the database was not closed";
    EXPECT_THAT(authority.log(), HasSubstr(R"("event":"stopped")"));
  }
}

/// What became of a request that was at work when its authority was told to stop.
struct RequestAtTheEnd {
  std::chrono::nanoseconds pause{0};  ///< between its first part and the rest
  std::string answer;
  int exit_code = -1;
  std::string log;
};

RequestAtTheEnd stop_during_a_request() {
  RequestAtTheEnd request;
  AuthorityProcess authority({"--http"});
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port =
      htons(static_cast<std::uint16_t>(std::stoi(authority.origin().substr(authority.origin().rfind(':') + 1))));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const std::string head = "POST /verify HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(send(fd, head.data(), head.size(), MSG_NOSIGNAL), static_cast<ssize_t>(head.size()));
  // An answer to a second client proves that the first one, accepted before it, is at work.
  EXPECT_EQ(call({"GET", authority.origin() + "/healthz", {}, {}, {}}).status, 200);
  EXPECT_EQ(kill(authority.pid(), SIGTERM), 0);
  while (call({"GET", authority.origin() + "/healthz", {}, {}, {}}).status != 0) {
  }
  (void)send(fd, "}", 1, MSG_NOSIGNAL);
  request.pause = std::chrono::steady_clock::now() - start;
  request.answer.resize(4096);
  request.answer.resize(
      static_cast<std::size_t>(std::max<ssize_t>(recv(fd, request.answer.data(), request.answer.size(), 0), 0)));
  close(fd);
  request.exit_code = authority.stop(0);
  request.log = authority.log();
  return request;
}

TEST(StopTest, FinishesTheRequestAtWork) {
  RequestAtTheEnd request = stop_during_a_request();
  // The authority waits five seconds for the rest of a request, and a busy machine may keep us from sending it.
  for (int i = 0; i < 2 && request.pause > std::chrono::seconds(4); ++i) request = stop_during_a_request();
  EXPECT_THAT(request.answer, StartsWith("HTTP/1.1 401 "));
  EXPECT_EQ(request.exit_code, 0) << request.log;
}

TEST(StartTest, TwoAuthoritiesDoNotMeet) {
  const AuthorityProcess one;
  const AuthorityProcess two;
  ASSERT_TRUE(one.is_ready() && two.is_ready());
  EXPECT_NE(one.url(), two.url());
  EXPECT_NE(one.bearer(), two.bearer());
  AgentClient agent(one);
  ASSERT_EQ(agent.register_agent().status, 200);
  agent.move_to(two);
  EXPECT_EQ(agent.register_task().code(), "agent_unknown");
}

class StartRefusalTest : public testing::Test {
 protected:
  static void expect_end(std::vector<std::string> arguments, int code, const std::string& error,
                         const std::string& folder = {}) {
    AuthorityProcess authority(std::move(arguments), folder);
    EXPECT_FALSE(authority.is_ready()) << error;
    EXPECT_EQ(authority.stop(), code) << authority.log();
    EXPECT_THAT(authority.log(), HasSubstr("holdfast-authority: error: "));
    EXPECT_THAT(authority.log(), HasSubstr(error));
    EXPECT_THAT(authority.log(), HasSubstr("holdfast-authority: hint: "));
    EXPECT_EQ(authority.output(), "");
    EXPECT_FALSE(is_there(authority.ready_file()));
  }
};

TEST_F(StartRefusalTest, PortInUse) {
  const AuthorityProcess first;
  const std::string port = first.origin().substr(first.origin().rfind(':') + 1);
  expect_end({"--listen", "127.0.0.1:" + port}, 1,
             "it exists already: 127.0.0.1 port " + port + " is in use by another program");
  EXPECT_EQ(call({"GET", first.origin() + "/healthz", {}, {}, first.certificate()}).status, 200);
}

TEST_F(StartRefusalTest, WithItsPortInUseMakesNothing) {
  const AuthorityProcess first;
  const TemporaryFolder folder;
  const TemporaryFolder made;
  const std::string port = first.origin().substr(first.origin().rfind(':') + 1);
  AuthorityProcess second(
      {"--listen", "127.0.0.1:" + port, "--database", made.file("authority.db"), "--token-file", made.file("bearer"),
       "--certificate-out", made.file("ca.pem"), "--ready-file", made.file("ready.json")},
      folder.path());
  EXPECT_EQ(second.stop(), 1) << second.log();
  EXPECT_TRUE(std::filesystem::is_empty(made.path()));
}

TEST_F(StartRefusalTest, DatabaseInUse) {
  const AuthorityProcess first;
  expect_end({"--database", first.database(), "--ready-file", first.ready_file()}, 1,
             "a file cannot be used: the database is in use by another process (system: SQLITE_BUSY while");
  EXPECT_TRUE(is_there(first.ready_file())) << "whoever waits for the one that runs waits for ever";
}

TEST_F(StartRefusalTest, DatabaseThatCannotBe) {
  const TemporaryFolder folder;
  expect_end({"--database", folder.file("none/a.db")}, 1, folder.file("none/a.db"));
  expect_end({"--database", folder.write("text", std::string(2000, 'x'))}, 1, "not an SQLite database");
  expect_end({"--database", folder.write("open", "", 0644)}, 3, "may be used by others");
  expect_end({"--token-file", folder.file("none/token")}, 1, folder.file("none/token"));
  expect_end({"--ready-file", folder.file("none/ready")}, 1, folder.file("none/ready"));
  ASSERT_EQ(mkfifo(folder.file("pipe").c_str(), 0600), 0);
  expect_end({"--ready-file", folder.file("pipe")}, 1, folder.file("pipe") + " is no regular file");
}

TEST_F(StartRefusalTest, AddressesOfOthers) {
  expect_end({"--listen", "192.0.2.1:0", "--public"}, 2, "192.0.2.1 port 0 cannot be listened on");
}

TEST_F(StartRefusalTest, PublicWithoutSayingSo) {
  expect_end({"--listen", "0.0.0.0:0"}, 2, "other machines can reach");
  expect_end({"--listen", "0.0.0.0:0", "--public", "--http"}, 2, "--http is for loopback addresses only");
}

TEST_F(StartRefusalTest, OptionsThatDoNotFit) {
  expect_end({"--certificate", "x"}, 2, "belong together");
  expect_end({"--http", "--certificate-out", "x"}, 2, "--http has no certificate");
  expect_end({"--answer", "taskid"}, 2, "not a spelling");
  expect_end({"--window", "-1"}, 2, "--window");
  expect_end({"--listen", "example.org:1"}, 2, "not a numeric address");
  expect_end({"--no-such-option"}, 2, "--no-such-option");
}

TEST(PublicTest, ServesEveryAddressOnPurpose) {
  const AuthorityProcess authority({"--listen", "0.0.0.0:0", "--public"});
  ASSERT_TRUE(authority.is_ready()) << authority.log();
  EXPECT_THAT(authority.url(), StartsWith("https://localhost:"));
  EXPECT_EQ(call({"GET", authority.origin() + "/healthz", {}, {}, authority.certificate()}).status, 200);
}

TEST(QuietTest, SaysNothing) {
  AuthorityProcess authority({"--quiet"});
  ASSERT_TRUE(authority.is_ready());
  EXPECT_EQ(call({"GET", authority.origin() + "/healthz", {}, {}, authority.certificate()}).status, 200);
  EXPECT_EQ(authority.stop(), 0);
  EXPECT_EQ(authority.output() + authority.log(), "");
}

}  // namespace
}  // namespace holdfast::test
