// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/curl_transport.hpp"

#include "tests/support/temporary_folder.hpp"
#include "tests/unit/registrar/virtual_clock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <cstdarg>
#include <cstdint>
#include <cstring>
#include <map>

namespace holdfast {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

// A libcurl made of functions that note what is set and answer what a case wants. Its functions are C, so its state
// is the process's; each case runs in a process of its own.
struct FakeCurl {
  std::map<int, std::int64_t> numbers;
  std::map<int, std::string> texts;  // "(null)" for a null pointer
  std::vector<std::string> header_lines;
  curl_write_callback on_header = nullptr;
  void* header_data = nullptr;
  curl_write_callback on_body = nullptr;
  void* body_data = nullptr;
  curl_opensocket_callback on_open_socket = nullptr;
  void* open_socket_data = nullptr;
  curl_closesocket_callback on_close_socket = nullptr;
  void* close_socket_data = nullptr;

  int handles = 0;
  int setopt_calls = 0;
  int fail_setopt_at = 0;
  CURLcode setopt_code = CURLE_OUT_OF_MEMORY;
  bool init_fails = false;
  CURLcode getinfo_code = CURLE_OK;
  long status = 200;
  CURLcode (*perform)() = nullptr;
};
FakeCurl fake;

CURLcode fake_global_init(long) { return CURLE_OK; }
CURL* fake_init() {
  if (fake.init_fails) return nullptr;
  ++fake.handles;
  return &fake;
}
void fake_cleanup(CURL*) { --fake.handles; }

CURLcode fake_setopt(CURL*, CURLoption option, ...) {
  if (++fake.setopt_calls == fake.fail_setopt_at) return fake.setopt_code;
  va_list arguments;
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wvarargs"  // the enumeration is libcurl's signature, which this one must have
#endif
  va_start(arguments, option);
#if defined(__clang__)
#pragma clang diagnostic pop
#endif
  const int kind = static_cast<int>(option) / 10'000 * 10'000;
  if (kind == CURLOPTTYPE_LONG) {
    fake.numbers[option] = va_arg(arguments, long);
  } else if (kind == CURLOPTTYPE_OFF_T) {
    fake.numbers[option] = va_arg(arguments, curl_off_t);
  } else if (option == CURLOPT_HEADERFUNCTION) {
    fake.on_header = va_arg(arguments, curl_write_callback);
  } else if (option == CURLOPT_WRITEFUNCTION) {
    fake.on_body = va_arg(arguments, curl_write_callback);
  } else if (option == CURLOPT_OPENSOCKETFUNCTION) {
    fake.on_open_socket = va_arg(arguments, curl_opensocket_callback);
  } else if (option == CURLOPT_CLOSESOCKETFUNCTION) {
    fake.on_close_socket = va_arg(arguments, curl_closesocket_callback);
  } else if (option == CURLOPT_CLOSESOCKETDATA) {
    fake.close_socket_data = va_arg(arguments, void*);
  } else if (option == CURLOPT_HEADERDATA) {
    fake.header_data = va_arg(arguments, void*);
  } else if (option == CURLOPT_WRITEDATA) {
    fake.body_data = va_arg(arguments, void*);
  } else if (option == CURLOPT_OPENSOCKETDATA) {
    fake.open_socket_data = va_arg(arguments, void*);
  } else if (option == CURLOPT_HTTPHEADER) {
    for (const auto* node = va_arg(arguments, curl_slist*); node != nullptr; node = node->next) {
      fake.header_lines.emplace_back(node->data);
    }
  } else if (option != CURLOPT_ERRORBUFFER) {
    const char* text = va_arg(arguments, const char*);
    fake.texts[option] = text != nullptr ? text : "(null)";
  }
  va_end(arguments);
  return CURLE_OK;
}
CURLcode fake_perform(CURL*) { return fake.perform != nullptr ? fake.perform() : CURLE_OK; }
CURLcode fake_getinfo(CURL*, CURLINFO, ...) { return fake.getinfo_code; }

Result<const CurlLibrary*> fake_library() noexcept {
  static const CurlLibrary table{fake_global_init, fake_init, fake_setopt, fake_perform, fake_getinfo, fake_cleanup};
  return &table;
}

bool send_header(std::string line) {
  return fake.on_header(line.data(), 1, line.size(), fake.header_data) == line.size();
}
bool send_body(std::string text) { return fake.on_body(text.data(), 1, text.size(), fake.body_data) == text.size(); }

class CurlTransportTest : public testing::Test {
 protected:
  void SetUp() override { fake = FakeCurl{}; }

