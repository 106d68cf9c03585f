// SPDX-License-Identifier: Apache-2.0
// A host that locks itself down and then goes on producing headers.
//
//   locked-down-host [--user NAME] [--writable PATH]… [--readable PATH]… [--unix-sockets]
//                    [--self-test | --provoke] IDENTITY_FILE ORIGIN
//
// reads a line at a time from standard input and answers each with a block that ends with an empty line (on an error,
// told on standard error, only that empty line):
//
//   https://…       the header set for a request to it, one header a line, for ORIGIN only
//   fresh https://… the same, signed anew
//   rejected 401    the last set was answered 401 or 403: a new task is registered; "task N"
//   descriptors     how many are open: "descriptors N"
//
// The order is the point: (1) the registrar's process is forked while there is no secret in memory, (2) the session
// opens the token, reads the PIN and registers its first task, (3) the sandbox closes, (4) lines are served.
//
// --self-test tries, once locked down, what must be refused, and ends; --provoke asks for another program, and dies.
#include "sandbox.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <holdfast/registrar.hpp>
#include <holdfast/session.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

struct Invocation {
  SandboxOptions sandbox;
  std::string user;
  bool is_self_test = false;
  bool is_provoked = false;
  std::string identity_file;
  std::string origin;
};

std::optional<Invocation> parse(int argc, char** argv) {
  Invocation invocation;
  std::vector<std::string> operands;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool has_value = i + 1 < argc;
    if (word == "--self-test") {
      invocation.is_self_test = true;
    } else if (word == "--provoke") {
      invocation.is_provoked = true;
    } else if (word == "--unix-sockets") {
      invocation.sandbox.unix_sockets = true;
    } else if (word == "--user" && has_value) {
      invocation.user = argv[++i];
    } else if (word == "--writable" && has_value) {
      invocation.sandbox.writable.emplace_back(argv[++i]);
    } else if (word == "--readable" && has_value) {
      invocation.sandbox.readable.emplace_back(argv[++i]);
    } else if (word.starts_with("--")) {
      return std::nullopt;
    } else {
      operands.emplace_back(word);
    }
  }
  if (operands.size() != 2) return std::nullopt;
  invocation.identity_file = operands[0];
  invocation.origin = operands[1];
  return invocation;
}

int tell(const holdfast::Error& error) {
  std::array<char, 1024> message{};
  const std::string_view text = holdfast::write_message(error, message);
  std::fprintf(stderr, "error: %.*s\n", static_cast<int>(text.size()), text.data());
  return holdfast::status_exit_code(error.status);
}

// Text for standard output in memory of its own: nothing here is allocated.
class Block {
 public:
  void add(std::string_view text) {
    const std::size_t fitting = std::min(text.size(), text_.size() - size_);
    std::memcpy(text_.data() + size_, text.data(), fitting);
    size_ += fitting;
  }
  void add(std::uint64_t number) {
    char digits[20];
    add(std::string_view(digits, std::to_chars(digits, digits + sizeof digits, number).ptr));
  }
  // False when nobody reads any more.
  bool write_out() {
    add("\n");
    std::string_view rest(text_.data(), size_);
    while (!rest.empty()) {
      const ssize_t written = write(STDOUT_FILENO, rest.data(), rest.size());
      if (written <= 0) return false;
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    size_ = 0;
    return true;
  }

 private:
  std::array<char, holdfast::kMaxAuthorizationSize + 2048> text_{};
  std::size_t size_ = 0;
};

// Lines of standard input, read without a heap; one that does not fit is cut, and then refused as no URL.
class Lines {
 public:
  std::optional<std::string_view> next() {
    if (taken_ > 0) {
      std::memmove(text_.data(), text_.data() + taken_, size_ - taken_);
      size_ -= std::exchange(taken_, 0);
    }
    while (true) {
      const std::string_view present(text_.data(), size_);
      const std::size_t end = present.find('\n');
      if (end != std::string_view::npos || size_ >= text_.size()) {
        taken_ = std::min(end, size_ - 1) + 1;
        return present.substr(0, taken_ - 1);
      }
      const ssize_t got = read(STDIN_FILENO, text_.data() + size_, text_.size() - size_);
      if (got <= 0) return std::nullopt;
      size_ += static_cast<std::size_t>(got);
    }
  }

