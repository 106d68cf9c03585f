// SPDX-License-Identifier: Apache-2.0
// What a header costs that was signed before: one task or ten thousand, on one thread or eight.
//   reuse_bench MODULE ROUNDS
#include "holdfast/signer.hpp"

#include "tests/bench/bench.hpp"
#include "tests/bench/bench_token.hpp"
#include "tests/bench/heap_calls.hpp"
#include "tests/bench/required.hpp"
#include "tests/bench/rounds.hpp"
#include "tests/bench/table.hpp"

#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <stdexcept>
#include <vector>

namespace holdfast::bench {
namespace {

using namespace std::chrono_literals;

// A clock that takes about as long as a call, and ticks hardly finer, cannot time one: means of as many in a row are
// taken.
constexpr std::size_t kBlock = 4000;
constexpr std::size_t kLongBlock = 200 * kBlock;  // for threads, which take a while to begin
constexpr std::size_t kFewCalls = 20;             // for the spread, of which means of many show little
constexpr std::array kTasks{1U, 100U, 10'000U};

// What the process has mapped, KiB.
double mapped() {
  double pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * 4;
}

/// A signer with `count` tasks, all of them signed for, in an order that is not that of their use.
class ManyTasks {
 public:
  ManyTasks(const BenchToken& token, std::uint32_t count, std::chrono::seconds max_age) {
    const double before = mapped();
    SignerOptions options;
    const std::string uri = token.uri(Scheme::es256, token.module_path());
    options.runtime_id = "agent-0123456789abcdef";
    options.key_uri = uri;
    options.pin_source = token.pin_source();
    options.verify = VerifySignatures::after_open_and_recovery;
    options.max_tasks = count;
    options.max_age = max_age;
    signer_.emplace(require(Signer::open(options)));
    opened_ = mapped() - before;
    for (std::uint32_t i = 0; i < count; ++i) {
      std::array<char, 32> id{};
      std::snprintf(id.data(), id.size(), "task-%016x", i * 2'654'435'761U);
      tasks_.push_back(require(TaskId::parse(id.data())));
    }
    std::vector<TaskId> order = tasks_;
    std::shuffle(order.begin(), order.end(), std::mt19937(1));  // NOLINT: the same order in every run
    std::array<char, kMaxAuthorizationSize> out{};
    for (const TaskId& task : order) header_size_ = require(signer_->authorization(task, 10s, out));
  }

  /// Headers of one task after another, for one thread.
  void ask(std::size_t n) {
    std::array<char, kMaxAuthorizationSize> out;  // NOLINT: written before it is read
    for (std::size_t i = 0; i < n; ++i) {
      (void)require(signer_->authorization(tasks_[next_], 10s, out));
      if (++next_ == tasks_.size()) next_ = 0;
    }
  }
  /// Headers of the first task, for many.
  void ask_for_one(std::size_t n) const {
    alignas(4096) std::array<char, 4096> out;  // NOLINT: written before it is read; a page for each thread
    for (std::size_t i = 0; i < n; ++i) (void)require(signer_->authorization(tasks_[0], 10s, out));
  }
  [[nodiscard]] double opened() const { return opened_; }
  [[nodiscard]] std::size_t header_size() const { return header_size_; }

 private:
  mutable std::optional<Signer> signer_;
  std::vector<TaskId> tasks_;
  std::size_t next_ = 0;
  double opened_ = 0;
  std::size_t header_size_ = 0;
};

/// What a reused header cannot do without, and nothing else: the tick is read, the call is counted, as many bytes are
/// copied; of one place or of `count` that lie as the signer's do and are asked for in an order that is not theirs.
class BareCopies {
 public:
  BareCopies(std::uint32_t count, std::size_t header_size)
      : header_size_(header_size), mapped_size_(std::size_t{count} * kPlaceSize), order_(count) {
    memory_ = mmap(nullptr, mapped_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED) throw std::runtime_error("no memory for the copies");
    if (mapped_size_ >= kLargePage) (void)madvise(memory_, mapped_size_, MADV_HUGEPAGE);
    std::memset(memory_, 'x', mapped_size_);
    std::iota(order_.begin(), order_.end(), 0U);
    std::shuffle(order_.begin(), order_.end(), std::mt19937(1));  // NOLINT: the same order in every run
  }
  BareCopies(const BareCopies&) = delete;
  BareCopies& operator=(const BareCopies&) = delete;
  ~BareCopies() { munmap(memory_, mapped_size_); }

  void copy(std::size_t n) {
    std::array<char, kMaxAuthorizationSize> out;  // NOLINT: written before it is read
    for (std::size_t i = 0; i < n; ++i) {
      timespec tick{};
      clock_gettime(CLOCK_MONOTONIC_COARSE, &tick);
      counted_.fetch_add(1, std::memory_order_relaxed);
      std::memcpy(out.data(), static_cast<const char*>(memory_) + order_[next_] * kPlaceSize, header_size_);
      asm volatile("" : : "r"(out.data()), "r"(&tick) : "memory");  // all of it is needed, says this
      if (++next_ == order_.size()) next_ = 0;
    }
  }

 private:
  static constexpr std::size_t kPlaceSize = 768;  // of a task in the signer's cache
  static constexpr std::size_t kLargePage = std::size_t{2} << 20U;

  std::size_t header_size_;
  std::size_t mapped_size_;
  void* memory_ = nullptr;
  std::vector<std::uint32_t> order_;
  std::size_t next_ = 0;
  std::atomic<std::uint64_t> counted_{0};
};

}  // namespace

int run(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: reuse_bench MODULE ROUNDS\n", stderr);
    return 2;
  }
  const BenchToken token(argv[1]);
  const std::size_t rounds = std::max<std::size_t>(std::strtoul(argv[2], nullptr, 10), 10);
  // The module's own memory comes with the first signer, and is nobody's of these.
  const ManyTasks within_the_second(token, 1, 0s);
  std::vector<std::unique_ptr<ManyTasks>> signers;
  for (const std::uint32_t count : kTasks) signers.push_back(std::make_unique<ManyTasks>(token, count, 120s));

  const auto name = [](std::uint32_t count) {
    return "reused header, " + std::to_string(count) + (count == 1 ? " task" : " tasks in turn");
  };
  BareCopies one_copy(1, signers.front()->header_size());
  BareCopies many_copies(kTasks.back(), signers.front()->header_size());
  const double filled = mapped();
  std::vector<Case> cases;
  for (std::size_t i = 0; i < kTasks.size(); ++i) {
    cases.push_back({name(kTasks[i]),
                     [&signer = *signers[i]](std::size_t n) {
                       return time_once(n, [&signer](std::size_t times) { signer.ask(times); });
                     },
                     kBlock});
  }
  const auto bare = [](BareCopies& copies) {
    return [&copies](std::size_t n) { return time_once(n, [&copies](std::size_t times) { copies.copy(times); }); };
  };
  cases.push_back({"bare", bare(one_copy), kBlock});
  cases.push_back(
      {"within the second",
       [&](std::size_t n) { return time_once(n, [&](std::size_t times) { within_the_second.ask_for_one(times); }); },
       kBlock});
  cases.push_back({"few",
                   [&signer = *signers[0]](std::size_t n) {
                     return time_once(n, [&signer](std::size_t times) { signer.ask(times); });
                   },
                   kFewCalls});
  // Apart, as its memory and that of the many tasks would drive each other out of the caches.
  const Case many = cases[kTasks.size() - 1];
  const Rounds single(std::move(cases), rounds * 5);
  const Rounds memory({many, {"bare, many", bare(many_copies), kBlock}}, rounds);
  begin_table("Reused header, " + single.counted());
  for (const std::uint32_t count : kTasks) print(name(count), single.time(name(count)), "ns");
  print("reused header, 1 task, no max_age: the second's only, with a signature each second",
        single.time("within the second"), "ns");
  print("no signer: the coarse clock read, an atomic addition, a copy of the header", single.time("bare"), "ns");
  print("reused header, 1 task / without a signer", single.ratio(name(1), "bare"), "×");
  keep_distribution("mean of 20 calls", single.samples("few"), "ns");

  const HeapUse heap = heap_use_of([&] { signers.back()->ask(1); }, kBlock);
  print_count("heap calls, 10,000 tasks", heap.calls, "calls per header");
  print_count("heap calls, 10,000 tasks: asked for", heap.bytes, "bytes per header");
  print_count("mapped by a signer of 1 task, when it opens", signers.front()->opened(), "KiB");
  print_count("mapped by a signer of 10,000 tasks, when it opens", signers.back()->opened(), "KiB");
  print_count("mapped since, over all of these headers", mapped() - filled, "KiB");

  begin_table("Reused header, 10,000 tasks, in turns with copies that take its caches, " + memory.counted());
  print(name(10'000), memory.time(name(10'000)), "ns");
  print("no signer: clock, addition and copy, of 10,000 headers in another order", memory.time("bare, many"), "ns");
  print(name(10'000) + " / without a signer", memory.ratio(name(10'000), "bare, many"), "×");