  Result<HttpResponse> post(const char* url = "https://authority.example/x", std::chrono::nanoseconds timeout = 30s) {
    CurlTransport transport(options_, fake_library, clock_);
    HttpRequest request;
    request.url = url;
    request.headers = {"Authorization: Bearer secret"};
    request.body = R"({"a":1})";
    auto result = transport.post(request, clock_.boot().after(timeout));
    EXPECT_EQ(fake.handles, 0) << "a handle was not given back";
    return result;
  }

  RegistrarOptions options_;
  test::VirtualClock clock_;
};

TEST_F(CurlTransportTest, SetsWhatKeepsTheRequestSafe) {
  options_.originator = "holdfast_test";
  ASSERT_TRUE(post());
  EXPECT_EQ(fake.texts[CURLOPT_PROTOCOLS_STR], "https");
  EXPECT_EQ(fake.numbers[CURLOPT_FOLLOWLOCATION], 0);
  EXPECT_EQ(fake.numbers[CURLOPT_SSL_VERIFYPEER], 1);
  EXPECT_EQ(fake.numbers[CURLOPT_SSL_VERIFYHOST], 2);
  EXPECT_EQ(fake.numbers[CURLOPT_SSLVERSION], CURL_SSLVERSION_TLSv1_2);
  EXPECT_EQ(fake.numbers[CURLOPT_NOSIGNAL], 1);
  EXPECT_EQ(fake.numbers[CURLOPT_NETRC], CURL_NETRC_IGNORED);
  EXPECT_EQ(fake.numbers[CURLOPT_HEADEROPT], CURLHEADER_SEPARATE);
  EXPECT_EQ(fake.numbers[CURLOPT_PATH_AS_IS], 1);
  EXPECT_EQ(fake.texts[CURLOPT_PROXY], "");
  EXPECT_EQ(fake.texts[CURLOPT_USERAGENT], "holdfast/" HOLDFAST_VERSION);
  EXPECT_EQ(fake.texts[CURLOPT_POSTFIELDS], R"({"a":1})");
  EXPECT_EQ(fake.numbers[CURLOPT_POSTFIELDSIZE_LARGE], 7);
  EXPECT_EQ(fake.numbers[CURLOPT_TIMEOUT_MS], 30'000);
  EXPECT_EQ(fake.numbers[CURLOPT_CONNECTTIMEOUT_MS], 10'000);
  EXPECT_THAT(fake.header_lines, ElementsAre("Content-Type: application/json", "Accept: application/json",
                                             "Expect:", "originator: holdfast_test", "Authorization: Bearer secret"));
  for (const CURLoption option : {CURLOPT_ACCEPT_ENCODING, CURLOPT_COOKIEFILE, CURLOPT_CAINFO, CURLOPT_SSLCERT}) {
    EXPECT_FALSE(fake.texts.contains(option)) << option;
  }
}

TEST_F(CurlTransportTest, ANamedCaReplacesTheSystems) {
  const test::TemporaryFolder folder;
  options_.ca_file = folder.write("ca.pem", "");
  ASSERT_TRUE(post());
  EXPECT_EQ(fake.texts[CURLOPT_CAINFO], options_.ca_file);
  EXPECT_EQ(fake.texts[CURLOPT_CAPATH], "(null)");
  options_.ca_file.clear();
  options_.ca_directory = folder.path();
  ASSERT_TRUE(post());
  EXPECT_EQ(fake.texts[CURLOPT_CAINFO], "(null)");
  EXPECT_EQ(fake.texts[CURLOPT_CAPATH], folder.path());
}

TEST_F(CurlTransportTest, AClientCertificateIsPassedOn) {
  const test::TemporaryFolder folder;
  options_.client_certificate = folder.write("client.pem", "");
  options_.client_key = folder.write("client.key", "");
  ASSERT_TRUE(post());
  EXPECT_EQ(fake.texts[CURLOPT_SSLCERT], options_.client_certificate);
  EXPECT_EQ(fake.texts[CURLOPT_SSLKEY], options_.client_key);
}

TEST_F(CurlTransportTest, AFileOthersMayWriteIsRefusedBeforeEachRequest) {
  const test::TemporaryFolder folder;
  options_.ca_file = folder.write("ca.pem", "");
  ASSERT_TRUE(post());
  ASSERT_EQ(chmod(options_.ca_file.c_str(), 0666), 0);
  fake.setopt_calls = 0;
  EXPECT_EQ(post().status(), Status::file_untrusted);
  EXPECT_EQ(fake.setopt_calls, 0);
  EXPECT_EQ(fake.handles, 0);
}

TEST_F(CurlTransportTest, AProxyIsUsedOnlyWhenAskedForAndNeverForHttp) {
  options_.use_environment_proxy = true;
  ASSERT_TRUE(post());
  EXPECT_FALSE(fake.texts.contains(CURLOPT_PROXY));
  options_.proxy = "http://proxy.example:3128";
  ASSERT_TRUE(post());
  EXPECT_EQ(fake.texts[CURLOPT_PROXY], "http://proxy.example:3128");
  EXPECT_EQ(fake.texts[CURLOPT_NOPROXY], "");
  ASSERT_TRUE(post("http://127.0.0.1/x"));
  EXPECT_EQ(fake.texts[CURLOPT_PROXY], "");
  EXPECT_EQ(fake.texts[CURLOPT_PROTOCOLS_STR], "http");
}

TEST_F(CurlTransportTest, TheConnectTimeoutFitsIntoTheWhole) {
  ASSERT_TRUE(post("https://authority.example", 3s));
  EXPECT_EQ(fake.numbers[CURLOPT_TIMEOUT_MS], 3'000);
  EXPECT_EQ(fake.numbers[CURLOPT_CONNECTTIMEOUT_MS], 3'000);
  EXPECT_EQ(post("https://authority.example", 0s).status(), Status::deadline_exceeded);
}

TEST_F(CurlTransportTest, EveryOptionThatIsRefusedIsAnError) {
  ASSERT_TRUE(post());
  const int calls = fake.setopt_calls;
  ASSERT_GT(calls, 20);
  fake.perform = [] {
    ADD_FAILURE() << "a request went out half prepared";
    return CURLE_OK;
  };
  for (int i = 1; i <= calls; ++i) {
    fake.setopt_calls = 0;
    fake.fail_setopt_at = i;
    EXPECT_EQ(post().status(), Status::resource_exhausted) << i;
    EXPECT_EQ(fake.setopt_calls, i) << "options were set after a refused one";
  }
  fake.setopt_calls = 0;
  fake.setopt_code = CURLE_UNKNOWN_OPTION;
  const auto response = post();
  EXPECT_EQ(response.status(), Status::file_invalid);
  EXPECT_STREQ(response.error().native_name, "CURLE_UNKNOWN_OPTION");
  EXPECT_THAT(std::string(hint_of(response.error())), HasSubstr("7.85"));
}

TEST_F(CurlTransportTest, EveryOtherFunctionThatFailsIsAnError) {
  fake.init_fails = true;
  EXPECT_EQ(post().status(), Status::resource_exhausted);
  fake.init_fails = false;
  fake.getinfo_code = CURLE_BAD_FUNCTION_ARGUMENT;
  EXPECT_EQ(post().status(), Status::authority_answer_invalid);
  fake.perform = [] { return CURLE_COULDNT_CONNECT; };
  const auto response = post();
  EXPECT_EQ(response.status(), Status::authority_unavailable);
  EXPECT_STREQ(response.error().native_name, "CURLE_COULDNT_CONNECT");
}

TEST_F(CurlTransportTest, AMissingLibraryIsAnError) {
  CurlTransport transport(
      {}, []() noexcept -> Result<const CurlLibrary*> { return failure(Status::file_invalid, Layer::http, ""); },
      clock_);
  EXPECT_EQ(transport.post({}, hal::kNoDeadline).status(), Status::file_invalid);
}

TEST_F(CurlTransportTest, HeadersOfTheLastAnswerAreRead) {
  fake.perform = [] {
    EXPECT_TRUE(send_header("HTTP/1.1 100 Continue\r\n"));
    EXPECT_TRUE(send_header("Retry-After: 9\r\n"));
    EXPECT_TRUE(send_header("HTTP/1.1 307 Temporary Redirect\r\n"));
    EXPECT_TRUE(send_header("dATE:\t Sun, 06 Nov 1994 08:49:37 GMT \r\n"));
    EXPECT_TRUE(send_header("Location:/elsewhere\r\n"));
    EXPECT_TRUE(send_header("Dated: no\r\n"));
    EXPECT_TRUE(send_header("\r\n"));
    return CURLE_OK;
  };
  const auto response = post();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->retry_after, "");
  EXPECT_EQ(response->date, "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(response->location, "/elsewhere");
}

TEST_F(CurlTransportTest, ABodyOf64KiBIsTakenAndNoByteMore) {
  fake.perform = [] {
    EXPECT_TRUE(send_body(std::string(60'000, 'a')));
    EXPECT_TRUE(send_body(std::string(65'536 - 60'000, 'b')));
    return CURLE_OK;
  };
  const auto full = post();
  ASSERT_TRUE(full);
  EXPECT_EQ(full->body.size(), 65'536U);
  EXPECT_FALSE(full->is_cut);
  fake.perform = [] {
    EXPECT_TRUE(send_body(std::string(65'536, 'a')));
    EXPECT_FALSE(send_body("b"));
    return CURLE_WRITE_ERROR;
  };
  const auto cut = post();
  ASSERT_TRUE(cut);
  EXPECT_TRUE(cut->is_cut);
  EXPECT_EQ(cut->body.size(), 65'536U);
}

TEST_F(CurlTransportTest, HeadersWithoutEndAreRefused) {
  fake.perform = [] {
    while (send_header("X: " + std::string(1000, 'a') + "\r\n")) {
    }
    return CURLE_WRITE_ERROR;
  };
  EXPECT_EQ(post().status(), Status::authority_answer_invalid);
}

// What libcurl does with a header line that is longer than it takes has its own test, against the real one.
TEST_F(CurlTransportTest, MemoryThatRanOutIsNotTheAuthoritysDoing) {
  fake.perform = [] {
    const int socket_of_nobody = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(fake.on_close_socket(fake.close_socket_data, socket_of_nobody), 0);
    EXPECT_EQ(fcntl(socket_of_nobody, F_GETFD), -1) << "it is closed";
    return CURLE_OUT_OF_MEMORY;
  };
  EXPECT_EQ(post().status(), Status::resource_exhausted);
}

TEST_F(CurlTransportTest, AStatusHasThreeDigits) {
  static const char* line;
  static bool is_taken;
  fake.perform = [] {
    is_taken = send_header(line);
    return is_taken ? CURLE_OK : CURLE_WRITE_ERROR;
  };
  for (const char* odd :
       {"HTTP/1.1 2000 OK\r\n", "HTTP/1.1 20\r\n", "HTTP/1.1 OK\r\n", "HTTP/1.1\r\n", "HTTP/1.1 "}) {
    line = odd;
    const auto refused = post();
    EXPECT_EQ(refused.status(), Status::authority_answer_invalid) << line;
    EXPECT_EQ(refused.error().detail.view(), "its status line has no status of three digits") << line;
    EXPECT_FALSE(is_taken) << line;
  }
  for (const char* good : {"HTTP/2 200 \r\n", "HTTP/1.1 200\r\n", "HTTP/1.0 500 Internal Server Error\r\n"}) {
    line = good;
    EXPECT_TRUE(post()) << line;
    EXPECT_TRUE(is_taken) << line;
  }
}

curl_sockaddr connected_to(const char* text) {
  curl_sockaddr address{};
  address.socktype = SOCK_STREAM;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  inet_pton(AF_INET, text, &v4.sin_addr);
  std::memcpy(&address.addr, &v4, sizeof v4);
  address.family = AF_INET;
  address.addrlen = sizeof v4;
  return address;
}

// Whatever `localhost` resolves to.
TEST_F(CurlTransportTest, PlainHttpNeverConnectsElsewhere) {
  fake.perform = [] {
    curl_sockaddr address = connected_to("192.0.2.1");
    EXPECT_EQ(fake.on_open_socket(fake.open_socket_data, CURLSOCKTYPE_IPCXN, &address), CURL_SOCKET_BAD);
    return CURLE_COULDNT_CONNECT;
  };
  const auto response = post("http://localhost:8080/x");
  EXPECT_EQ(response.status(), Status::invalid_argument);
  EXPECT_THAT(std::string(response.error().detail.view()), HasSubstr("loopback"));
}

TEST(LoopbackAddress, IsOf127OrOne) {
  const auto is_loopback_v4 = [](const char* text) {
    const curl_sockaddr address = connected_to(text);
    return is_loopback_address(address.addr, address.addrlen);
  };
  EXPECT_TRUE(is_loopback_v4("127.0.0.1"));
  EXPECT_TRUE(is_loopback_v4("127.255.255.255"));
  EXPECT_FALSE(is_loopback_v4("126.255.255.255"));
  EXPECT_FALSE(is_loopback_v4("128.0.0.0"));
  EXPECT_FALSE(is_loopback_v4("0.0.0.0"));
  const auto is_loopback_v6 = [](const char* text) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    inet_pton(AF_INET6, text, &address.sin6_addr);
    return is_loopback_address(reinterpret_cast<const sockaddr&>(address), sizeof address);
  };
  EXPECT_TRUE(is_loopback_v6("::1"));
  EXPECT_FALSE(is_loopback_v6("::"));
  EXPECT_FALSE(is_loopback_v6("::ffff:127.0.0.1"));
  EXPECT_FALSE(is_loopback_v6("fe80::1"));
  const curl_sockaddr cut = connected_to("127.0.0.1");
  EXPECT_FALSE(is_loopback_address(cut.addr, sizeof(sockaddr_in) - 1));
}

}  // namespace
}  // namespace holdfast
