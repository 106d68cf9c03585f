// SPDX-License-Identifier: Apache-2.0
#include "hal/secret_bytes.hpp"

#include "tests/support/child_process.hpp"

#include <gtest/gtest.h>

#include <sys/mman.h>
#include <sys/resource.h>

#include <fstream>
#include <sstream>

namespace holdfast::hal {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMlockIsReplaced = true;
#elif defined(__has_feature)
constexpr bool kMlockIsReplaced = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kMlockIsReplaced = false;
#endif

SecretBytes secret_of(std::string_view text) {
  SecretBytes secret = std::move(SecretBytes::allocate(64)).value();
  std::memcpy(secret.storage({}).data(), text.data(), text.size());
  secret.set_size(text.size());
  return secret;
}

// The kernel's own word on the mapping that holds `address` (proc(5), smaps: VmFlags).
std::string flags_of_mapping(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  std::string line;
  bool is_ours = false;
  while (std::getline(maps, line)) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    if (sscanf(line.c_str(), "%zx-%zx ", &begin, &end) == 2) {
      const auto at = reinterpret_cast<std::uintptr_t>(address);
      is_ours = at >= begin && at < end;
    }
    if (is_ours && line.starts_with("VmFlags:")) return line;
  }
  return {};
}

TEST(SecretBytes, LivesInLockedUndumpablePages) {
  if (kMlockIsReplaced) GTEST_SKIP() << "AddressSanitizer replaces mlock; the release build runs this";
  const SecretBytes secret = secret_of("1234");
  const std::string flags = flags_of_mapping(secret.reveal({}).data());
  EXPECT_NE(flags.find(" lo"), std::string::npos) << flags;  // locked
  EXPECT_NE(flags.find(" dd"), std::string::npos) << flags;  // left out of core dumps
  EXPECT_NE(flags.find(" wf"), std::string::npos) << flags;  // wiped on fork
}

TEST(SecretBytes, IsEmptyInAForkedChild) {
  const SecretBytes secret = secret_of("1234");
  EXPECT_EQ(test::run_in_child([&] { return secret.reveal({})[0] == std::byte{0}; }), 0);
  EXPECT_EQ(secret.reveal({})[0], std::byte{'1'});
}

TEST(SecretBytes, MovesWithoutACopyAndWipes) {
  SecretBytes secret = secret_of("1234");
  const std::byte* address = secret.reveal({}).data();
  SecretBytes moved = std::move(secret);
  EXPECT_EQ(moved.reveal({}).data(), address);
  EXPECT_EQ(moved.size(), 4U);
  moved.wipe();
  EXPECT_TRUE(moved.empty());
  EXPECT_EQ(address[0], std::byte{0});
}

TEST(SecretBytes, FailsWhenMemoryCannotBeLocked) {
  if (kMlockIsReplaced) GTEST_SKIP() << "AddressSanitizer replaces mlock; the release build runs this";
  const int exit_code = test::run_in_child(
      [] {
        const rlimit none{.rlim_cur = 0, .rlim_max = 0};
        if (setrlimit(RLIMIT_MEMLOCK, &none) != 0) return false;
        const auto secret = SecretBytes::allocate(64);
        return secret.status() == Status::resource_exhausted && secret.error().hint != nullptr;
      },
      test::kNobody);
  EXPECT_EQ(exit_code, 0);
}

}  // namespace
}  // namespace holdfast::hal