 private:
  std::array<char, 4096> text_{};
  std::size_t size_ = 0;
  std::size_t taken_ = 0;
};

class Host {
 public:
  explicit Host(holdfast::AgentSession& session) : session_(session) {}

  void serve() {
    while (const auto line = lines_.next()) {
      answer(*line);
      if (!block_.write_out()) return;
    }
  }

 private:
  void answer(std::string_view line) {
    constexpr std::string_view kRejected = "rejected ";
    constexpr std::string_view kFresh = "fresh ";
    if (line == "descriptors") return count_descriptors();
    if (line.starts_with(kRejected)) return report(line.substr(kRejected.size()));
    if (line.starts_with(kFresh)) return make_headers(line.substr(kFresh.size()), holdfast::Freshness::fresh);
    make_headers(line, holdfast::Freshness::reuse);
  }

  void make_headers(std::string_view url, holdfast::Freshness freshness) {
    char buffer[holdfast::kMaxAuthorizationSize];
    const auto headers = session_.headers_for(url, buffer, freshness);
    if (!headers) {
      tell(headers.error());
      return;
    }
    used_ = headers->generation();
    for (const holdfast::HeaderField& field : *headers) {
      block_.add(field.name);
      block_.add(": ");
      block_.add(field.value);
      block_.add("\n");
    }
  }

  void report(std::string_view status_text) {
    int status = 0;
    std::from_chars(status_text.data(), status_text.data() + status_text.size(), status);
    if (const auto renewed = session_.rejected(used_, status); !renewed) {
      tell(renewed.error());
      return;
    }
    block_.add("task ");
    block_.add(session_.generation().value);
    block_.add("\n");
  }

  void count_descriptors() {
    std::uint64_t open_ones = 0;
    for (int descriptor = 0; descriptor < 1024; ++descriptor) open_ones += fcntl(descriptor, F_GETFD) >= 0 ? 1U : 0U;
    block_.add("descriptors ");
    block_.add(open_ones);
    block_.add("\n");
  }

  holdfast::AgentSession& session_;
  holdfast::TaskGeneration used_;
  Lines lines_;
  Block block_;
};

// A change of user forgets that the registrar is to die with its host.
bool drop_registrars_privileges(void* options) noexcept {
  return drop_privileges(*static_cast<const SandboxOptions*>(options)) &&
         prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0;
}

int run(Invocation& invocation) {
  if (!choose_account(invocation.user, invocation.sandbox)) return 2;
  const auto identity = holdfast::load_identity(invocation.identity_file);
  if (!identity) return tell(identity.error());
  invocation.sandbox.back_end = identity->key_uri.starts_with("tpm2:") ? BackEnd::tpm2 : BackEnd::pkcs11;

  auto registrar = holdfast::RegistrarProcess::start({.registrar = holdfast::registrar_options(*identity),
                                                      .requires_landlock = true,
                                                      .enter_sandbox = drop_registrars_privileges,
                                                      .sandbox_context = &invocation.sandbox});
  if (!registrar) return tell(registrar.error());

  signal(SIGPIPE, SIG_IGN);  // a reader that went away ends the loop, not the process
  auto session = holdfast::AgentSession::open({.identity_file = invocation.identity_file,
                                               .sigpipe_is_ignored = true,
                                               .task = {.origins = {invocation.origin}},
                                               .task_source = &*registrar});
  if (!session) return tell(session.error());
  // The first signature while all is within reach: a TPM judges a key's auth value no earlier, and what it refuses is
  // kept in a record on disk. Without an authority the task comes later.
  if (const auto registered = session->register_task(); !registered) tell(registered.error());

  if (!close_sandbox(invocation.sandbox)) return 1;
  if (invocation.is_self_test) return test_sandbox() ? 0 : 1;
  if (invocation.is_provoked) provoke_sandbox();
  std::fprintf(stderr, "locked down\n");
  Host(*session).serve();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  auto invocation = parse(argc, argv);
  if (!invocation) {
    std::fprintf(stderr,
                 "usage: locked-down-host [--user NAME] [--writable PATH]... [--readable PATH]... "
                 "[--unix-sockets] [--self-test | --provoke] IDENTITY_FILE ORIGIN\n");
    return 2;
  }
  return run(*invocation);
}
