// SPDX-License-Identifier: Apache-2.0
#include "tests/support/scripted_server.hpp"

#include <httplib.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace holdfast::test {
namespace {

constexpr const char* kJson = "application/json";

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

ReceivedRequest received(const httplib::Request& request) {
  ReceivedRequest result{request.path, request.body, {}};
  for (const auto& [name, value] : request.headers) result.headers.emplace(lower(name), value);
  return result;
}

void deliver(const ScriptedAnswer& answer, httplib::Response& response) {
  response.status = answer.status;
  for (const auto& [name, value] : answer.headers) response.set_header(name, value);
  const std::string body = answer.body;
  switch (answer.delivery) {
    case ScriptedAnswer::Delivery::chunked:
      response.set_chunked_content_provider(kJson, [body](std::size_t, httplib::DataSink& sink) {
        sink.write(body.data(), body.size());
        sink.done();
        return true;
      });
      return;
    case ScriptedAnswer::Delivery::truncated:
      response.set_content_provider(body.size() + 1, kJson,
                                    [body](std::size_t offset, std::size_t, httplib::DataSink& sink) {
                                      return offset == 0 && sink.write(body.data(), body.size());
                                    });
      return;
    case ScriptedAnswer::Delivery::whole:
    case ScriptedAnswer::Delivery::held:
      response.set_content(body, kJson);
      return;
  }
}

}  // namespace

struct ScriptedServer::State {
  explicit State(std::unique_ptr<httplib::Server> made, std::string made_scheme)
      : server(std::move(made)), scheme(std::move(made_scheme)) {
    const auto play = [this](const httplib::Request& request, httplib::Response& response) {
      const ScriptedAnswer next = take(request);
      if (next.delivery == ScriptedAnswer::Delivery::held) wait_for_stop();
      deliver(next, response);
    };
    server->Post(".*", play).Get(".*", play);
    port = server->bind_to_any_port("127.0.0.1");
    if (port <= 0) throw std::runtime_error("no free port");
    thread = std::thread([this] { server->listen_after_bind(); });
    // stop() does nothing before the server runs.
    while (!server->is_running()) std::this_thread::yield();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    {
      const std::lock_guard lock(mutex);
      is_stopping = true;
    }
    stopping.notify_all();
    server->stop();
    thread.join();
  }

  ScriptedAnswer take(const httplib::Request& request) {
    const std::lock_guard lock(mutex);
    requests.push_back(received(request));
    for (auto& [folder, answers] : plays) {
      if (!request.path.starts_with(folder + "/")) continue;
      ScriptedAnswer next = answers.front();
      if (answers.size() > 1) answers.pop_front();
      return next;
    }
    if (script.empty()) return {.status = 599, .body = "beyond the script"};
    ScriptedAnswer next = std::move(script.front());
    script.pop_front();
    return next;
  }

  void wait_for_stop() {
    std::unique_lock lock(mutex);
    stopping.wait(lock, [this] { return is_stopping; });
  }

  std::unique_ptr<httplib::Server> server;
  std::string scheme;
  int port = 0;
  std::thread thread;
  mutable std::mutex mutex;
  std::condition_variable stopping;
  bool is_stopping = false;
  std::deque<ScriptedAnswer> script;
  std::map<std::string, std::deque<ScriptedAnswer>> plays;
  std::vector<ReceivedRequest> requests;
};

std::string ReceivedRequest::header(const std::string& lower_name) const {
  const auto found = headers.find(lower_name);
  return found == headers.end() ? std::string() : found->second;
}

ScriptedServer::ScriptedServer() : state_(std::make_unique<State>(std::make_unique<httplib::Server>(), "http")) {}

ScriptedServer::ScriptedServer(const ServerCertificate& certificate)
    : state_(std::make_unique<State>(std::make_unique<httplib::SSLServer>(certificate.certificate_file().c_str(),
                                                                          certificate.key_file().c_str()),
                                     "https")) {}

ScriptedServer::ScriptedServer(const ServerCertificate& certificate, const ServerCertificate& clients)
    : state_(std::make_unique<State>(
          std::make_unique<httplib::SSLServer>(certificate.certificate_file().c_str(), certificate.key_file().c_str(),
                                               clients.certificate_file().c_str()),
          "https")) {}

ScriptedServer::~ScriptedServer() = default;

void ScriptedServer::answer(ScriptedAnswer answer) {
  const std::lock_guard lock(state_->mutex);
  state_->script.push_back(std::move(answer));
}

void ScriptedServer::play(const std::string& folder, std::vector<ScriptedAnswer> answers) {
  if (answers.empty()) throw std::invalid_argument("a play needs an answer");
  const std::lock_guard lock(state_->mutex);
  state_->plays[folder] = {answers.begin(), answers.end()};
}

std::string ScriptedServer::url(std::string_view host) const {
  return state_->scheme + "://" + std::string(host) + ":" + std::to_string(state_->port);
}

std::vector<ReceivedRequest> ScriptedServer::requests() const {
  const std::lock_guard lock(state_->mutex);
  return state_->requests;
}

}  // namespace holdfast::test
