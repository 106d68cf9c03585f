// SPDX-License-Identifier: Apache-2.0
#include "hal/fake/clock.hpp"
#include "hal/fake/device.hpp"
#include "src/signer/signer_core.hpp"
#include "tests/support/recorded_log.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HOLDFAST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HOLDFAST_SANITIZED 1
#endif
#endif

namespace {

std::atomic<std::uint64_t> heap_calls{0};

}  // namespace

#ifndef HOLDFAST_SANITIZED
// Names this program's allocator functions before the C library's: whatever allocates, in whichever library, is
// counted.
extern "C" {
void* __libc_malloc(std::size_t size);                       // NOLINT
void* __libc_calloc(std::size_t count, std::size_t size);    // NOLINT
void* __libc_realloc(void* memory, std::size_t size);        // NOLINT
void* __libc_memalign(std::size_t align, std::size_t size);  // NOLINT

__attribute__((visibility("default"))) void* malloc(std::size_t size) {
  heap_calls.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
__attribute__((visibility("default"))) void* calloc(std::size_t count, std::size_t size) {
  heap_calls.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(count, size);
}
__attribute__((visibility("default"))) void* realloc(void* memory, std::size_t size) {
  heap_calls.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(memory, size);
}
__attribute__((visibility("default"))) void* aligned_alloc(std::size_t align, std::size_t size) {
  heap_calls.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(align, size);
}
}
#endif

namespace holdfast {
namespace {

using namespace std::chrono_literals;

class SignerHeap : public testing::TestWithParam<Scheme> {
 protected:
  void SetUp() override {
#ifdef HOLDFAST_SANITIZED
    GTEST_SKIP() << "sanitizer: it has its own allocator";
#endif
  }
};

TEST_P(SignerHeap, TheCounterCounts) {
  const std::uint64_t before = heap_calls.load();
  void* volatile memory = std::malloc(16);
  std::free(memory);
  EXPECT_EQ(heap_calls.load(), before + 1);
}

TEST_P(SignerHeap, NothingIsAllocatedAfterOpen) {
  hal::fake::FakeClock clock;
  hal::fake::FakeToken token(clock);
  hal::fake::Secret secret;
  secret.fill(std::byte{7});
  ASSERT_TRUE(token.put_key("agent", GetParam(), secret));
  const auto device = hal::fake::FakeDevice::open(token, {.label = "agent"}).value();
  test::CountingLog log;
  const SignerCore::Settings settings{
      .runtime_id = RuntimeId::parse("agent-123").value(), .max_tasks = 4, .log = &log};
  SignerCore core(*device, clock, SignerCore::prepare(*device, clock, settings).value());
  std::array<char, kMaxAuthorizationSize> out{};
  const std::array<TaskId, 6> tasks{TaskId::parse("a").value(), TaskId::parse("b").value(),
                                    TaskId::parse("c").value(), TaskId::parse("d").value(),
                                    TaskId::parse("e").value(), TaskId::parse("f").value()};

  bool is_ok = true;
  const std::uint64_t before = heap_calls.load();
  for (int round = 0; round < 100; ++round) {
    for (const TaskId& task : tasks) {
      is_ok = core.authorization(task, 1s, out, Freshness::reuse).has_value() && is_ok;
      is_ok = core.authorization(task, 1s, out, Freshness::reuse).has_value() && is_ok;
      is_ok = core.authorization(task, 1s, out, Freshness::fresh).has_value() && is_ok;
    }
    is_ok = core.sign_task_registration(1s).has_value() && is_ok;
    clock.advance(1s);
    core.forget_headers();
    token.bring_back(hal::fake::TokenReturn::needs_find);
  }
  // Failures and what of a recovery is ours allocate nothing either.
  token.take_away();
  clock.jump_when_blocked(1);
  is_ok = core.authorization(tasks[0], 1s, out, Freshness::fresh).status() == Status::device_gone && is_ok;
  token.bring_back(hal::fake::TokenReturn::needs_reset);
  is_ok = core.authorization(tasks[0], 10s, out, Freshness::fresh).has_value() && is_ok;
  const std::uint64_t after = heap_calls.load();
  EXPECT_TRUE(is_ok);
  EXPECT_EQ(after, before);
  EXPECT_GE(log.events, 200) << "a log costs nothing either";
}

INSTANTIATE_TEST_SUITE_P(Schemes, SignerHeap, testing::Values(Scheme::ed25519, Scheme::es256),
                         [](const auto& scheme) { return std::string(scheme_name(scheme.param)); });

}  // namespace
}  // namespace holdfast
