// SPDX-License-Identifier: Apache-2.0
//
// What can go wrong before there is a connection to speak over, and when it ends.
#include "tests/integration/registrar/registrar_fixture.hpp"
#include "tests/support/raw_server.hpp"

namespace holdfast::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr const char* kTask = R"({"task_id":"task-123"})";

class HostileTls : public RegistrarFixture {
 protected:
  HostileTls() { options_.attempts = 1; }
  Result<TaskId> against(const RawServer& server, std::chrono::milliseconds timeout = 20s) {
    return register_task(server.url("https"), timeout);
  }
};

TEST_F(HostileTls, AHandshakeThatStallsEndsAtTheTimeout) {
  const RawServer server([](RawPeer& peer) { peer.hold(); });
  const auto task = against(server, 1s);
  EXPECT_EQ(task.status(), Status::authority_unavailable);
  EXPECT_STREQ(task.error().native_name, "CURLE_OPERATION_TIMEDOUT");
}

TEST_F(HostileTls, AHandshakeThatStallsEndsAtTheConnectTimeout) {
  options_.connect_timeout = 300ms;
  const RawServer server([](RawPeer& peer) { peer.hold(); });
  const auto task = against(server, std::chrono::hours(1));
  EXPECT_EQ(task.status(), Status::authority_unavailable);
  EXPECT_STREQ(task.error().native_name, "CURLE_OPERATION_TIMEDOUT");
}

TEST_F(HostileTls, AHandshakeThatDripsEndsAtTheTimeout) {
  const RawServer server([](RawPeer& peer) {
    // RFC 8446 §5.1: a handshake record of 8 KiB, a ServerHello of as much in it, byte by byte.
    std::string record("\x16\x03\x03\x20\x00\x02\x00\x1f\xfc\x03\x03", 11);
    record.append(8181, 'x');
    for (const char c : record) {
      if (!peer.send({&c, 1}) || !peer.pause(20ms)) return;
    }
  });
  const auto task = against(server, 1s);
  EXPECT_EQ(task.status(), Status::authority_unavailable);
  EXPECT_STREQ(task.error().native_name, "CURLE_OPERATION_TIMEDOUT");
}

TEST_F(HostileTls, WhatIsNoTlsIsNamedAsSuch) {
  for (const std::string& noise :
       {std::string(600, '\xff'), std::string(600, '\0'), std::string("220 mail ready\r\n"),
        std::string("\x15\x03\x03\x00\x02\x02\x28", 7)}) {  // an alert: handshake_failure
    const RawServer server([&noise](RawPeer& peer) {
      peer.send(noise);
      peer.hold();
    });
    const auto task = against(server);
    EXPECT_EQ(task.status(), Status::authority_unavailable);
    EXPECT_STREQ(task.error().native_name, "CURLE_SSL_CONNECT_ERROR");
    EXPECT_THAT(std::string(hint_of(task.error())), HasSubstr("TLS"));
  }
}

TEST_F(HostileTls, AConnectionThatEndsInTheHandshakeMayBeTriedAgain) {
  const RawServer closes([](RawPeer&) {});
  EXPECT_EQ(against(closes).status(), Status::authority_unavailable);
  const RawServer resets([](RawPeer& peer) { peer.reset(); });
  EXPECT_EQ(against(resets).status(), Status::authority_unavailable);
}

TEST_F(HostileTls, ACertificateOutsideItsTimeIsRefused) {
  const ServerCertificate certificates[] = {
      ServerCertificate(ServerCertificate::kLocalNames, {.from = -48h, .until = -24h}),
      ServerCertificate(ServerCertificate::kLocalNames, {.from = 24h, .until = 48h})};
  for (const ServerCertificate& certificate : certificates) {
    const RawServer server([](RawPeer&) { ADD_FAILURE() << "a request was sent"; }, certificate);
    options_.ca_file = certificate.certificate_file();
    const auto task = against(server);
    EXPECT_EQ(task.status(), Status::authority_untrusted);
    EXPECT_THAT(std::string(hint_of(task.error())), HasSubstr("clock"));
    EXPECT_STREQ(task.error().native_name, "CURLE_PEER_FAILED_VERIFICATION");
    EXPECT_THAT(detail_of(task.error()), testing::AnyOf(HasSubstr("expired"), HasSubstr("not yet valid")));
  }
}

// Somebody in the middle cannot forge the end of a connection, only cut it. libcurl 7 does not ask for a
// close_notify, so an answer without a length may be cut short anywhere; but no beginning of a JSON object is one.
// libcurl 8 says itself that the connection was cut.
TEST_F(HostileTls, AnAnswerThatIsCutShortIsNotTaken) {
  const ServerCertificate certificate;
  options_.ca_file = certificate.certificate_file();
  const std::string whole = kTask;
  for (std::size_t size = 0; size < whole.size(); size += 3) {
    const RawServer server(
        [&](RawPeer& peer) {
          peer.await_request();
          peer.send("HTTP/1.1 200 OK\r\n\r\n" + whole.substr(0, size));
        },
        certificate);
    EXPECT_THAT(against(server).status(),
                testing::AnyOf(Status::authority_answer_invalid, Status::authority_unavailable))
        << size;
  }
}

TEST_F(HostileTls, AnAnswerOfItsAnnouncedLengthNeedsNoCloseNotify) {
  const ServerCertificate certificate;
  options_.ca_file = certificate.certificate_file();
  const RawServer server(
      [](RawPeer& peer) {
        peer.await_request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n" + std::string(kTask));
      },
      certificate);
  const auto task = against(server);
  EXPECT_TRUE(task) << detail_of(task.error());
}

}  // namespace
}  // namespace holdfast::test