  constexpr std::array kThreads{1U, 2U, 4U, 8U};
  const auto on = [](unsigned threads, const char* kind) { return kind + (" x" + std::to_string(threads)); };
  std::vector<Case> shared;
  for (const unsigned threads : kThreads) {
    shared.push_back({on(threads, "reused"),
                      [threads, &signer = *signers[0]](std::size_t n) {
                        return time_threads(threads, n, [&signer](std::size_t times) { signer.ask_for_one(times); });
                      },
                      kLongBlock});
    shared.push_back({on(threads, "bare"),
                      [threads, size = signers[0]->header_size()](std::size_t n) {
                        return time_threads(threads, n,
                                            [size](std::size_t times) { BareCopies(1, size).copy(times); });
                      },
                      4 * kLongBlock});
  }
  const Rounds scaling(std::move(shared), std::max<std::size_t>(rounds / 4, 10));
  begin_table("Reused header, threads against one, " + scaling.counted());
  for (const unsigned threads : kThreads) {
    if (threads == 1) continue;
    const std::string text = std::to_string(threads) + " threads";
    print(text + ": speed-up", scaling.ratio(on(1, "reused"), on(threads, "reused")), "×");
    print(text + " that share nothing, without a signer: speed-up", scaling.ratio(on(1, "bare"), on(threads, "bare")),
          "×");
  }
  return 0;
}

}  // namespace holdfast::bench
