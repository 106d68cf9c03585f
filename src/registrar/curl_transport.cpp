// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/curl_transport.hpp"

#include "hal/pipe_shield.hpp"
#include "src/registrar/curl_error.hpp"
#include "src/registrar/trust_files.hpp"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace holdfast {
namespace {

constexpr const char* kPreparing = "preparing a request to the authority";
constexpr const char* kAsking = "asking the authority";

// What libcurl's callbacks write into during one request. They are called from C and must not throw.
struct Exchange {
  HttpResponse response;
  std::size_t header_bytes = 0;
  std::uint64_t received = 0;  // by the kernel, of the connection that was closed last
  bool must_be_loopback = false;
  bool has_left_loopback = false;
  bool headers_are_too_long = false;
  bool has_odd_status_line = false;
  bool is_out_of_memory = false;
};

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  return end == std::string_view::npos || end < begin ? std::string_view() : text.substr(begin, end - begin + 1);
}

bool has_name(std::string_view line, std::string_view lower_name) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return line.size() > lower_name.size() && line[lower_name.size()] == ':' &&
         std::ranges::equal(line.substr(0, lower_name.size()), lower_name, {}, lower);
}

// "HTTP/1.1 200 OK", "HTTP/2 200" (RFC 9112 §4). libcurl 8 reads 2000 as 200.
bool is_status_line(std::string_view line) {
  const std::string_view code = line.substr(std::min(line.find(' '), line.size() - 1) + 1);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return code.size() >= 3 && std::ranges::all_of(code.substr(0, 3), is_digit) &&
         (code.size() == 3 || !is_digit(code[3]));
}

void take_header(HttpResponse& response, std::string_view line) {
  // A status line begins another answer (100 Continue before the real one): nothing of the earlier one counts.
  if (line.starts_with("HTTP/")) {
    response = HttpResponse{};
  } else if (has_name(line, "retry-after")) {
    response.retry_after = trimmed(line.substr(12));
  } else if (has_name(line, "date")) {
    response.date = trimmed(line.substr(5));
  } else if (has_name(line, "location")) {
    response.location = trimmed(line.substr(9));
  }
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) noexcept {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::size_t bytes = size * count;
  exchange.header_bytes += bytes;
  if (exchange.header_bytes > kMaxAnswerSize) {
    exchange.headers_are_too_long = true;
    return 0;
  }
  const std::string_view line(data, bytes);
  if (line.starts_with("HTTP/") && !is_status_line(line)) {
    exchange.has_odd_status_line = true;
    return 0;
  }
  try {
    take_header(exchange.response, line);
  } catch (...) {
    exchange.is_out_of_memory = true;
    return 0;
  }
  return bytes;
}

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) noexcept {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::size_t bytes = size * count;
  std::string& body = exchange.response.body;
  const std::size_t taken = std::min(bytes, kMaxAnswerSize - body.size());
  try {
    body.append(data, taken);
  } catch (...) {
    exchange.is_out_of_memory = true;
    return 0;
  }
  if (taken == bytes) return bytes;
  exchange.response.is_cut = true;
  return 0;  // ends the transfer with CURLE_WRITE_ERROR
}

// The last word on where a plain-text request may go: it sees the address that is connected to, not a name.
curl_socket_t on_open_socket(void* user, curlsocktype, curl_sockaddr* address) noexcept {
  auto& exchange = *static_cast<Exchange*>(user);
  if (exchange.must_be_loopback && !is_loopback_address(address->addr, address->addrlen)) {
    exchange.has_left_loopback = true;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// libcurl hands out whole lines only, and answers a line that it finds too long as if memory had run out.
int on_close_socket(void* user, curl_socket_t socket) noexcept {
  auto& exchange = *static_cast<Exchange*>(user);
  tcp_info told{};
  socklen_t size = sizeof told;
  exchange.received = getsockopt(socket, IPPROTO_TCP, TCP_INFO, &told, &size) == 0 ? told.tcpi_bytes_received : 0;
  return close(socket);
}

// One easy handle and what is set on it. The first option that is refused is remembered, later ones are not tried.
class Handle {
 public:
  explicit Handle(const CurlLibrary& library) : library_(library), handle_(library.easy_init()) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (handle_ != nullptr) library_.easy_cleanup(handle_);
  }

  [[nodiscard]] bool exists() const { return handle_ != nullptr; }
  void set(CURLoption option, long value) { apply(option, value); }
  void set(CURLoption option, const char* text) { apply(option, text); }
  void set(CURLoption option, const std::string& text) { apply(option, text.c_str()); }
  void set(CURLoption option, void* pointer) { apply(option, pointer); }
  void set(CURLoption option, curl_slist* list) { apply(option, list); }
  void set_size(CURLoption option, std::size_t size) { apply(option, static_cast<curl_off_t>(size)); }
  void set(CURLoption option, curl_write_callback function) { apply(option, function); }
  void set(CURLoption option, curl_opensocket_callback function) { apply(option, function); }
  void set(CURLoption option, curl_closesocket_callback function) { apply(option, function); }

  [[nodiscard]] CURLcode refused() const { return refused_; }
  [[nodiscard]] CURLcode perform() { return library_.easy_perform(handle_); }
  [[nodiscard]] CURLcode read(CURLINFO what, long& out) { return library_.easy_getinfo(handle_, what, &out); }

 private:
  template <typename Value>
  void apply(CURLoption option, Value value) {
    if (refused_ == CURLE_OK) refused_ = library_.easy_setopt(handle_, option, value);
  }

  const CurlLibrary& library_;
  CURL* handle_;
  CURLcode refused_ = CURLE_OK;
};

// Header lines as libcurl's list, in memory of ours: it copies the lines once less, and there is nothing to fail.
class HeaderList {
 public:
  explicit HeaderList(std::vector<std::string> lines) : lines_(std::move(lines)), nodes_(lines_.size()) {
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      nodes_[i] = {lines_[i].data(), i + 1 < lines_.size() ? &nodes_[i + 1] : nullptr};
    }
  }
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() {
    for (std::string& line : lines_) explicit_bzero(line.data(), line.size());  // one may hold the access token
  }

  [[nodiscard]] curl_slist* first() { return nodes_.data(); }

 private:
  std::vector<std::string> lines_;
  std::vector<curl_slist> nodes_;
};

