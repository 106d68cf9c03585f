// SPDX-License-Identifier: Apache-2.0
//
// An authority, or whoever sits in front of it, that does what it likes with bytes. Every play runs over http and
// over https, and whatever it is: the registrar comes back (a call that does not is ended by the test's time limit),
// takes no more than its limit, and says nothing that was secret. Where nothing more is said, one attempt is made.
#include "tests/integration/registrar/registrar_fixture.hpp"
#include "tests/support/raw_server.hpp"

#include <sys/resource.h>

#include <array>
#include <cstdio>
#include <future>
#include <memory>
#include <thread>

namespace holdfast::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kTask = R"({"task_id":"task-123"})";
constexpr std::size_t kMiB = std::size_t{1} << 20U;

std::string answer_of(std::string_view headers, std::string_view body = kTask) {
  return "HTTP/1.1 200 OK\r\n" + std::string(headers) + "\r\n" + std::string(body);
}
std::string with_length(std::string_view body) {
  return answer_of("Content-Length: " + std::to_string(body.size()) + "\r\n", body);
}

// Until the other side goes.
void say_for_ever(RawPeer& peer, const std::string& piece) {
  while (peer.send(piece)) {
  }
}
void drip(RawPeer& peer, std::string_view text) {
  for (const char c : text) {
    if (!peer.send({&c, 1}) || !peer.pause(20ms)) return;
  }
}

struct ClosePipe {
  void operator()(std::FILE* pipe) const { pclose(pipe); }
};

std::string make_bomb() {
  const std::unique_ptr<std::FILE, ClosePipe> pipe(
      popen("{ head -c 33554432 /dev/zero | tr '\\0' ' '; echo '{\"task_id\":\"task-123\"}'; } | gzip -9", "re"));
  std::string packed;
  std::array<char, 4096> piece{};
  while (const std::size_t size = std::fread(piece.data(), 1, piece.size(), pipe.get()))
    packed.append(piece.data(), size);
  return packed;
}
// 32 MiB of spaces before what would be an answer, in some 32 KiB.
const std::string& bomb() {
  static const std::string made = make_bomb();
  return made;
}
std::string in_chunks(std::string_view body) {
  std::array<char, 20> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", body.size());
  return size.data() + std::string(body) + "\r\n0\r\n\r\n";
}

constexpr auto kPatience = 20s;

struct Hostility {
  const char* name;
  void (*play)(RawPeer&);
  Status status;
  const char* detail = "";  ///< part of it
  std::chrono::milliseconds timeout = kPatience;
  void (*prepare)() = nullptr;  ///< makes what would take part of that time
};
std::ostream& operator<<(std::ostream& out, const Hostility& hostility) { return out << hostility.name; }

// For the registrar to connect and to ask; what is slow lasts longer.
constexpr auto kEnough = 1s;
constexpr auto kInvalid = Status::authority_answer_invalid;
constexpr auto kUnavailable = Status::authority_unavailable;
constexpr auto kRefused = Status::authority_refused;

