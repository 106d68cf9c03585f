// SPDX-License-Identifier: Apache-2.0
// A host's loop: send; on 401 or 403 report it and send once more with a new header; else hand the answer on.
//
//   retry-on-401 IDENTITY_FILE ORIGIN CA_FILE [--log] < URLS
//
// sends one GET request for each line of standard input. Headers go to ORIGIN only. --log tells on standard error
// what happens to key and task.
#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <holdfast/session.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>

namespace {

std::size_t ignore_body(char*, std::size_t size, std::size_t count, void*) { return size * count; }

// The status of the answer; 0 if there was none, which is told.
long get(CURL* curl, const std::string& url, const holdfast::HeaderSet& headers) {
  curl_slist* lines = nullptr;
  for (const holdfast::HeaderField& field : headers) {
    lines = curl_slist_append(lines, (std::string(field.name) + ": " + std::string(field.value)).c_str());
  }
  long status = 0;
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
  const CURLcode code = curl_easy_perform(curl);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (code != CURLE_OK) {
    std::fprintf(stderr, "error: %s: %s\n", url.c_str(), curl_easy_strerror(code));
    status = 0;
  }
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, nullptr);
  curl_slist_free_all(lines);
  return status;
}

int tell(const holdfast::Error& error) {
  std::array<char, 512> message{};
  const std::string_view text = holdfast::write_message(error, message);
  std::fprintf(stderr, "error: %.*s\n", static_cast<int>(text.size()), text.data());
  return holdfast::status_exit_code(error.status);
}

// Called on the thread of the call in which it happens, with locks held: says it and does not wait.
class ErrorStreamLog final : public holdfast::EventLog {
 public:
  void record(const holdfast::Event& event) noexcept override {
    std::array<char, 512> message{};
    const std::string_view text = holdfast::write_message(event, message);
    std::fprintf(stderr, "log: %.*s\n", static_cast<int>(text.size()), text.data());
  }
};

// The loop itself.
holdfast::Result<long> send(holdfast::AgentSession& session, CURL* curl, const std::string& url) {
  char buffer[holdfast::kMaxAuthorizationSize];
  auto headers = session.headers_for(url, buffer);
  if (!headers) return headers.error();
  const long status = get(curl, url, *headers);
  if (status != 401 && status != 403) return status;

  // Threads that come here together share one new task. An error means: this answer is the one to hand on.
  const holdfast::TaskGeneration used = headers->generation();
  if (!session.rejected(used, static_cast<int>(status))) return status;
  headers = session.headers_for(url, buffer);
  if (!headers) return headers.error();
  return get(curl, url, *headers);
}

// A line for each answer. Returns the exit code: 0, or the highest of what failed.
int send_all(holdfast::AgentSession& session, CURL* curl, std::istream& urls) {
  int exit_code = 0;
  for (std::string url; std::getline(urls, url);) {
    const auto status = send(session, curl, url);
    if (!status || *status == 0) {
      exit_code = std::max(exit_code, status ? 1 : tell(status.error()));
      continue;
    }
    std::printf("%ld with task %llu\n", *status, static_cast<unsigned long long>(session.generation().value));
    std::fflush(stdout);
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  const bool is_logged = argc == 5 && std::string_view(argv[4]) == "--log";
  if (argc != 4 && !is_logged) {
    std::fprintf(stderr, "usage: retry-on-401 IDENTITY_FILE ORIGIN CA_FILE [--log] < URLS\n");
    return 2;
  }
  ErrorStreamLog log;
  holdfast::SessionOptions options{.identity_file = argv[1], .task = {.origins = {argv[2]}}};
  if (is_logged) options.log = &log;
  auto session = holdfast::AgentSession::open(options);
  if (!session) return tell(session.error());

  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), &curl_easy_cleanup);
  if (!curl) {
    std::fprintf(stderr, "error: libcurl cannot be used\n");
    return 1;
  }
  curl_easy_setopt(curl.get(), CURLOPT_CAINFO, argv[3]);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 30L);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, ignore_body);
  return send_all(*session, curl.get(), std::cin);
}
