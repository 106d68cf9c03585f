// SPDX-License-Identifier: Apache-2.0
// The first header of a process: everything is yet to do.
//   first_header_… ed25519|es256 MODULE TOKEN FILE
// Writes the header and how many nanoseconds it took since main() began, in one line, and is gone: how anything is
// closed is not measured.
#include "tests/bench/peers/first_header.hpp"

#include "tests/bench/ids.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

namespace holdfast::bench {
namespace {

using Steady = std::chrono::steady_clock;

int make_one(Steady::time_point start, const KeyPlace& place) {
  const Ids ids;
  const std::unique_ptr<HeaderMaker> maker = open_key(place);
  std::array<char, kMaxAuthorizationSize> header{};
  const std::size_t size = maker->header(ids.runtime, ids.task, header);
  std::string line(header.data(), size);
  line += '\t' + std::to_string(std::chrono::nanoseconds(Steady::now() - start).count()) + '\n';
  const bool is_written = write(STDOUT_FILENO, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  _exit(is_written ? 0 : 1);
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  using namespace holdfast;
  const auto start = bench::Steady::now();
  if (argc != 5) {
    std::fprintf(stderr, "usage: %s ed25519|es256 MODULE TOKEN FILE\n", argv[0]);
    return 2;
  }
  try {
    const Scheme scheme = std::string_view(argv[1]) == "es256" ? Scheme::es256 : Scheme::ed25519;
    return bench::make_one(start, {scheme, argv[2], argv[3], argv[4]});
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "%s: %s\n", argv[0], failed.what());
    return 1;
  }
}
