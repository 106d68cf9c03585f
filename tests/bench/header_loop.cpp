// SPDX-License-Identifier: Apache-2.0
// Headers one after another and nothing measured: what tests/bench/instructions runs under callgrind.
//   header_loop MODULE ed25519|es256 COUNT fresh|reuse
#include "holdfast/signer.hpp"

#include "tests/bench/bench.hpp"
#include "tests/bench/bench_token.hpp"
#include "tests/bench/required.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace holdfast::bench {

int run(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: header_loop MODULE ed25519|es256 COUNT fresh|reuse\n", stderr);
    return 2;
  }
  const Scheme scheme = std::string_view(argv[2]) == "es256" ? Scheme::es256 : Scheme::ed25519;
  const Freshness freshness = std::string_view(argv[4]) == "reuse" ? Freshness::reuse : Freshness::fresh;
  const BenchToken token(argv[1]);
  SignerOptions options;
  const std::string uri = token.uri(scheme, token.module_path());
  options.runtime_id = "agent-0123456789abcdef";
  options.key_uri = uri;
  options.pin_source = token.pin_source();
  options.max_age = std::chrono::seconds(120);
  Signer signer = require(Signer::open(options));
  const TaskId task = require(TaskId::parse("task-0123456789abcdef"));
  std::array<char, kMaxAuthorizationSize> out{};
  for (unsigned long i = std::strtoul(argv[3], nullptr, 10); i > 0; --i) {
    (void)require(signer.authorization(task, std::chrono::seconds(10), out, freshness));
  }
  return 0;
}

}  // namespace holdfast::bench
