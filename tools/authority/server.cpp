// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/server.hpp"

#include <httplib.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>
#include <thread>

namespace holdfast::authority {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxBodySize = std::size_t{64} * 1024;
// How much of a body that is too long is still read, so that the client reads our answer instead of a reset.
constexpr std::size_t kMaxDrainedSize = std::size_t{1024} * 1024;
constexpr std::size_t kMaxPathSize = 1024;
// Each connection holds one of these until it is answered. The library (0.11 to 0.18) bounds every single read, not
// the headers as a whole, so whoever sends a byte now and then keeps his: there are more of them than a few slow
// clients take.
constexpr std::size_t kThreads = 64;
constexpr time_t kIoTimeoutSeconds = 5;
constexpr std::chrono::seconds kBodyTimeout{10};

// The request a worker thread is at: the library's log callback knows neither when it began nor why it failed.
struct CurrentRequest {
  std::optional<Clock::time_point> begin;
  std::string content_encoding;
  std::string reason;
  std::string detail;
  std::string runtime_id;
};
thread_local CurrentRequest current_request;

std::string path_of(const httplib::Request& request) { return request.target.substr(0, request.target.find('?')); }

// RFC 9110 §5.6.7: IMF-fixdate, in English whatever the locale.
std::string http_date(WallSeconds now) {
  constexpr std::array<const char*, 7> kDays{"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
  constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto timestamp = format_timestamp(now);
  if (!timestamp || now.value < 0) return {};
  const std::string_view text = timestamp->view();  // 2026-04-20T00:00:00Z
  const auto digit = [text](std::size_t at) { return static_cast<std::size_t>(text[at] - '0'); };
  const std::size_t month = digit(5) * 10 + digit(6);
  std::string date = kDays[static_cast<std::size_t>(now.value / 86'400 % 7)];  // 1970-01-01 was a Thursday
  date.append(", ").append(text.substr(8, 2)).append(" ").append(kMonths[month - 1]);
  date.append(" ").append(text.substr(0, 4)).append(" ").append(text.substr(11, 8)).append(" GMT");
  return date;
}

void write_answer(const Answer& answer, httplib::Response& response) {
  response.status = answer.status;
  for (const auto& [name, value] : answer.headers) response.set_header(name, value);
  response.set_content(answer.body.dump() + "\n", "application/json");
  current_request.reason = answer.reason;
  current_request.detail = answer.detail;
  current_request.runtime_id = answer.runtime_id;
}

// What the HTTP library itself refuses, in our words.
Answer refuse_http(int status) {
  switch (status) {
    case 400:
      return refuse(400, "request_malformed", "this is not an HTTP request the authority can read");
    case 404:
      return refuse(404, "path_unknown", "nothing is served at this path");
    case 408:
      return refuse(408, "body_late", "the body did not arrive in time");
    case 413:
      return refuse(413, "body_too_long", "a body may have 65536 bytes");
    case 414:
      return refuse(414, "path_too_long", "the path is too long");
    default:
      return refuse(status, "request_refused", "the request cannot be answered");
  }
}

bool has_body(const httplib::Request& request) {
  return request.has_header("Transfer-Encoding") ||
         (request.has_header("Content-Length") && request.get_header_value("Content-Length") != "0");
}

// 0 if there is none, or no number. The library's own reader of numbers has another name in each of its versions.
unsigned long long content_length(const httplib::Request& request) {
  return std::strtoull(request.get_header_value("Content-Length").c_str(), nullptr, 10);
}

// Reads the body; the status to refuse with, or 0.
int read_body(const httplib::Request& request, const httplib::ContentReader& read, std::string& body) {
  const Clock::time_point deadline = Clock::now() + kBodyTimeout;
  std::size_t total = 0;
  bool is_late = false;
  const auto take = [&](const char* data, std::size_t size) {
    total += size;
    if (total <= kMaxBodySize) body.append(data, size);
    is_late = Clock::now() > deadline;
    return !is_late && total <= kMaxDrainedSize;
  };
  const bool is_whole = request.is_multipart_form_data()
                            ? read([](const httplib::MultipartFormData&) { return true; }, take)
                            : read(take);
  if (total > kMaxBodySize) return 413;
  if (is_late) return 408;
  return is_whole ? 0 : 400;
}

// Not listened on: nobody who waits for the authority shall take it for ready.
int trial_bind(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return EADDRNOTAVAIL;
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  int code = fd < 0 ? errno : 0;
  if (fd >= 0) {
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, found->ai_addr, found->ai_addrlen) != 0) code = errno;
    close(fd);
  }
  freeaddrinfo(found);
  return code;
}

Error listen_error(const std::string& host, std::uint16_t port, int code) {
  Status status = Status::resource_exhausted;
  if (code == EACCES || code == EPERM) status = Status::permission_denied;
  if (code == EADDRINUSE) status = Status::already_exists;
  if (code == EADDRNOTAVAIL) status = Status::invalid_argument;
  Error error = failure(status, Layer::http, "listening");
  error.native = static_cast<std::uint64_t>(code);
  error.native_name = code != 0 ? strerrorname_np(code) : nullptr;
  error.detail.append(host + " port " + std::to_string(port));
  if (code == EADDRINUSE) {
    error.detail.append(" is in use by another program");
    error.hint = "choose another port with --listen, or port 0 for any free one";
  } else {
    error.detail.append(" cannot be listened on");
    error.hint = "name an address of this machine with --listen, and a port this user may use";
  }
  return error;
}

bool set_up_tls(SSL_CTX& context, const CertificateFiles& files) {
  // Without a callback OpenSSL would ask for a passphrase on the terminal.
  SSL_CTX_set_default_passwd_cb(&context, [](char*, int, int, void*) { return -1; });
  return SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_use_certificate_chain_file(&context, files.certificate.c_str()) == 1 &&
         SSL_CTX_use_PrivateKey_file(&context, files.private_key.c_str(), SSL_FILETYPE_PEM) == 1;
}

std::unique_ptr<httplib::Server> make_server(const Server::Settings& settings) {
  if (!settings.tls) return std::make_unique<httplib::Server>();
  return std::make_unique<httplib::SSLServer>(
      [&settings](SSL_CTX& context) { return set_up_tls(context, *settings.tls); });
}

}  // namespace

struct Server::State {
  State(std::unique_ptr<httplib::Server> server, Authority& its_authority, Log& its_log, hal::Clock& its_clock)
      : http(std::move(server)), authority(its_authority), log(its_log), clock(its_clock) {}

