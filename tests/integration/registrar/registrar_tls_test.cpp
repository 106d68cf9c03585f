// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/registrar/registrar_fixture.hpp"

#include <signal.h>
#include <stdlib.h>

namespace holdfast::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr const char* kTask = R"({"task_id":"task-123"})";

class RegistrarOverHttps : public RegistrarFixture {
 protected:
  RegistrarOverHttps() { options_.ca_file = certificate_.certificate_file(); }

  ServerCertificate certificate_;
  ScriptedServer server_{certificate_};
};

TEST_F(RegistrarOverHttps, ATaskIsRegistered) {
  for (const char* host : {"127.0.0.1", "localhost"}) {
    server_.answer({.body = kTask});
    const auto task = register_task(server_.url(host));
    ASSERT_TRUE(task) << detail_of(task.error());
  }
  EXPECT_EQ(server_.requests().size(), 2U);
}

TEST_F(RegistrarOverHttps, ACertificateOfAnotherCaIsRefusedOnceAndForAll) {
  const ServerCertificate other;
  options_.ca_file = other.certificate_file();
  const auto task = register_task(server_.url());
  EXPECT_EQ(task.status(), Status::authority_untrusted);
  EXPECT_STREQ(task.error().native_name, "CURLE_PEER_FAILED_VERIFICATION");
  EXPECT_THAT(std::string(hint_of(task.error())), HasSubstr("the CA file that is named does not vouch"));
  EXPECT_EQ(signer_.signatures, 1) << "it is not tried again";
  EXPECT_TRUE(server_.requests().empty()) << "nothing was sent";
}

TEST_F(RegistrarOverHttps, TheSystemsCertificatesDoNotCoverAnUnknownOne) {
  options_.ca_file.clear();
  const auto task = register_task(server_.url());
  EXPECT_EQ(task.status(), Status::authority_untrusted);
  EXPECT_THAT(std::string(hint_of(task.error())), HasSubstr("name that CA with --ca-file"));
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(RegistrarFixture, ACertificateForAnotherHostIsRefused) {
  const ServerCertificate certificate("DNS:authority.example,IP:192.0.2.1");
  ScriptedServer server(certificate);
  options_.ca_file = certificate.certificate_file();
  const auto task = register_task(server.url());
  EXPECT_EQ(task.status(), Status::authority_untrusted);
  EXPECT_STREQ(task.error().native_name, "CURLE_PEER_FAILED_VERIFICATION");
  EXPECT_THAT(std::string(hint_of(task.error())), HasSubstr("a name that the certificate has"));
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(RegistrarOverHttps, ACaFileThatIsNotUsableIsNamedAsSuch) {
  const TemporaryFolder folder;
  for (const std::string& path : {folder.file("absent.pem"), folder.write("text.pem", "no certificate")}) {
    options_.ca_file = path;
    const auto task = register_task(server_.url());
    EXPECT_EQ(task.status(), Status::file_invalid) << path;
    EXPECT_THAT(std::string(hint_of(task.error())), HasSubstr("PEM")) << path;
  }
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(RegistrarFixture, AClientCertificateIsShown) {
  const ServerCertificate certificate;
  const ServerCertificate client("DNS:agent-host.example");
  ScriptedServer server(certificate, client);
  options_.ca_file = certificate.certificate_file();
  options_.client_certificate = client.certificate_file();
  options_.client_key = client.key_file();
  server.answer({.body = kTask});
  const auto task = register_task(server.url());
  EXPECT_TRUE(task) << detail_of(task.error());

  options_.client_certificate.clear();
  options_.client_key.clear();
  options_.attempts = 1;
  EXPECT_FALSE(register_task(server.url()));
  EXPECT_EQ(server.requests().size(), 1U);

  options_.client_certificate = "/absent/client.pem";
  EXPECT_EQ(register_task(server.url()).status(), Status::file_invalid);
}

TEST_F(RegistrarFixture, AServerWithoutTlsIsNoHttpsServer) {
  ScriptedServer plain;
  options_.attempts = 1;
  const std::string url = "https" + plain.url().substr(4);
  const auto task = register_task(url);
  EXPECT_EQ(task.status(), Status::authority_unavailable);
  EXPECT_STREQ(task.error().native_name, "CURLE_SSL_CONNECT_ERROR");
  EXPECT_THAT(std::string(hint_of(task.error())), HasSubstr("TLS"));
  EXPECT_TRUE(plain.requests().empty());
}

TEST_F(RegistrarOverHttps, AnHttpUrlToItsPortIsToldFromAnAuthorityThatIsAway) {
  options_.attempts = 1;
  const auto task = register_task("http" + server_.url().substr(5));
  EXPECT_FALSE(task);
  EXPECT_THAT(std::string(hint_of(task.error())), HasSubstr("write https: in its URL")) << task.error().native_name;
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(RegistrarOverHttps, ARedirectToPlainHttpIsNotFollowed) {
  ScriptedServer plain;
  server_.answer({.status = 307, .headers = {{"Location", plain.url()}}});
  EXPECT_EQ(register_task(server_.url()).status(), Status::authority_refused);
  EXPECT_TRUE(plain.requests().empty());
}

// Nobody listens at the proxy's address, so a request that fails is one that was sent there.
TEST_F(RegistrarOverHttps, AProxyThatIsNamedIsUsed) {
  options_.attempts = 1;
  options_.proxy = "http://127.0.0.1:1";
  const auto task = register_task(server_.url());
  EXPECT_EQ(task.status(), Status::authority_unavailable);
  EXPECT_TRUE(server_.requests().empty());
  options_.proxy.clear();
  ASSERT_EQ(setenv("https_proxy", "http://127.0.0.1:1", 1), 0);
  server_.answer({.body = kTask});
  EXPECT_TRUE(register_task(server_.url()));
  options_.use_environment_proxy = true;
  EXPECT_EQ(register_task(server_.url()).status(), Status::authority_unavailable);
}

TEST_F(RegistrarOverHttps, ABrokenConnectionDoesNotEndTheHost) {
  signal(SIGPIPE, SIG_DFL);
  options_.attempts = 1;
  for (int i = 0; i < 3; ++i) {
    server_.answer({.body = kTask, .delivery = ScriptedAnswer::Delivery::truncated});
    EXPECT_EQ(register_task(server_.url()).status(), Status::authority_unavailable);
  }
  sigset_t blocked;
  pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  EXPECT_EQ(sigismember(&blocked, SIGPIPE), 0) << "the host's signal mask is as it was";
}

}  // namespace
}  // namespace holdfast::test
