// SPDX-License-Identifier: Apache-2.0
//
// What must be found: tests/secrets/run fails unless memcheck reports each of these, in this function.
#include "tests/secrets/watched_test.hpp"

#include <array>

namespace holdfast::test {
namespace {

volatile int g_kept;

__attribute__((noinline)) void branches_on_a_secret(std::span<const std::byte> secret) {
  if (secret[0] == std::byte{'8'}) g_kept = 1;
}

__attribute__((noinline)) void indexes_by_a_secret(std::span<const std::byte> secret) {
  static constexpr std::array<int, 256> kTable{1, 2, 3};
  g_kept = kTable[std::to_integer<std::size_t>(secret[0])];
}

// As a search that ends at the first difference would.
__attribute__((noinline)) void compares_early_out(std::span<const std::byte> secret) {
  for (std::size_t i = 0; i < secret.size(); ++i) {
    if (secret[i] != std::byte{'x'}) return;
  }
}

using Caught = Watched;

TEST_F(Caught, ABranchAnIndexAndAnEarlyOut) {
  const TemporaryFolder folder;
  const std::string path = folder.write("pin", "8-letters\n");
  watch_file(path, {{0, 9}});
  const hal::SecretBytes pin = must(hal::read_pin(must(hal::PinSource::parse("file:" + path)), "PIN"));
  branches_on_a_secret(pin.reveal({}));
  indexes_by_a_secret(pin.reveal({}));
  compares_early_out(pin.reveal({}));
}

}  // namespace
}  // namespace holdfast::test
