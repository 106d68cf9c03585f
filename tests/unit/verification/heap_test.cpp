// SPDX-License-Identifier: Apache-2.0
// P4: what the signing path does with bytes takes nothing from the heap, in the debug and the release build.

#include "holdfast/verifier.hpp"

#include "src/assertion/envelope.hpp"
#include "src/assertion/message.hpp"
#include "src/verification/sha256.hpp"
#include "src/verification/signature.hpp"
#include "tests/vectors/hex.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HOLDFAST_SANITIZER_OWNS_MALLOC
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HOLDFAST_SANITIZER_OWNS_MALLOC
#endif
#endif

namespace {

std::atomic<bool> g_counting{false};
std::atomic<int> g_allocations{0};

void count_allocation() noexcept {
  if (g_counting.load(std::memory_order_relaxed)) g_allocations.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

// Every road to the heap, for this program and the libraries it has loaded.
extern "C" {
#ifdef HOLDFAST_SANITIZER_OWNS_MALLOC
// sanitizer/allocator_interface.h, which gcc 12 does not install.
int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void*, std::size_t),
                                              void (*free_hook)(const volatile void*));
#else
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

__attribute__((visibility("default"))) void* malloc(std::size_t size) {
  count_allocation();
  return __libc_malloc(size);
}
__attribute__((visibility("default"))) void* calloc(std::size_t count, std::size_t size) {
  count_allocation();
  return __libc_calloc(count, size);
}
__attribute__((visibility("default"))) void* realloc(void* memory, std::size_t size) {
  count_allocation();
  return __libc_realloc(memory, size);
}
__attribute__((visibility("default"))) void* memalign(std::size_t alignment, std::size_t size) {
  count_allocation();
  return __libc_memalign(alignment, size);
}
__attribute__((visibility("default"))) void* aligned_alloc(std::size_t alignment, std::size_t size) {
  count_allocation();
  return __libc_memalign(alignment, size);
}
__attribute__((visibility("default"))) int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  count_allocation();
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}
#endif
}

namespace holdfast {
namespace {

using test::from_hex;

template <typename Work>
int allocations_of(const Work& work) {
  g_allocations = 0;
  g_counting = true;
  work();
  g_counting = false;
  return g_allocations;
}

class Heap : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
#ifdef HOLDFAST_SANITIZER_OWNS_MALLOC
    __sanitizer_install_malloc_and_free_hooks([](const volatile void*, std::size_t) { count_allocation(); },
                                              [](const volatile void*){});
#endif
  }

  void SetUp() override {
    // Through a volatile pointer, lest the compiler drop the pair.
    const int seen = allocations_of([] {
      void* volatile memory = std::malloc(16);  // NOLINT
      std::free(memory);                        // NOLINT
    });
    ASSERT_EQ(seen, 1) << "the counter does not see allocations, so this test could not fail";
    ASSERT_EQ(allocations_of([] { delete new volatile int(1); }), 1);  // NOLINT
  }

  RuntimeId runtime_ = *RuntimeId::parse("agent-123");
  TaskId task_ = *TaskId::parse("task-123");
  TimestampText time_{"2026-04-20T00:00:00Z"};
};

TEST_F(Heap, IsNotTouchedByMessageAndEnvelope) {
  std::array<char, kMaxAuthorizationSize> out{};
  std::size_t written = 0;
  EXPECT_EQ(allocations_of([&] {
              const auto time = format_timestamp({1776643200});
              const auto message = build_assertion_message(runtime_, task_, *time);
              const auto registration = build_registration_message(runtime_, *time);
              written = message.view().size() + registration.view().size();
              const auto size = write_authorization(runtime_, task_, *time, Signature{}, out);
              written += size ? *size : 0;
              written += write_authorization(runtime_, task_, *time, Signature{}, std::span(out).first(9)) ? 1U : 0U;
              written += signature_text(Signature{}).size();
            }),
            0);
  EXPECT_EQ(written, 39U + 30 + 270 + 88);
}

TEST_F(Heap, IsNotTouchedByParsing) {
  std::array<char, kMaxAuthorizationSize> out{};
  const auto size = write_authorization(runtime_, task_, time_, Signature{}, out);
  ASSERT_TRUE(size);
  bool parsed = false;
  bool refused = false;
  EXPECT_EQ(allocations_of([&] {
              parsed = parse_authorization({out.data(), *size}).has_value();
              refused = !parse_authorization({out.data(), *size - 3}).has_value() &&
                        !RuntimeId::parse("a:b").has_value() && !parse_timestamp("2026").has_value();
            }),
            0);
  EXPECT_TRUE(parsed);
  EXPECT_TRUE(refused);
}

TEST_F(Heap, IsNotTouchedByEd25519Verification) {
  std::array<unsigned char, 32> public_bytes{};
  std::array<unsigned char, 64> secret{};
  const std::array<unsigned char, 32> seed{7};
  crypto_sign_seed_keypair(public_bytes.data(), secret.data(), seed.data());
  const auto message = build_assertion_message(runtime_, task_, time_);
  Signature signature{};
  crypto_sign_detached(reinterpret_cast<unsigned char*>(signature.data()), nullptr,
                       reinterpret_cast<const unsigned char*>(message.bytes().data()), message.bytes().size(),
                       secret.data());
  const auto key = PublicKey::from_bytes(Scheme::ed25519, std::as_bytes(std::span(public_bytes)));
  const auto verifier = SignatureVerifier::prepare(*key);
  ASSERT_TRUE(verifier);
  int verified = 0;
  EXPECT_EQ(allocations_of([&] {
              verified += verifier->verify_message(message.bytes(), signature) ? 1 : 0;
              signature[5] ^= std::byte{1};
              verified += verifier->verify_message(message.bytes(), signature) ? 1 : 0;
            }),
            0);
  EXPECT_EQ(verified, 1);
}

TEST_F(Heap, IsNotTouchedByP256Verification) {
  // RFC 6979 A.2.5.
  const auto key = PublicKey::from_bytes(
      Scheme::es256, from_hex("0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                              "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"));
  auto signature = from_hex(
      "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
      "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
  const auto verifier = SignatureVerifier::prepare(*key);
  ASSERT_TRUE(verifier);
  const std::string_view message = "sample";
  int verified = 0;
  EXPECT_EQ(allocations_of([&] {
              const auto bytes = std::as_bytes(std::span(message));
              verified += verifier->verify_message(bytes, signature) ? 1 : 0;
              verified += verifier->verify_digest(sha256(bytes), signature) ? 1 : 0;
              signature[5] ^= std::byte{1};
              verified += verifier->verify_message(bytes, signature) ? 1 : 0;
            }),
            0);
  EXPECT_EQ(verified, 2);
}

}  // namespace
}  // namespace holdfast
