// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/bench.hpp"

#include <cstdio>
#include <exception>

int main(int argc, char** argv) {
  try {
    return holdfast::bench::run(argc, argv);
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "%s: %s\n", argv[0], failed.what());
    return 1;
  }
}