  void configure();
  void answer(const httplib::Request& request, httplib::Response& response, std::string body);
  void answer_with_body(const httplib::Request& request, httplib::Response& response,
                        const httplib::ContentReader& read);
  [[nodiscard]] bool answer_without_body(const httplib::Request& request, httplib::Response& response);
  void record(const httplib::Request& request, const httplib::Response& response);

  std::unique_ptr<httplib::Server> http;
  Authority& authority;
  Log& log;
  hal::Clock& clock;
  int port = 0;
  std::atomic<bool> is_done{false};
};

void Server::State::answer(const httplib::Request& request, httplib::Response& response, std::string body) {
  Request ours;
  ours.method = request.method;
  ours.path = path_of(request);
  const auto [first, last] = request.headers.equal_range("Authorization");
  for (auto header = first; header != last; ++header) ours.authorization.push_back(header->second);
  ours.content_type = request.get_header_value("Content-Type");
  ours.content_encoding = current_request.content_encoding;
  ours.body = std::move(body);
  write_answer(authority.answer(ours), response);
}

void Server::State::answer_with_body(const httplib::Request& request, httplib::Response& response,
                                     const httplib::ContentReader& read) {
  std::string body;
  const int refusal = read_body(request, read, body);
  if (refusal != 0 || response.status == 413) {
    write_answer(refuse_http(response.status == 413 ? 413 : refusal), response);
    return;
  }
  response.status = -1;
  answer(request, response, std::move(body));
}

// Before the library looks for a body: it would wait for one after a POST without Content-Length, where RFC 9112
// §6.3 says that there is none.
bool Server::State::answer_without_body(const httplib::Request& request, httplib::Response& response) {
  current_request = CurrentRequest{};
  current_request.begin = Clock::now();
  // A proxy passes on the headers of the request it guards. The library would cut our answer by its Range, and
  // unpack the body by its Content-Encoding, to any size.
  auto& own = const_cast<httplib::Request&>(request);
  own.ranges.clear();
  current_request.content_encoding = request.get_header_value("Content-Encoding");
  own.headers.erase("Content-Encoding");
  if (request.target.size() > kMaxPathSize) {
    write_answer(refuse_http(414), response);
    return true;
  }
  if (has_body(request) && content_length(request) > kMaxDrainedSize) {
    write_answer(refuse_http(413), response);
    return true;
  }
  const bool is_read_by_library =
      request.method == "POST" || request.method == "PUT" || request.method == "PATCH" || request.method == "DELETE";
  if (is_read_by_library && has_body(request)) return false;
  answer(request, response, {});
  return true;
}

void Server::State::record(const httplib::Request& request, const httplib::Response& response) {
  RequestRecord record;
  record.method = request.method;
  record.path = path_of(request);
  record.status = response.status;
  record.reason = current_request.reason;
  record.detail = current_request.detail;
  record.runtime_id = current_request.runtime_id;
  if (current_request.begin) {
    record.duration_us =
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - *current_request.begin).count();
  }
  current_request = CurrentRequest{};
  log.request(record);
}