std::vector<std::string> header_lines(const HttpRequest& request, const std::string& originator) {
  std::vector<std::string> lines;
  lines.reserve(request.headers.size() + 4);
  lines.insert(lines.end(), {"Content-Type: application/json", "Accept: application/json", "Expect:"});
  if (!originator.empty()) lines.push_back("originator: " + originator);
  lines.insert(lines.end(), request.headers.begin(), request.headers.end());
  return lines;
}

void set_trust(Handle& handle, const TrustFiles& files) {
  handle.set(CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  handle.set(CURLOPT_SSL_VERIFYPEER, 1L);
  handle.set(CURLOPT_SSL_VERIFYHOST, 2L);
  // Who names a CA means that one only. libcurl adds its built-in folder to a named file, so that is taken away.
  if (!files.ca_file.empty() || !files.ca_directory.empty()) {
    handle.set(CURLOPT_CAINFO, files.ca_file.empty() ? nullptr : files.ca_file.c_str());
    handle.set(CURLOPT_CAPATH, files.ca_directory.empty() ? nullptr : files.ca_directory.c_str());
  }
  if (!files.client_certificate.empty()) handle.set(CURLOPT_SSLCERT, files.client_certificate);
  if (!files.client_key.empty()) handle.set(CURLOPT_SSLKEY, files.client_key);
}

void set_route(Handle& handle, const RegistrarOptions& options, bool is_plain_http) {
  handle.set(CURLOPT_PROTOCOLS_STR, is_plain_http ? "http" : "https");
  handle.set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  handle.set(CURLOPT_FOLLOWLOCATION, 0L);
  handle.set(CURLOPT_PATH_AS_IS, 1L);
  handle.set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  handle.set(CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
  handle.set(CURLOPT_HEADEROPT, long{CURLHEADER_SEPARATE});  // the bearer is not for a proxy
  handle.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  // An empty proxy also keeps libcurl from looking into the environment. A plain request is for this machine only.
  if (is_plain_http || (options.proxy.empty() && !options.use_environment_proxy)) {
    handle.set(CURLOPT_PROXY, "");
  } else if (!options.proxy.empty()) {
    handle.set(CURLOPT_PROXY, options.proxy);
    handle.set(CURLOPT_NOPROXY, "");
  }
}

void set_time(Handle& handle, std::chrono::milliseconds connect, std::chrono::milliseconds total) {
  handle.set(CURLOPT_NOSIGNAL, 1L);
  handle.set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::min(connect, total).count()));
  handle.set(CURLOPT_TIMEOUT_MS, static_cast<long>(total.count()));
}

std::string_view message_of(const std::array<char, CURL_ERROR_SIZE>& buffer) {
  return {buffer.data(), std::min(std::string_view(buffer.data(), buffer.size()).find('\0'), buffer.size())};
}

}  // namespace

bool is_loopback_address(const sockaddr& address, std::size_t size) noexcept {
  if (address.sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
    sockaddr_in whole{};
    std::memcpy(&whole, &address, sizeof whole);
    return (ntohl(whole.sin_addr.s_addr) >> 24U) == IN_LOOPBACKNET;
  }
  if (address.sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    sockaddr_in6 whole{};
    std::memcpy(&whole, &address, sizeof whole);
    return IN6_IS_ADDR_LOOPBACK(&whole.sin6_addr);
  }
  return false;
}

