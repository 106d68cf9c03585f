// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/table.hpp"

#include <cstdio>

namespace holdfast::bench {

void print_head() { std::puts("| what | median | 95 % interval | unit |\n| --- | --- | --- | --- |"); }

void print(const char* what, const Estimate& estimate, const char* unit) {
  std::printf("| %-66s | %9.3f | %9.3f – %9.3f | %s |\n", what, estimate.median, estimate.low, estimate.high, unit);
}

}  // namespace holdfast::bench