const Hostility kHostilities[] = {
    // ---- slow: the time given ends it
    {"silence", [](RawPeer& peer) { peer.hold(); }, kUnavailable, "timed out", kEnough},
    {"headers_byte_by_byte",
     [](RawPeer& peer) { drip(peer, "HTTP/1.1 200 OK\r\nX-Slow: " + std::string(4096, 's')); }, kUnavailable,
     "timed out", kEnough},
    {"body_byte_by_byte",
     [](RawPeer& peer) {
       peer.send(answer_of("Content-Length: 4096\r\n", ""));
       drip(peer, std::string(4096, ' '));
     },
     kUnavailable, "timed out", kEnough},
    {"interim_answers_one_by_one",
     [](RawPeer& peer) {
       while (peer.send("HTTP/1.1 102 Processing\r\n\r\n") && peer.pause(20ms)) {
       }
     },
     kUnavailable, "timed out", kEnough},
    {"less_than_announced",
     [](RawPeer& peer) {
       peer.send(answer_of("Content-Length: 23\r\n"));
       peer.hold();
     },
     kUnavailable, "timed out", kEnough},
    {"an_endless_chunk_extension",
     [](RawPeer& peer) {
       peer.send(answer_of("Transfer-Encoding: chunked\r\n", "16;x="));
       say_for_ever(peer, std::string(16'384, 'x'));
     },
     kUnavailable, "timed out", kEnough},

    // ---- endless: the limit ends it
    {"endless_body",
     [](RawPeer& peer) {
       peer.send(answer_of(""));
       say_for_ever(peer, std::string(16'384, ' '));
     },
     kInvalid, "64 KiB"},
    {"endless_chunks",
     [](RawPeer& peer) {
       peer.send(answer_of("Transfer-Encoding: chunked\r\n", ""));
       say_for_ever(peer, "4000\r\n" + std::string(16'384, ' ') + "\r\n");
     },
     kInvalid, "64 KiB"},
    {"a_body_of_exbibytes",
     [](RawPeer& peer) {
       peer.send(answer_of("Content-Length: 9223372036854775807\r\n", ""));
       say_for_ever(peer, std::string(16'384, ' '));
     },
     kInvalid, "64 KiB"},
    {"a_body_beyond_64_bits",
     [](RawPeer& peer) {
       peer.send(answer_of("Content-Length: 99999999999999999999999\r\n", ""));
       say_for_ever(peer, std::string(16'384, ' '));
     },
     kInvalid},
    {"endless_headers",
     [](RawPeer& peer) {
       peer.send("HTTP/1.1 200 OK\r\n");
       say_for_ever(peer, "X-More: " + std::string(1000, 'x') + "\r\n");
     },
     kInvalid, "64 KiB"},
    {"an_endless_header_line",
     [](RawPeer& peer) {
       peer.send("HTTP/1.1 200 OK\r\nX-More: ");
       say_for_ever(peer, std::string(16'384, 'x'));
     },
     kInvalid},
    {"an_endless_status_line",
     [](RawPeer& peer) {
       peer.send("HTTP/1.1 200 ");
       say_for_ever(peer, std::string(16'384, 'x'));
     },
     kInvalid},
    {"endless_interim_answers", [](RawPeer& peer) { say_for_ever(peer, "HTTP/1.1 103 Early Hints\r\n\r\n"); },
     kInvalid, "64 KiB"},
    {"endless_trailers",
     [](RawPeer& peer) {
       peer.send(answer_of("Transfer-Encoding: chunked\r\n", "16\r\n" + std::string(kTask) + "\r\n0\r\n"));
       say_for_ever(peer, "X-More: " + std::string(1000, 'x') + "\r\n");
     },
     kInvalid, "64 KiB"},
    {"a_bomb",
     [](RawPeer& peer) {
       const std::string& packed = bomb();
       peer.send(
           answer_of("Content-Encoding: gzip\r\nContent-Length: " + std::to_string(packed.size()) + "\r\n", packed));
     },
     kInvalid, "not a JSON object", kPatience, [] { (void)bomb(); }},
    {"a_bomb_as_transfer_encoding",
     [](RawPeer& peer) { peer.send(answer_of("Transfer-Encoding: gzip, chunked\r\n", in_chunks(bomb()))); }, kInvalid,
     "", kPatience, [] { (void)bomb(); }},

    // ---- cut off: it may be tried again
    {"reset_before_the_request", [](RawPeer& peer) { peer.reset(); }, kUnavailable},
    {"reset_in_the_headers",
     [](RawPeer& peer) {
       peer.await_request();
       peer.send("HTTP/1.1 200 OK\r\nContent-Le");
       peer.reset();
     },
     kUnavailable},
    {"reset_in_the_body",
     [](RawPeer& peer) {
       peer.await_request();
       peer.send(answer_of("Content-Length: 2000\r\n"));
       peer.reset();
     },
     kUnavailable},
    {"closed_in_a_chunk",
     [](RawPeer& peer) {
       peer.await_request();
       peer.send(answer_of("Transfer-Encoding: chunked\r\n", "17\r\n" + std::string(kTask)));
     },
     kUnavailable},

    // ---- lengths and frames that are none
    {"a_negative_length",
     [](RawPeer& peer) {
       peer.await_request();
       peer.send(answer_of("Content-Length: -1\r\n"));
     },
     kInvalid},
    {"a_length_in_words",
     [](RawPeer& peer) {
       peer.await_request();
       peer.send(answer_of("Content-Length: twenty\r\n"));
     },
     kInvalid},
    {"a_length_shorter_than_the_answer",
     [](RawPeer& peer) {
       peer.await_request();
       peer.send(answer_of("Content-Length: 21\r\n"));
     },
     kInvalid, "not a JSON object"},
    {"a_nul_in_a_header",
     [](RawPeer& peer) {
       peer.await_request();
       peer.send(answer_of(std::string_view("X: a\0b\r\nContent-Length: 22\r\n", 28)));
     },
     kInvalid},
    {"switching_protocols_unasked",
     [](RawPeer& peer) {
       peer.await_request();
       peer.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n" +
                 std::string(kTask));
     },
     kInvalid},
    {"a_status_of_four_digits",
     [](RawPeer& peer) {
       peer.await_request();
       peer.send("HTTP/1.1 2000 OK\r\nContent-Length: 22\r\n\r\n" + std::string(kTask));
     },
     kInvalid},

    // ---- answers that are well formed, and not what was asked for
    {"an_error_with_status_200",
     [](RawPeer& peer) {
       peer.await_request();
       peer.send(with_length(R"({"error":{"code":"unknown_agent"},"status":401})"));
     },
     kInvalid, "it has no task_id"},
    {"nested_32768_deep",
     [](RawPeer& peer) {
       peer.await_request();
       peer.send(with_length(std::string(32'768, '[') + std::string(32'768, ']')));
     },
     kInvalid, "not a JSON object"},
    {"an_id_that_comes_twice",
     [](RawPeer& peer) {
       peer.await_request();
       peer.send(with_length(R"({"task_id":"task-1","more":{"a":1,"a":2}})"));
     },
     kInvalid, "not a JSON object"},
    {"a_redirect_of_60_KB",
     [](RawPeer& peer) {
       peer.await_request();
       peer.send("HTTP/1.1 308 Moved\r\nLocation: https://elsewhere.example/" + std::string(60'000, 'x') +
                 "\r\nContent-Length: 0\r\n\r\n");
     },
     kRefused, "to https://elsewhere.example/xxx"},
    {"a_redirect_of_70_KB",
     [](RawPeer& peer) {
       peer.await_request();
       peer.send("HTTP/1.1 308 Moved\r\nLocation: https://elsewhere.example/" + std::string(70'000, 'x') +
                 "\r\nContent-Length: 0\r\n\r\n");
     },
     kInvalid, "64 KiB"},
};

class HostileAuthority : public RegistrarFixture, public testing::WithParamInterface<std::tuple<Hostility, bool>> {
 protected:
  static std::size_t peak_memory() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
  }
};

TEST_P(HostileAuthority, IsBorne) {
  const auto& [hostility, is_https] = GetParam();
  if (hostility.prepare != nullptr) hostility.prepare();
  const ServerCertificate certificate;
  const RawServer server = is_https ? RawServer(hostility.play, certificate) : RawServer(hostility.play);
  if (is_https) options_.ca_file = certificate.certificate_file();
  options_.attempts = 1;
  const std::size_t memory_before = peak_memory();
  const auto task = register_task(server.url(is_https ? "https" : "http"), hostility.timeout);
  const std::size_t memory_after = peak_memory();

  // libcurl 8 says of a TLS connection that ends without a close_notify that it was cut.
  const bool is_told_as_cut = is_https && detail_of(task.error()).find("unexpected eof") != std::string::npos;
  EXPECT_EQ(task.status(), is_told_as_cut ? kUnavailable : hostility.status)
      << status_name(task.status()) << ": " << detail_of(task.error());
  EXPECT_THAT(detail_of(task.error()), HasSubstr(is_told_as_cut ? "" : hostility.detail));
  await([&] { return server.connections() > 0; });
  EXPECT_EQ(server.connections(), 1);
  // The kernel's buffers of a connection take some MiB; libcurl and its TLS are loaded meanwhile. Both bounds are far
  // from what a registrar would take that reads on, or keeps what it reads.
  EXPECT_TRUE(hostility.status == kUnavailable || server.bytes_sent() < 24 * kMiB) << server.bytes_sent();
  EXPECT_LT(memory_after - memory_before, 24 * kMiB);
}

INSTANTIATE_TEST_SUITE_P(Plays, HostileAuthority, testing::Combine(testing::ValuesIn(kHostilities), testing::Bool()),
                         [](const auto& each) {
                           return std::get<0>(each.param).name + std::string(std::get<1>(each.param) ? "_tls" : "");
                         });

TEST_F(RegistrarFixture, InterimAnswersAreReadOver) {
  const RawServer server([](RawPeer& peer) {
    peer.await_request();
    for (int i = 0; i < 200; ++i) peer.send("HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n");
    peer.send(with_length(kTask));
  });
  const auto task = register_task(server.url("http"));
  ASSERT_TRUE(task) << detail_of(task.error());
  EXPECT_EQ(task->view(), "task-123");
}

// Each is one an URL, a header line or a log would read as something else.
TEST_F(RegistrarFixture, AnIdThatIsMoreThanANameIsRefused) {
  const std::string bodies[] = {R"({"task_id":"task\r\nX-Injected: yes"})",
                                R"({"task_id":"task\u0000"})",
                                R"({"task_id":"\u001b[2Jtask"})",
                                R"({"task_id":"task\u202e"})",
                                R"({"task_id":"../task"})",
                                R"({"task_id":"task%0d%0a"})",
                                R"({"task_id":"task 1"})",
                                R"({"taskId":"ta\u0073k?x"})",
                                "{\"task_id\":\"task\xC3\xA4\"}",
                                R"({"task_id":")" + std::string(129, 't') + "\"}",
                                R"({"task_id":["task"]})",
                                R"({"task_id":17})"};
  for (const std::string& body : bodies) {
    const RawServer server([&body](RawPeer& peer) {
      peer.await_request();
      peer.send(with_length(body));
    });
    const auto task = register_task(server.url("http"));
    EXPECT_EQ(task.status(), kInvalid) << body;
    for (const char c : detail_of(task.error())) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << body;
  }
}

// What was sent is not for the log of the host: not where an authority echoes it, in whatever part of its answer.
TEST_F(RegistrarFixture, ASecretThatComesBackIsNotTold) {
  constexpr const char* kBearer = "at-0123456789/abcdefghij+KLMNOPQRST=UVWXYZ";
  const std::string escaped = R"(at-0123456789\/abcdefghij+KLMNOPQRST=UVWXYZ)";
  const std::string encoded = "at-0123456789%2Fabcdefghij%2BKLMNOPQRST%3DUVWXYZ";
  struct {
    std::string head;
    std::string body;
  } const answers[] = {
      {"307 Moved\r\nLocation: https://login.example/?token=" + std::string(kBearer), ""},
      {"307 Moved\r\nLocation: https://login.example/" + std::string(kBearer) + "/x", ""},
      {"307 Moved\r\nLocation: https://login.example/" + encoded, ""},
      {"307 Moved\r\nLocation: https://login.example/" + std::string(105, 'x') + kBearer, ""},
      {"401 No\r\nX: y", "unknown bearer " + std::string(kBearer)},
      {"401 No\r\nX: y", R"({"error":"unknown bearer )" + escaped + "\"}"},
      {"401 No\r\nX: y", "unknown bearer " + std::string(kBearer).substr(0, 20) + "..."},
      {"200 OK\r\nX: y", R"({"agent_runtime_id":")" + std::string(kBearer) + "\"}"},
  };
  for (const auto& answer : answers) {
    const RawServer server([&](RawPeer& peer) {
      peer.await_request();
      peer.send("HTTP/1.1 " + answer.head + "\r\nContent-Length: " + std::to_string(answer.body.size()) + "\r\n\r\n" +
                answer.body);
    });
    options_.authority_url = server.url("http");
    const auto agent = Registrar::create(options_)->register_agent(
        {.public_key = signer_.public_key(), .access_token = kBearer, .agent_version = "0.1.0"}, 20s, &excerpt_);
    ASSERT_FALSE(agent) << answer.head;
    const std::string told = detail_of(agent.error()) + "\n" + std::string(excerpt_.view());
    for (const char* part : {"0123456789", "abcdefghij", "KLMNOPQRST"}) {
      EXPECT_THAT(told, Not(HasSubstr(part))) << answer.head;
    }
  }
}

// A registration cannot be taken back, and what the attempts behind it come to changes nothing of it.
TEST_F(RegistrarFixture, ARefusalBehindALostAnswerDoesNotMeanThatNothingIsRegistered) {
  int requests = 0;
  const RawServer server([&](RawPeer& peer) {
    peer.await_request();
    if (++requests == 1) return peer.reset();
    peer.send("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
  });
  options_.attempts = 3;
  options_.authority_url = server.url("http");
  auto registrar = Registrar::create(options_);
  const AgentRegistration registration{
      .public_key = signer_.public_key(), .access_token = "at-1", .agent_version = "0.1.0"};
  EXPECT_EQ(registrar->register_agent(registration, 20s).status(), Status::authority_refused);
  EXPECT_TRUE(registrar->may_have_registered());
  EXPECT_EQ(registrar->register_agent(registration, 20s).status(), Status::authority_refused);
  EXPECT_FALSE(registrar->may_have_registered()) << "one attempt, and it was refused";
}

TEST_F(RegistrarFixture, AnAuthorityThatIsGoneBehindALostAnswerDoesNotMeanThatNothingIsRegistered) {
  std::promise<void> arrived;
  auto server = std::make_unique<RawServer>([&](RawPeer& peer) {
    peer.await_request();
    arrived.set_value();
    peer.hold();
  });
  options_.attempts = 3;
  options_.authority_url = server->url("http");
  auto registrar = Registrar::create(options_);
  const AgentRegistration registration{
      .public_key = signer_.public_key(), .access_token = "at-1", .agent_version = "0.1.0"};
  std::thread crash([&] {
    arrived.get_future().wait();
    server.reset();
  });
  const auto agent = registrar->register_agent(registration, 20s);
  crash.join();
  ASSERT_EQ(agent.status(), kUnavailable);
  EXPECT_STREQ(agent.error().native_name, "CURLE_COULDNT_CONNECT");
  EXPECT_TRUE(registrar->may_have_registered());
  EXPECT_EQ(registrar->register_agent(registration, 20s).status(), kUnavailable);
  EXPECT_FALSE(registrar->may_have_registered()) << "nobody was there";
}

}  // namespace
}  // namespace holdfast::test
