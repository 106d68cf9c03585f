// SPDX-License-Identifier: Apache-2.0
// A token that takes its time: swtpm with 100 ms added to every signature, and eight threads that ask for 10,000
// headers a second in all.
//   slow_token_bench SHIM SECONDS
//
// Requests have a schedule of their own, one every 100 µs, and whichever thread is free takes the next, as in a host
// that hands its requests to a pool. Measured is the call; how late requests begin because no thread was free is told
// beside it.
#include "holdfast/signer.hpp"
#include "holdfast/verifier.hpp"

#include "hal/registry.hpp"
#include "src/assertion/envelope.hpp"
#include "tests/bench/bench.hpp"
#include "tests/bench/required.hpp"
#include "tests/bench/table.hpp"
#include "tests/support/swtpm.hpp"
#include "tests/support/tcti_shim.hpp"

#include <dlfcn.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace holdfast::bench {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr std::uint32_t kSignCode = 0x0000015D;  // TPM2_CC_Sign
constexpr unsigned kThreads = 8;
constexpr auto kInterval = 100us;
constexpr double kMicrosecond = 1000;

struct Request {
  double call_ns = 0;
  double late_ns = 0;
  double age_s = 0;  // of the header when the call returned, by its own timestamp: whole seconds, cut off
};

std::int64_t wall_second() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec;
}

// The timestamp is read of those headers that are not the one before.
class AgeOf {
 public:
  double operator()(std::string_view header) {
    if (header != last_) {
      last_ = header;
      signed_at_ = require(parse_authorization(header)).time.value;
    }
    return static_cast<double>(wall_second() - signed_at_);
  }

 private:
  std::string last_;
  std::int64_t signed_at_ = 0;
};

void wait_for(Steady::time_point moment) {
  timespec until{};
  const auto since_boot = moment.time_since_epoch();
  until.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(since_boot).count();
  until.tv_nsec = static_cast<long>((since_boot % 1s).count());
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

/// `call` writes a header and returns its size.
template <typename Call>
std::vector<Request> serve(std::size_t count, Call call) {
  std::vector<Request> requests(count);
  std::atomic<std::size_t> next{0};
  const auto begin = Steady::now() + 10ms;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      std::array<char, kMaxAuthorizationSize> out{};
      AgeOf age_of;
      for (std::size_t mine = next.fetch_add(1); mine < count; mine = next.fetch_add(1)) {
        const auto due = begin + mine * kInterval;
        wait_for(due);
        const auto start = Steady::now();
        const std::size_t written = call(std::span<char>(out));
        const auto end = Steady::now();
        requests[mine] = {std::chrono::duration<double, std::nano>(end - start).count(),
                          std::chrono::duration<double, std::nano>(start - due).count(),
                          age_of({out.data(), written})};
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return requests;
}

double at(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

void measure(const std::string& uri, std::chrono::seconds max_age, std::size_t seconds) {
  SignerOptions options;
  options.runtime_id = "agent-0123456789abcdef";
  options.key_uri = uri;
  options.max_age = max_age;
  Signer signer = require(Signer::open(options));
  const TaskId task = require(TaskId::parse("task-0123456789abcdef"));
  std::array<char, kMaxAuthorizationSize> out{};
  (void)require(signer.authorization(task, 10s, out));
  const std::uint64_t before = signer.counters().signatures;
  const std::vector<Request> requests = serve(seconds * std::size_t{1s / kInterval}, [&](std::span<char> to) {
    return require(signer.authorization(task, 10s, to));
  });
  const std::uint64_t signatures = signer.counters().signatures - before;

  std::vector<double> calls;
  std::vector<double> late;
  double oldest = 0;
  std::size_t held = 0;
  for (const Request& request : requests) {
    calls.push_back(request.call_ns / kMicrosecond);
    late.push_back(request.late_ns / kMicrosecond);
    oldest = std::max(oldest, request.age_s);
    if (request.call_ns > 50'000'000) ++held;
  }
  const std::string mode = max_age == 0s ? "same second only" : "max_age " + std::to_string(max_age.count()) + " s";
  begin_table("ES256 on swtpm, 100 ms added to every signature, " + std::to_string(kThreads) +
              " threads, 10,000 requests a second for " + std::to_string(seconds) + " s: " + mode);
  keep_distribution("the call", calls, "µs");
  std::sort(calls.begin(), calls.end());
  std::sort(late.begin(), late.end());
  print_count("the call, p50", at(calls, 0.5), "µs");
  print_count("the call, p99", at(calls, 0.99), "µs");
  print_count("the call, p99.9", at(calls, 0.999), "µs");
  print_count("the longest call", calls.back(), "µs");
  print_count("calls", static_cast<double>(calls.size()), "");
  print_count("signatures", static_cast<double>(signatures), "");
  print_count("calls that took longer than 50 ms: who signed, or waited for who did", static_cast<double>(held), "");
  print_count("begun after it was due, p50 (the machine's timers and cores)", at(late, 0.5), "µs");
  print_count("begun after it was due, p99.9", at(late, 0.999), "µs");
  print_count("oldest header handed out, by its whole seconds", oldest, "s");
}

/// What the machine itself does to a call in this loop: its timers, interrupts and neighbours.
void measure_copy(std::size_t seconds) {
  const TaskId task = require(TaskId::parse("task-0123456789abcdef"));
  std::array<char, kMaxAuthorizationSize> header{};
  const std::size_t size =
      require(write_authorization(require(RuntimeId::parse("agent-0123456789abcdef")), task,
                                  require(format_timestamp({wall_second()})), Signature{}, header));
  const std::vector<Request> requests = serve(seconds * std::size_t{1s / kInterval}, [&](std::span<char> to) {
    std::copy_n(header.begin(), size, to.begin());
    return size;
  });
  std::vector<double> calls;
  for (const Request& request : requests) calls.push_back(request.call_ns / kMicrosecond);
  std::sort(calls.begin(), calls.end());
  begin_table("The same loop, a header's bytes copied instead of the call");
  print_count("the copy, p50", at(calls, 0.5), "µs");
  print_count("the copy, p99", at(calls, 0.99), "µs");
  print_count("the copy, p99.9", at(calls, 0.999), "µs");
  print_count("the longest copy", calls.back(), "µs");
}

}  // namespace

int run(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: slow_token_bench SHIM SECONDS\n", stderr);
    return 2;
  }
  void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error("the shim cannot be loaded");
  test::TctiShimControl* control =
      reinterpret_cast<test::GetTctiShimControl>(dlsym(library, "holdfast_tcti_shim_control"))();
  const test::Swtpm tpm;
  const std::string uri =
      "tpm2:file=" + tpm.folder().file("agent.pem") + "?tcti=" + std::string(argv[1]) + ":plain," + tpm.tcti();
  {
    const hal::DevicePtr device = test::open_tpm(uri, hal::DeviceAccess::provision);
    (void)require(
        device->key_generator()->generate({.scheme = Scheme::es256, .label = {}, .id = {}}, hal::kNoDeadline));
  }
  control->slow_code = kSignCode;
  control->slow_ns = std::chrono::nanoseconds(100ms).count();
  const std::size_t seconds = std::max<std::size_t>(std::strtoul(argv[2], nullptr, 10), 10);
  for (const auto max_age : {5s, 0s}) measure(uri, max_age, seconds);
  measure_copy(std::max<std::size_t>(seconds / 3, 10));
  return 0;
}

}  // namespace holdfast::bench