void Server::State::configure() {
  http->new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  // The library's default adds SO_REUSEPORT, with which a second authority on the same port would start and take
  // half of the requests.
  http->set_socket_options([](socket_t fd) {
    const int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  // One request per connection: what is left of a body nobody read is never taken for the next request.
  http->set_keep_alive_max_count(1);
  http->set_keep_alive_timeout(kIoTimeoutSeconds);
  http->set_read_timeout(kIoTimeoutSeconds);
  http->set_write_timeout(kIoTimeoutSeconds);
  http->set_payload_max_length(kMaxBodySize);
  http->set_tcp_nodelay(true);
  http->set_default_headers({{"X-Holdfast-Authority", "development"}, {"Cache-Control", "no-store"}});

  http->set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    return answer_without_body(request, response) ? httplib::Server::HandlerResponse::Handled
                                                  : httplib::Server::HandlerResponse::Unhandled;
  });
  const auto with_body = [this](const httplib::Request& request, httplib::Response& response,
                                const httplib::ContentReader& read) { answer_with_body(request, response, read); };
  constexpr const char* kAnyPath = R"([\s\S]*)";
  http->Post(kAnyPath, with_body).Put(kAnyPath, with_body).Patch(kAnyPath, with_body).Delete(kAnyPath, with_body);
  http->set_exception_handler([](const httplib::Request&, httplib::Response& response, const std::exception_ptr&) {
    write_answer(refuse(500, "internal_error", "the authority failed"), response);
  });
  http->set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (response.body.empty()) write_answer(refuse_http(response.status), response);
  });
  http->set_post_routing_handler([this](const httplib::Request&, httplib::Response& response) {
    response.set_header("Date", http_date(clock.wall()));
  });
  http->set_logger(
      [this](const httplib::Request& request, const httplib::Response& response) { record(request, response); });
}

Server::Server(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Server::Server(Server&&) noexcept = default;
Server& Server::operator=(Server&&) noexcept = default;
Server::~Server() = default;

Result<void> Server::check_address(const std::string& host, std::uint16_t port) noexcept try {
  const int code = trial_bind(host, port);
  return code == 0 ? Result<void>() : listen_error(host, port, code);
} catch (const std::bad_alloc&) {
  return failure(Status::resource_exhausted, Layer::core, "listening");
}

Result<Server> Server::listen(const Settings& settings, Authority& authority, Log& log, hal::Clock& clock) noexcept
    try {
  auto state = std::make_unique<State>(make_server(settings), authority, log, clock);
  if (!state->http->is_valid()) {
    return failure(Status::file_invalid, Layer::http, "setting up TLS").about(settings.tls->certificate);
  }
  state->configure();
  const bool is_any = settings.port == 0;
  const int port = is_any ? state->http->bind_to_any_port(settings.host)
                   : state->http->bind_to_port(settings.host, settings.port) ? settings.port
                                                                             : -1;
  // The library only says that it failed, so the same bind is tried again for its reason.
  if (port <= 0) return listen_error(settings.host, settings.port, trial_bind(settings.host, settings.port));
  state->port = port;
  return Server(std::move(state));
} catch (const std::exception&) {
  return failure(Status::resource_exhausted, Layer::http, "setting up the server");
}

std::uint16_t Server::port() const noexcept { return static_cast<std::uint16_t>(state_->port); }

bool Server::serve() noexcept try {
  const bool is_stopped = state_->http->listen_after_bind();
  state_->is_done = true;
  return is_stopped;
} catch (const std::exception&) {
  state_->is_done = true;
  return false;
}

void Server::stop() noexcept {
  // The library forgets a stop that comes before it runs.
  while (!state_->http->is_running() && !state_->is_done) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  state_->http->stop();
}

}  // namespace holdfast::authority
