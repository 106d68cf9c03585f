// SPDX-License-Identifier: Apache-2.0
#include "tests/support/authority_process.hpp"

#include "src/json/json.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <thread>

namespace holdfast::test {
namespace {

constexpr std::chrono::seconds kStartTimeout{60};
constexpr std::chrono::seconds kLogTimeout{30};
constexpr std::chrono::milliseconds kPoll{5};

std::size_t count_of(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

bool is_free(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool is_bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return is_bound;
}

// For a program built with ThreadSanitizer; others ignore it.
void name_suppressions() {
  const char* given = getenv("TSAN_OPTIONS");
  std::string options = given != nullptr ? given : "";
  if (options.find("suppressions=") != std::string::npos) return;
  if (!options.empty()) options += ":";
  options += "suppressions=" HOLDFAST_AUTHORITY_SUPPRESSIONS;
  setenv("TSAN_OPTIONS", options.c_str(), 1);
}

// Only calls that are safe between fork and exec.
[[noreturn]] void become(const std::vector<char*>& words, const char* output, const char* log) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int in = open("/dev/null", O_RDONLY);
  const int out = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int err = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
  if (in < 0 || out < 0 || err < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) _exit(126);
  execv(words.front(), words.data());
  _exit(127);
}

}  // namespace

AuthorityProcess::AuthorityProcess(std::vector<std::string> arguments, std::string folder)
    : folder_(std::move(folder)) {
  static int runs = 0;
  if (folder_.empty()) folder_ = own_folder_.emplace().path();
  run_name_ = folder_ + "/run-" + std::to_string(++runs);
  start(arguments);
  wait_until_ready();
}

AuthorityProcess::~AuthorityProcess() { stop(); }

void AuthorityProcess::start(const std::vector<std::string>& arguments) {
  std::vector<std::string> words{HOLDFAST_AUTHORITY_PROGRAM};
  const auto add_unless_given = [&](const std::string& option, const std::string& value) {
    if (std::find(arguments.begin(), arguments.end(), option) != arguments.end()) return;
    words.push_back(option);
    words.push_back(value);
  };
  add_unless_given("--database", database());
  add_unless_given("--listen", "127.0.0.1:0");
  add_unless_given("--ready-file", ready_file());
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const std::string output = run_name_ + ".out";
  const std::string log = run_name_ + ".log";
  name_suppressions();
  unlink(ready_file().c_str());  // one that a killed run left would be taken for this run's
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) become(pointers, output.c_str(), log.c_str());
}

void AuthorityProcess::wait_until_ready() {
  const auto deadline = std::chrono::steady_clock::now() + kStartTimeout;
  while (access(ready_file().c_str(), R_OK) != 0) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      exit_code_ = code_of(status);
      return;
    }
    if (std::chrono::steady_clock::now() > deadline) return;
    std::this_thread::sleep_for(kPoll);
  }
  const auto about = Json::parse(read_file(ready_file()));
  if (!about) return;
  url_ = about->string_member("url").value_or("");
  verify_url_ = about->string_member("verify_url").value_or("");
  certificate_ = about->string_member("certificate").value_or("");
  token_file_ = about->string_member("token_file").value_or("");
  is_ready_ = true;
}

std::string AuthorityProcess::origin() const {
  return verify_url_.substr(0, verify_url_.size() - std::string_view("/verify").size());
}

std::string AuthorityProcess::bearer() const {
  std::string text = read_file(token_file_);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string AuthorityProcess::output() const { return read_file(run_name_ + ".out"); }
std::string AuthorityProcess::log() const { return read_file(run_name_ + ".log"); }

std::size_t AuthorityProcess::times_logged(std::string_view what, std::size_t least) const {
  const auto deadline = std::chrono::steady_clock::now() + kLogTimeout;
  std::size_t times = count_of(log(), what);
  while (times < least && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kPoll);
    times = count_of(log(), what);
  }
  return times;
}

int AuthorityProcess::stop(int signal) {
  if (!exit_code_) {
    int status = 0;
    kill(pid_, signal);
    while (waitpid(pid_, &status, 0) < 0) {
    }
    exit_code_ = code_of(status);
  }
  return *exit_code_;
}

std::string lasting_address() {
  // Below those that Linux deals out by itself (ip(7), ip_local_port_range: from 32768 on). Processes side by side
  // begin at different ones.
  constexpr int kFirst = 20'000;
  constexpr int kCount = 12'000;
  for (int i = 0; i < kCount; ++i) {
    const int port = kFirst + (getpid() + i) % kCount;
    if (is_free(static_cast<std::uint16_t>(port))) return "127.0.0.1:" + std::to_string(port);
  }
  throw std::runtime_error("no free port");
}

}  // namespace holdfast::test
