// SPDX-License-Identifier: Apache-2.0
// Cold: how long after a process is started its first header is there, ours and others'. Each is a program that links
// what it needs and no more, and that loads the module, logs in, finds the key and signs; or reads the key from a
// file.
//   first_header_bench MODULE ROUNDS FOLDER_OF_PROGRAMS
#include "holdfast/verifier.hpp"

#include "tests/bench/bench.hpp"
#include "tests/bench/bench_token.hpp"
#include "tests/bench/fresh_key.hpp"
#include "tests/bench/required.hpp"
#include "tests/bench/rounds.hpp"
#include "tests/bench/table.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace holdfast::bench {
namespace {

using Steady = std::chrono::steady_clock;

constexpr const char* kPlainToken = "p256";
constexpr double kMillisecond = 1e6;

/// What a program wrote, and when it was there.
struct FirstHeader {
  std::string header;
  double since_start = 0;  // ns, from before the process was made
  double since_main = 0;
};

/// Reads a line and returns it without its end; short if there was none.
std::string read_line(int from) {
  std::string line;
  std::array<char, 2048> block;  // NOLINT: written before it is read
  for (;;) {
    const ssize_t size = read(from, block.data(), block.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return line;
    line.append(block.data(), static_cast<std::size_t>(size));
    if (line.back() == '\n') return line.substr(0, line.size() - 1);
  }
}

/// A program `first_header_…`, for one key.
class Program {
 public:
  Program(std::string name, const std::string& path, std::vector<std::string> words, PublicKey key)
      : name_(std::move(name)), words_(std::move(words)), key_(key) {
    words_.insert(words_.begin(), path);
  }

  FirstHeader run() {
    std::vector<char*> argv;
    for (std::string& word : words_) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
    pid_t child = -1;
    const auto start = Steady::now();
    const int spawned = posix_spawn(&child, argv[0], &files, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    close(ends[1]);  // the child has its own
    const std::string line = spawned == 0 ? read_line(ends[0]) : "";
    const auto end = Steady::now();
    close(ends[0]);
    int status = -1;
    while (spawned == 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    const std::size_t tab = line.find('\t');
    if (status != 0 || tab == std::string::npos) throw std::runtime_error(words_[0] + " made no header");
    return {line.substr(0, tab), std::chrono::duration<double, std::nano>(end - start).count(),
            std::strtod(line.c_str() + tab + 1, nullptr)};
  }

  /// Throws unless its header verifies.
  void check() {
    const auto assertion = require(parse_authorization(run().header));
    require(verify_assertion(assertion, key_, {.now = {time(nullptr)}, .seconds = 5}));
  }

  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::string name_;
  std::vector<std::string> words_;
  PublicKey key_;
};

// `cannot` names those that are left out from the beginning.
void compare(const std::string& scheme, std::vector<Program> programs, std::vector<std::string> cannot,
             std::size_t rounds) {
  std::vector<Program> able;
  for (Program& program : programs) {
    try {
      program.check();
      able.push_back(program);
    } catch (const std::exception& failed) {
      cannot.push_back(program.name() + ": " + failed.what());
    }
  }
  if (able.empty() || able.front().name() != programs.front().name()) throw std::runtime_error("ours made no header");
  std::vector<std::vector<double>> since_main(able.size());
  std::vector<Case> cases;
  for (std::size_t i = 0; i < able.size(); ++i) {
    cases.push_back({able[i].name(), [&own = since_main[i], &program = able[i]](std::size_t) {
                       const FirstHeader first = program.run();
                       own.push_back(first.since_main);
                       return first.since_start;
                     }});
  }
  const Rounds measured(std::move(cases), rounds);
  begin_table(scheme + " on SoftHSM, cold: the first header of a process, " + measured.counted());
  constexpr const char* kUnit = "ms (this machine, this minute)";
  const std::string& ours = able.front().name();
  for (std::size_t i = 0; i < able.size(); ++i) {
    print(able[i].name(), scaled(measured.time(able[i].name()), 1 / kMillisecond), kUnit);
    print(able[i].name() + ": of that since main() began", scaled(estimate(since_main[i]), 1 / kMillisecond), kUnit);
  }
  for (const Program& program : able) {
    if (program.name() != ours)
      print(program.name() + " / the first line", measured.ratio(program.name(), ours), "×");
  }
  for (const std::string& line : cannot) std::printf("\n%s.\n", line.c_str());
}

}  // namespace

int run(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: first_header_bench MODULE ROUNDS FOLDER_OF_PROGRAMS\n", stderr);
    return 2;
  }
  BenchToken token(argv[1]);
  const PublicKey plain = token.add_token(kPlainToken, Scheme::es256);
  const std::size_t rounds = std::max<std::size_t>(std::strtoul(argv[2], nullptr, 10) / 2, 10);
  const std::string programs = std::string(argv[3]) + "/first_header_";
  const std::string pin_file = token.folder().file("pin");
  for (const Scheme scheme : {Scheme::ed25519, Scheme::es256}) {
    const FreshKey key(scheme);
    const std::string pem_file = token.folder().write("key.pem", key.pem());
    const auto seed = key.value();
    const std::string seed_file =
        token.folder().write("seed", {reinterpret_cast<const char*>(seed.data()), seed.size()});
    const auto words = [&](const char* token_label, const std::string& file) {
      return std::vector<std::string>{std::string(scheme_name(scheme)), token.module_path(), token_label, file};
    };
    const PublicKey& on_token = token.public_key(scheme);
    std::vector<Program> all;
    std::vector<std::string> cannot;
    all.emplace_back("holdfast, its signature verified", programs + "holdfast", words(BenchToken::kLabel, pin_file),
                     on_token);
    all.emplace_back("GnuTLS, the same key", programs + "gnutls", words(BenchToken::kLabel, ""), on_token);
    if (scheme == Scheme::ed25519) {
      all.emplace_back("libsodium, a key in a file", programs + "sodium", words("", seed_file), key.public_key());
      cannot.emplace_back("OpenSSL's pkcs11 engine (libp11 0.4.12) has no Ed25519");
    } else {
      all.emplace_back("OpenSSL with the pkcs11 engine, a token without Ed25519", programs + "engine",
                       words(kPlainToken, ""), plain);
    }
    all.emplace_back("libcrypto, a key in a file", programs + "libcrypto", words("", pem_file), key.public_key());
    compare(scheme == Scheme::ed25519 ? "Ed25519" : "ES256", std::move(all), std::move(cannot), rounds);
  }
  return 0;
}

}  // namespace holdfast::bench
