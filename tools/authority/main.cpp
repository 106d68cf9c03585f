// SPDX-License-Identifier: Apache-2.0
#include "hal/clock.hpp"
#include "hal/trusted_file.hpp"
#include "tools/authority/authority.hpp"
#include "tools/authority/certificate.hpp"
#include "tools/authority/log.hpp"
#include "tools/authority/options.hpp"
#include "tools/authority/server.hpp"
#include "tools/authority/state_file.hpp"
#include "tools/authority/store.hpp"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <memory>
#include <thread>

namespace {

using holdfast::Error;
using holdfast::Json;
using holdfast::Layer;
using holdfast::Result;
using holdfast::Status;
using namespace holdfast::authority;  // NOLINT(google-build-using-namespace): this is its main

constexpr int kWrongUse = 2;

void say(std::string_view kind, std::string_view text) {
  fprintf(stderr, "holdfast-authority: %.*s: %.*s\n", static_cast<int>(kind.size()), kind.data(),
          static_cast<int>(text.size()), text.data());
}

int tell(const Error& error) {
  std::array<char, 512> buffer{};
  say("error", write_message(error, buffer));
  say("hint", hint_of(error));
  return status_exit_code(error.status);
}

std::string absolute(const std::string& path) {
  const std::unique_ptr<char, decltype(&free)> resolved(realpath(path.c_str(), nullptr), &free);
  return resolved ? std::string(resolved.get()) : path;
}

// What a client needs to reach a running authority.
struct Address {
  std::string url;
  std::string verify_url;
};

Address address_of(const Options& options, std::uint16_t port) {
  std::string host = options.listen.host;
  if (host == "0.0.0.0" || host == "::") host = "localhost";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  const std::string origin = (options.is_plain_http ? "http://" : "https://") + host + ":" + std::to_string(port);
  return {origin + options.base_path, origin + "/verify"};
}

// The files the authority serves with; makes its own where none are given.
Result<std::optional<CertificateFiles>> find_certificate(const Options& options, holdfast::hal::Clock& clock,
                                                         Log& log) {
  if (options.is_plain_http) return std::optional<CertificateFiles>();
  CertificateFiles files{options.certificate, options.private_key};
  if (!files.certificate.empty()) {
    HOLDFAST_TRY(check_certificate(files));
  } else {
    files = {options.database + ".certificate.pem", options.database + ".key.pem"};
    if (HOLDFAST_TRY(provide_certificate(files, options.listen.host, clock.wall()))) {
      log.event("certificate_made", Json::object().set("certificate", files.certificate));
    }
  }
  if (!options.certificate_out.empty()) {
    const std::string text = HOLDFAST_TRY(read_certificate(files.certificate));
    HOLDFAST_TRY(write_state_file(options.certificate_out, text, kReadableByAll));
  }
  return std::optional<CertificateFiles>(std::move(files));
}

// Appears when the authority listens and is gone when it stopped.
class ReadyFile {
 public:
  explicit ReadyFile(std::string path) : path_(std::move(path)) { remove(); }
  ReadyFile(const ReadyFile&) = delete;
  ReadyFile& operator=(const ReadyFile&) = delete;
  ~ReadyFile() { remove(); }

  [[nodiscard]] Result<void> write(const Json& content) {
    return path_.empty() ? Result<void>() : write_state_file(path_, content.dump(2) + "\n", kReadableByAll);
  }

 private:
  void remove() noexcept {
    if (!path_.empty()) unlink(path_.c_str());
  }
  std::string path_;
};

sigset_t awaited_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  return signals;
}

// A host's rehearsal for the day when its task is rejected.
void forget_tasks(Store& store, Log& log) {
  const Result<std::int64_t> count = store.forget_tasks();
  if (count) {
    log.event("tasks_forgotten", Json::object().set("count", *count));
  } else {
    (void)tell(count.error());
  }
}

// Serves until a signal says stop, forgetting tasks at each SIGHUP; false if serving ended by itself.
bool serve_until_stopped(Server& server, Store& store, Log& log, const sigset_t& signals) {
  bool is_served = false;
  const pid_t self = getpid();
  std::thread worker([&server, &is_served, self] {
    is_served = server.serve();
    if (!is_served) kill(self, SIGTERM);
  });
  int signal = 0;
  while (sigwait(&signals, &signal) != 0 || signal == SIGHUP) {
    if (signal == SIGHUP) forget_tasks(store, log);
  }
  server.stop();
  worker.join();
  return is_served;
}

Result<void> run(const Options& options) {
  // Blocked before any thread is made, so that only sigwait takes them.
  const sigset_t signals = awaited_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  holdfast::hal::Clock& clock = holdfast::hal::system_clock();
  Log log(STDERR_FILENO, options.is_quiet, clock);

  HOLDFAST_TRY(holdfast::hal::check_replaceable(options.ready_file.c_str(), "announcing that it is ready"));
  // Before a database, a bearer and a certificate are made for an authority that cannot serve.
  HOLDFAST_TRY(Server::check_address(options.listen.host, options.listen.port));
  Store store = HOLDFAST_TRY(Store::open(options.database));
  // Not before the database is ours: the file may be that of another authority, which runs.
  ReadyFile ready_file(options.ready_file);
  HOLDFAST_TRY(write_state_file(options.token_file, store.bearer() + "\n", kOwnerOnly));
  const auto tls = HOLDFAST_TRY(find_certificate(options, clock, log));
  JwtIssuer issuer(options.database);
  Authority authority(options.base_path, Rules{options.answer, options.window_seconds}, store, clock, &issuer);
  Server server =
      HOLDFAST_TRY(Server::listen({options.listen.host, options.listen.port, tls}, authority, log, clock));

  const Address address = address_of(options, server.port());
  Json about = Json::object();
  about.set("url", address.url)
      .set("verify_url", address.verify_url)
      .set("certificate", tls ? Json::string(absolute(tls->certificate)) : Json())
      .set("token_file", absolute(options.token_file))
      .set("database", absolute(options.database))
      .set("answer", answer_member(options.answer))
      .set("pid", std::int64_t{getpid()});
  HOLDFAST_TRY(ready_file.write(about));
  log.event("listening", about);
  if (!options.is_quiet) {
    printf("holdfast-authority: for development only: %s (bearer in %s)\n", address.url.c_str(),
           options.token_file.c_str());
    fflush(stdout);
  }
  if (!serve_until_stopped(server, store, log, signals)) {
    return failure(Status::resource_exhausted, Layer::http, "accepting connections");
  }
  log.event("stopped", Json::object());
  return {};
}

int serve(const holdfast::command_line::Arguments& arguments) {
  const auto options = read_options(arguments);
  if (const auto* wrong = std::get_if<WrongUse>(&options)) {
    say("error", wrong->error);
    say("hint", wrong->hint);
    return kWrongUse;
  }
  const Result<void> end = run(std::get<Options>(options));
  return end ? 0 : tell(end.error());
}

}  // namespace

int main(int argc, char** argv) try {
  return holdfast::command_line::run(program_table(serve), argc, argv);
} catch (const std::exception&) {
  return tell(failure(Status::resource_exhausted, Layer::core, "running"));
}
