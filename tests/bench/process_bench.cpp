// SPDX-License-Identifier: Apache-2.0
// What a header costs a shell: `holdfast header` as a process of its own, beside the least that a process can do to
// sign once, and beside pkcs11-tool.
//   process_bench MODULE ROUNDS HOLDFAST MINIMAL_SIGN INSTRUCTIONS
// The last is tests/bench/instructions, which counts those of either process.
#include "holdfast/identity.hpp"

#include "tests/bench/bench.hpp"
#include "tests/bench/bench_token.hpp"
#include "tests/bench/required.hpp"
#include "tests/bench/rounds.hpp"
#include "tests/bench/table.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <vector>

namespace holdfast::bench {
namespace {

/// A command line whose output goes to a file, and what it says of errors beside it.
class Command {
 public:
  Command(std::vector<std::string> words, const std::string& output)
      : words_(std::move(words)), output_(output), errors_(output + ".errors") {}

  void run() {
    std::vector<char*> argv;
    for (std::string& word : words_) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, output_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t child = -1;
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, errors_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int spawned = posix_spawnp(&child, argv[0], &files, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    if (spawned != 0) throw std::runtime_error(words_[0] + " cannot be started");
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0) throw std::runtime_error(words_[0] + ": " + test::read_file(errors_));
  }

  /// The same under callgrind, which writes to `out`.
  [[nodiscard]] Command counted(const std::string& out) const {
    std::vector<std::string> words{"valgrind", "--tool=callgrind", "--callgrind-out-file=" + out};
    words.insert(words.end(), words_.begin(), words_.end());
    return {std::move(words), output_};
  }
  [[nodiscard]] std::string output() const { return test::read_file(output_); }

 private:
  std::vector<std::string> words_;
  std::string output_;
  std::string errors_;
};

void measure(const BenchToken& token, Scheme scheme, std::size_t rounds, const char* holdfast, const char* minimal,
             const char* instructions) {
  const test::TemporaryFolder& folder = token.folder();
  const std::string label(scheme_name(scheme));
  const bool is_ed25519 = scheme == Scheme::ed25519;
  const std::string identity_file = folder.file(label + ".json");
  require(store_identity({.runtime_id = require(RuntimeId::parse("agent-0123456789abcdef")),
                          .key_uri = token.uri(scheme, token.module_path()),
                          .public_key = token.public_key(scheme),
                          .authority_url = "https://authority.example"},
                         identity_file, false));
  const std::string input = folder.write(label + ".input", std::string(is_ed25519 ? 66 : 32, 'x'));

  Command ours({holdfast, "header", "--quiet", "--task", "task-0123456789abcdef", "--identity-file", identity_file,
                "--pin-source", token.pin_source()},
               folder.file(label + ".header"));
  Command idle({holdfast, "--version"}, folder.file(label + ".version"));
  Command least({minimal, token.module_path(), BenchToken::kPin, label, is_ed25519 ? "EDDSA" : "ECDSA"},
                folder.file(label + ".minimal"));
  Command tool({"pkcs11-tool", "--module", token.module_path(), "--token-label", "bench", "--login", "--pin",
                BenchToken::kPin, "--sign", "--mechanism", is_ed25519 ? "EDDSA" : "ECDSA", "--id", token.id(scheme),
                "--input-file", input, "--output-file", folder.file(label + ".tool")},
               folder.file(label + ".said"));
  const auto timed = [](Command& command) {
    return [&command](std::size_t n) {
      return time_once(n, [&command](std::size_t times) {
        for (std::size_t i = 0; i < times; ++i) command.run();
      });
    };
  };
  const Rounds all({{"holdfast", timed(ours)},
                    {"holdfast idle", timed(idle)},
                    {"minimal", timed(least)},
                    {"pkcs11-tool", timed(tool)}},
                   rounds);

  const std::string name = is_ed25519 ? "Ed25519" : "ES256";
  begin_table(name + " on SoftHSM, one header or signature a process, " + all.counted());
  print("a minimal C program: load, log in, find, sign", all.time("minimal"), "ns (this machine, this minute)");
  print("holdfast header --task / minimal", all.ratio("holdfast", "minimal"), "×");
  print("holdfast --version, which starts and ends / minimal", all.ratio("holdfast idle", "minimal"), "×");
  print("pkcs11-tool --sign / minimal", all.ratio("pkcs11-tool", "minimal"), "×");

  const std::string ours_counted = folder.file(label + ".ours.callgrind");
  const std::string least_counted = folder.file(label + ".least.callgrind");
  ours.counted(ours_counted).run();
  least.counted(least_counted).run();
  Command table({instructions, "process", name, ours_counted, least_counted}, folder.file(label + ".table"));
  table.run();
  std::fputs(table.output().c_str(), stdout);
}

}  // namespace

int run(int argc, char** argv) {
  if (argc != 6) {
    std::fputs("usage: process_bench MODULE ROUNDS HOLDFAST MINIMAL_SIGN INSTRUCTIONS\n", stderr);
    return 2;
  }
  const BenchToken token(argv[1]);
  const std::size_t rounds = std::max<std::size_t>(std::strtoul(argv[2], nullptr, 10), 10);
  for (const Scheme scheme : {Scheme::ed25519, Scheme::es256}) {
    measure(token, scheme, rounds, argv[3], argv[4], argv[5]);
  }
  return 0;
}

}  // namespace holdfast::bench
