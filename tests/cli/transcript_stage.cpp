// SPDX-License-Identifier: Apache-2.0
#include "tests/cli/transcript_stage.hpp"

#include "tests/cli/scripted_authority.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <stdexcept>
#include <thread>

namespace holdfast::test {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::minutes kLongestCommand{4};  // named where it is over
constexpr std::chrono::milliseconds kPoll{10};

std::string find_program(std::string_view name) {
  for (const std::string folder : {"/usr/bin/", "/bin/", "/usr/local/bin/"}) {
    const std::string path = folder + std::string(name);
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

std::string find_softhsm() {
  for (const char* path : {"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"}) {
    if (access(path, R_OK) == 0) return path;
  }
  return {};
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  if (from.empty()) return;
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// Sanitizers make system calls of their own.
constexpr bool is_sanitized() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#elif defined(__has_feature)
  return __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
  return false;
#endif
}

// Installed is not enough: a container may forbid it to trace.
bool can_trace() { return system("strace -o /dev/null true 2> /dev/null") == 0; }

int exit_code_of(int status) {
  constexpr int kSignalBase = 128;
  return WIFEXITED(status) ? WEXITSTATUS(status) : kSignalBase + WTERMSIG(status);
}

}  // namespace

std::string Stage::set_up(const std::vector<std::string>& needs) {
  umask(022);  // hosts that become nobody go through these folders
  mkdir(root_.file("home").c_str(), 0755);
  variables_["PWD"] = root_.file("home");
  // SoftHSM 2.6.1 leaks a string of libcrypto with each Ed25519 signature; the tool itself never calls libcrypto.
  const std::string leaks = root_.write("leaks", "leak:libcrypto.so\n");
  variables_["LSAN_OPTIONS"] = "print_suppressions=0:suppressions=" + leaks;
  variables_["PAST_CLOCK"] = HOLDFAST_PAST_CLOCK;
  variables_["UNSYNCED"] = HOLDFAST_UNSYNCED;
  variables_["TRACED_CALLS"] = HOLDFAST_TRACED_CALLS;
  variables_["EXPOSITION_FORMAT"] = HOLDFAST_EXPOSITION_FORMAT;
  variables_["VERIFY_WITH_OPENSSL"] = HOLDFAST_VERIFY_WITH_OPENSSL;
  for (const std::string& need : needs) {
    if (need == "softhsm") {
      variables_["MODULE"] = find_softhsm();
      if (variables_["MODULE"].empty()) return need;
      variables_["LYING"] = HOLDFAST_LYING;
      mkdir(root_.file("tokens").c_str(), 0700);
      variables_["SOFTHSM2_CONF"] = root_.write(
          "softhsm2.conf", "directories.tokendir = " + root_.file("tokens") +
                               "\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n");
    } else if (need == "swtpm") {
      if (!Swtpm::is_installed()) return need;
      tpm_.emplace(Swtpm::Make::certified);
      variables_["TPM"] = tpm_->tcti();
      variables_["KEY"] = "tpm2:file=" + root_.file("home") + "/agent.pem?tcti=" + tpm_->tcti();
      variables_["EK_CA"] = tpm_->ca_file();
    } else if (need == "authority") {
      if (!start_authority("", "task_id")) return need;
    } else if (need == "sealed-authority") {
      if (!start_authority("SEALED", "encrypted_task_id")) return need;
    } else if (need == "scripted-authority") {
      scripted_ = make_scripted_authority();
      variables_["SCRIPTED"] = scripted_->url();
    } else if (need == "unsanitized") {
      if (is_sanitized()) return need;
    } else if (find_program(need).empty() || (need == "strace" && !can_trace())) {
      return need;
    }
  }
  return {};
}

bool Stage::start_authority(const std::string& prefix, const std::string& answer) {
  const std::string folder = root_.file("authority" + prefix);
  mkdir(folder.c_str(), 0700);
  AuthorityProcess& authority = *authorities_.emplace_back(
      std::make_unique<AuthorityProcess>(std::vector<std::string>{"--answer", answer}, folder));
  if (!authority.is_ready()) return false;
  const std::string underscore = prefix.empty() ? "" : prefix + "_";
  variables_[prefix.empty() ? "AUTHORITY" : prefix] = authority.url();
  variables_[underscore + "VERIFY"] = authority.verify_url();
  variables_[underscore + "ORIGIN"] = authority.origin();
  variables_[underscore + "READY"] = authority.ready_file();
  variables_[underscore + "CA"] = authority.certificate();
  variables_[underscore + "BEARER"] = authority.token_file();
  return true;
}

std::vector<std::string> Stage::environment() const {
  const std::string home = root_.file("home");
  std::map<std::string, std::string> words;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view one(*entry);
    const std::size_t at = one.find('=');
    if (at != one.npos) words[std::string(one.substr(0, at))] = one.substr(at + 1);
  }
  words["PATH"] = std::string(HOLDFAST_BINARIES) + ":/usr/sbin:/usr/bin:/sbin:/bin";
  words["HOME"] = home;
  words["XDG_CONFIG_HOME"] = home + "/.config";
  words["LC_ALL"] = "C.UTF-8";
  words["TERM"] = "dumb";
  words.erase("HOLDFAST_REQUIRE");  // the tests' own
  words["no_proxy"] = "*";          // a machine's way to its packages; all that is spoken to here is on this machine
  for (const auto& [name, value] : variables_) words[name] = value;
  std::vector<std::string> entries;
  for (const auto& [name, value] : words) entries.push_back(name + "=" + value);
  return entries;
}

// Not forked: the scripted authority's threads are in this process, and a child that allocates may wait for ever for
// a lock that one of them had.
pid_t Stage::begin(const std::string& command, const std::string& output, const std::string& errors) const {
  std::vector<std::string> entries = environment();
  std::vector<char*> pointers;
  for (std::string& entry : entries) pointers.push_back(entry.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  constexpr int kAnew = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addchdir_np(&files, root_.file("home").c_str());
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, output.c_str(), kAnew, 0600);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, errors.c_str(), kAnew, 0600);
  posix_spawnattr_t session;  // without a controlling terminal: nothing can ask
  posix_spawnattr_init(&session);
  posix_spawnattr_setflags(&session, POSIX_SPAWN_SETSID);
  std::string words[] = {"sh", "-c", command};
  char* const arguments[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
  pid_t child = -1;
  const int failed = posix_spawn(&child, "/bin/sh", &files, &session, arguments, pointers.data());
  posix_spawnattr_destroy(&session);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) throw std::runtime_error("no process");
  return child;
}

Outcome Stage::run(const std::string& command) {
  const std::string output = root_.file("stdout");
  const std::string errors = root_.file("stderr");
  const pid_t child = begin(command, output, errors);
  int status = 0;
  const auto deadline = steady_clock::now() + kLongestCommand;
  bool is_too_long = false;
  while (waitpid(child, &status, WNOHANG) == 0) {
    is_too_long = steady_clock::now() > deadline;
    if (is_too_long) kill(-child, SIGKILL);
    std::this_thread::sleep_for(kPoll);
  }
  Outcome outcome{read_file(output), read_file(errors), exit_code_of(status)};
  if (is_too_long) outcome.errors += "(it was ended by the test, which waits 4 minutes)\n";
  for (const auto& [name, value] : variables_) {
    replace_all(outcome.output, value, "$" + name);
    replace_all(outcome.errors, value, "$" + name);
  }
  return outcome;
}

bool is_required(std::string_view name) {
  const char* list = getenv("HOLDFAST_REQUIRE");
  std::string_view rest = list == nullptr ? "" : list;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(','));
    if (one == name || one == "all") return true;
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
  }
  return false;
}

}  // namespace holdfast::test
