// SPDX-License-Identifier: Apache-2.0
#include "hal/fake/clock.hpp"
#include "hal/fake/device.hpp"
#include "src/session/session_core.hpp"
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
// Names this program's allocator functions before the C library's, as in signer_heap_test.
extern "C" {
void* __libc_malloc(std::size_t size);                     // NOLINT
void* __libc_calloc(std::size_t count, std::size_t size);  // NOLINT

__attribute__((visibility("default"))) void* malloc(std::size_t size) {
  heap_calls.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
__attribute__((visibility("default"))) void* calloc(std::size_t count, std::size_t size) {
  heap_calls.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(count, size);
}
}
#endif

namespace holdfast {
namespace {

using namespace std::chrono_literals;

class CountedTasks final : public TaskSource {
 public:
  Result<TaskId> register_task(TypedSigner&, std::chrono::milliseconds) noexcept override {
    const std::array<char, 2> id{'t', static_cast<char>('a' + calls++ % 26)};
    return TaskId::parse({id.data(), id.size()});
  }
  int calls = 0;
};

TEST(SessionHeap, TheCounterCounts) {
#ifdef HOLDFAST_SANITIZED
  GTEST_SKIP() << "sanitizer: it has its own allocator";
#endif
  const std::uint64_t before = heap_calls.load();
  void* volatile memory = std::malloc(16);
  std::free(memory);
  EXPECT_EQ(heap_calls.load(), before + 1);
}

TEST(SessionHeap, NothingIsAllocatedByHeadersAndRejections) {
#ifdef HOLDFAST_SANITIZED
  GTEST_SKIP() << "sanitizer: it has its own allocator";
#endif
  hal::fake::FakeClock clock;
  hal::fake::FakeToken token(clock);
  hal::fake::Secret secret;
  secret.fill(std::byte{7});
  ASSERT_TRUE(token.put_key("agent", Scheme::ed25519, secret));
  const auto device = hal::fake::FakeDevice::open(token, {.label = "agent"}).value();
  test::CountingLog log;
  const SignerCore::Settings settings{
      .runtime_id = RuntimeId::parse("agent-123").value(), .max_tasks = 4, .log = &log};
  SignerCore signer(*device, clock, SignerCore::prepare(*device, clock, settings).value());
  CountedTasks tasks;
  const std::array<HeaderField, 1> companions{HeaderField{"ChatGPT-Account-ID", "account-1"}};
  TaskRules rules = TaskRules::check({.origins = {"https://api.example"}}).value();
  SessionCore session(signer, &tasks, std::move(rules), companions, clock, &log);

  std::array<char, kMaxAuthorizationSize> out{};
  bool is_ok = true;
  const std::uint64_t before = heap_calls.load();
  for (int round = 0; round < 100; ++round) {
    const auto set = session.headers_for("https://api.example/v1", out, Freshness::reuse);
    is_ok = set.has_value() && set->size() == 2 && is_ok;
    is_ok = session.authorization(out, Freshness::fresh).has_value() && is_ok;
    is_ok =
        session.headers_for("https://evil.example/", out, Freshness::reuse).status() == Status::origin_not_listed &&
        is_ok;
    clock.advance(61s);
    is_ok = session.rejected(session.generation(), 401).has_value() && is_ok;
    is_ok = session.rejected(session.generation(), 401).status() == Status::authority_refused && is_ok;
    is_ok = session.adopt_task(TaskId::parse("brought").value()).has_value() && is_ok;
  }
  const std::uint64_t after = heap_calls.load();
  EXPECT_TRUE(is_ok);
  EXPECT_EQ(after, before);
  EXPECT_EQ(tasks.calls, 101);
  EXPECT_GE(log.events, 200) << "a log costs nothing either";
}

}  // namespace
}  // namespace holdfast