CurlTransport::CurlTransport(RegistrarOptions options, Library library, hal::Clock& clock)
    : options_(std::move(options)), library_(library), clock_(clock), user_agent_("holdfast/" HOLDFAST_VERSION) {}

Result<HttpResponse> CurlTransport::post(const HttpRequest& request, hal::BootTime deadline) {
  return exchange(Method::post, request, deadline);
}

Result<HttpResponse> CurlTransport::get(const std::string& url, hal::BootTime deadline) {
  HttpRequest request;
  request.url = url;
  return exchange(Method::get, request, deadline);
}

Result<HttpResponse> CurlTransport::exchange(Method method, const HttpRequest& request, hal::BootTime deadline) {
  const CurlLibrary* library = HOLDFAST_TRY(library_());
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds(deadline.ns - clock_.boot().ns));
  if (left.count() <= 0) return failure(Status::deadline_exceeded, Layer::http, kAsking);
  // Each time: the registrar of an agent host lives for weeks.
  const TrustFiles trust_files = HOLDFAST_TRY(check_trust_files(options_));

  Exchange exchange;
  exchange.must_be_loopback = request.url.starts_with("http:");
  std::array<char, CURL_ERROR_SIZE> message{};
  HeaderList headers(header_lines(request, options_.originator));
  Handle handle(*library);
  if (!handle.exists()) {
    return failure(Status::resource_exhausted, Layer::http, kPreparing).about("curl_easy_init failed");
  }
  handle.set(CURLOPT_ERRORBUFFER, static_cast<void*>(message.data()));
  handle.set(CURLOPT_URL, request.url);
  set_route(handle, options_, exchange.must_be_loopback);
  set_trust(handle, trust_files);
  set_time(handle, options_.connect_timeout, left);
  handle.set(CURLOPT_USERAGENT, user_agent_);
  handle.set(CURLOPT_HTTPHEADER, headers.first());
  if (method == Method::post) {
    handle.set(CURLOPT_POST, 1L);
    handle.set_size(CURLOPT_POSTFIELDSIZE_LARGE, request.body.size());
    handle.set(CURLOPT_POSTFIELDS, request.body);
  } else {
    handle.set(CURLOPT_HTTPGET, 1L);
  }
  handle.set(CURLOPT_HEADERFUNCTION, on_header);
  handle.set(CURLOPT_HEADERDATA, static_cast<void*>(&exchange));
  handle.set(CURLOPT_WRITEFUNCTION, on_body);
  handle.set(CURLOPT_WRITEDATA, static_cast<void*>(&exchange));
  handle.set(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
  handle.set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(&exchange));
  handle.set(CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
  handle.set(CURLOPT_CLOSESOCKETDATA, static_cast<void*>(&exchange));
  if (handle.refused() != CURLE_OK) return curl_error(handle.refused(), kPreparing, "libcurl refused an option");

  CURLcode outcome = CURLE_OK;
  {
    const hal::PipeShield shield;
    outcome = handle.perform();
  }
  if (exchange.is_out_of_memory) return failure(Status::resource_exhausted, Layer::http, kAsking).about("memory");
  if (exchange.has_left_loopback) {
    return failure(Status::invalid_argument, Layer::http, kAsking)
        .about("the host is not this machine, and http: is for loopback addresses only")
        .with_hint("use https:");
  }
  const bool has_endless_line = outcome == CURLE_OUT_OF_MEMORY && exchange.received > kMaxAnswerSize;
  if (exchange.headers_are_too_long || has_endless_line) {
    return failure(Status::authority_answer_invalid, Layer::http, kAsking).about("its headers exceed 64 KiB");
  }
  if (exchange.has_odd_status_line) {
    return failure(Status::authority_answer_invalid, Layer::http, kAsking)
        .about("its status line has no status of three digits");
  }
  if (outcome != CURLE_OK && !exchange.response.is_cut) {
    Error error = curl_error(outcome, kAsking, message_of(message));
    long verdict = 0;
    if (outcome == CURLE_PEER_FAILED_VERIFICATION && handle.read(CURLINFO_SSL_VERIFYRESULT, verdict) == CURLE_OK) {
      error.hint = certificate_hint(verdict, !options_.ca_file.empty() || !options_.ca_directory.empty());
    }
    if (exchange.must_be_loopback && error.hint == nullptr) error.hint = plain_http_hint(outcome);
    return error;
  }
  long status = 0;
  if (const CURLcode code = handle.read(CURLINFO_RESPONSE_CODE, status); code != CURLE_OK) {
    return curl_error(code, kAsking, "libcurl does not tell the status");
  }
  exchange.response.status = static_cast<int>(status);
  return std::move(exchange.response);
}

}  // namespace holdfast
