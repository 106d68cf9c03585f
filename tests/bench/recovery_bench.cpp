// SPDX-License-Identifier: Apache-2.0
//
// How long from the return of a token to the first good header, and how late are those who wait. SoftHSM loses its
// token folder, swtpm is stopped and started, some hundred times each; docs/recovery.md has the figures.
#include "holdfast/signer.hpp"
#include "holdfast/verifier.hpp"

#include "hal/registry.hpp"
#include "tests/bench/bench.hpp"
#include "tests/support/softhsm.hpp"
#include "tests/support/swtpm.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::bench {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

double ms(steady_clock::duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

double quantile(std::vector<double> sorted, double q) {
  std::ranges::sort(sorted);
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(std::ceil(q * double(sorted.size())) - 1))];
}

std::string told(const Error& error) {
  std::array<char, 640> text{};
  return std::string(write_message(error, text));
}

/// A part that can be taken away and brought back.
struct Part {
  std::string name;
  std::string uri;
  std::string pin_source;
  std::function<void()> take_away;
  std::function<void()> bring_back;  ///< returns when it is there
};

// Valid, or the program ends: no header with a bad signature, ever.
Status ask(Signer& signer, const std::string& task, std::chrono::nanoseconds timeout) {
  std::array<char, kMaxAuthorizationSize> out{};
  const auto size = signer.authorization(TaskId::parse(task).value(), timeout, out, Freshness::fresh);
  if (!size) return size.status();
  const auto parsed = parse_authorization({out.data(), *size});
  if (!parsed || !verify_assertion(*parsed, signer.public_key(), {.now = {std::time(nullptr)}, .seconds = 5})) {
    std::fputs("a header does not verify\n", stderr);
    std::abort();
  }
  return Status::ok;
}

Signer open_signer(const Part& part) {
  SignerOptions options;
  options.runtime_id = "agent-123";
  options.key_uri = part.uri;
  options.pin_source = part.pin_source;
  auto signer = Signer::open(options);
  if (!signer) throw std::runtime_error(told(signer.error()));
  return std::move(signer).value();
}

// What the bound allows besides the pause, on the healthy part: initialise, log in, find, sign.
double own_cost_ms(const Part& part, int rounds, double q) {
  hal::DeviceOptions options;
  options.uri = part.uri;
  auto pin = hal::PinSource::parse(part.pin_source);
  if (!pin) throw std::runtime_error(told(pin.error()));
  options.pin = *pin;
  auto device = hal::open_device(options);
  if (!device) throw std::runtime_error(told(device.error()));
  std::vector<double> costs;
  for (int i = 0; i < rounds; ++i) {
    const auto start = steady_clock::now();
    if (auto reset = (*device)->reset(hal::kNoDeadline); !reset) throw std::runtime_error(told(reset.error()));
    const auto key = (*device)->find_key({}, hal::kNoDeadline);
    if (!key) throw std::runtime_error(told(key.error()));
    const std::array<std::byte, 32> input{};
    const Scheme scheme = (*device)->describe(*key)->scheme.value();
    if (!(*device)->sign(*key, scheme, input, hal::kNoDeadline)) throw std::runtime_error("it does not sign");
    costs.push_back(ms(steady_clock::now() - start));
  }
  return quantile(costs, q);
}

void measure(const Part& part, int breakages) {
  const double own_median = own_cost_ms(part, breakages, 0.5);
  const double own_max = own_cost_ms(part, breakages, 1.0);
  Signer signer = open_signer(part);
  std::mt19937 random(20260420);  // NOLINT: the same breakages each time
  std::uniform_int_distribution<int> away_ms(1, 1500);
  std::vector<double> times;
  std::vector<double> lateness;
  std::mutex lateness_mutex;
  int within = 0;

  for (int i = 0; i < breakages; ++i) {
    if (ask(signer, "before", 10s) != Status::ok) throw std::runtime_error("it does not sign before the breakage");
    std::this_thread::sleep_for(1100ms);  // so that every breakage begins with the shortest pause
    const auto away = std::chrono::milliseconds(away_ms(random));
    part.take_away();
    const auto lost = steady_clock::now();
    std::atomic<bool> is_over{false};
    steady_clock::time_point good;
    std::thread climber([&] {
      if (ask(signer, "climber", 60s) != Status::ok) std::abort();
      good = steady_clock::now();
    });
    std::vector<std::thread> waiters;
    for (int w = 0; w < 2; ++w) {
      waiters.emplace_back([&, w] {
        std::mt19937 own(static_cast<unsigned>(i * 2 + w));  // NOLINT
        std::uniform_int_distribution<int> timeout_ms(5, 100);
        while (!is_over.load()) {
          const auto timeout = std::chrono::milliseconds(timeout_ms(own));
          const auto deadline = steady_clock::now() + timeout;
          if (ask(signer, "waiter-" + std::to_string(w), timeout) == Status::ok) continue;
          const double late = ms(steady_clock::now() - deadline);
          const std::lock_guard lock(lateness_mutex);
          lateness.push_back(std::max(late, 0.0));
        }
      });
    }
    std::this_thread::sleep_until(lost + away);
    part.bring_back();
    const auto back = steady_clock::now();
    climber.join();
    is_over = true;
    for (std::thread& waiter : waiters) waiter.join();
    const double time = std::max(ms(good - back), 0.0);
    times.push_back(time);
    // After an outage of A the pause is at most A + 50 ms: each is the sum of those before it, and 50 ms.
    if (time <= std::min(1000.0, ms(back - lost) + 50) + own_max) ++within;
  }
  const SignerCounters counters = signer.counters();
  std::printf("| %s | %d | %.1f / %.1f | %.0f / %.0f / %.0f | %d of %d | %zu | %.2f / %.2f | %llu / %llu |\n",
              part.name.c_str(), breakages, own_median, own_max, quantile(times, 0.5), quantile(times, 0.99),
              quantile(times, 1), within, breakages, lateness.size(), quantile(lateness, 0.99), quantile(lateness, 1),
              static_cast<unsigned long long>(counters.resets), static_cast<unsigned long long>(counters.recoveries));
  std::fflush(stdout);
}

void make_key(const std::string& uri, Scheme scheme, std::string_view label) {
  hal::DeviceOptions options;
  options.uri = uri;
  options.access = hal::DeviceAccess::provision;
  auto device = hal::open_device(options);
  if (!device) throw std::runtime_error(told(device.error()));
  const auto made = (*device)->key_generator()->generate({scheme, label, {}}, hal::kNoDeadline);
  if (!made) throw std::runtime_error(told(made.error()));
}

}  // namespace

int run(int argc, char** argv) {
  const int breakages = argc > 1 ? std::max(1, std::atoi(argv[1])) : 100;
  std::puts(
      "| part | breakages | own cost, median / max (ms) | return to first good header, median / p99 / max (ms) | "
      "within the bound | calls ended by their deadline | lateness, p99 / max (ms) | resets / recoveries |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- |");
  if (test::SoftHsm::is_installed()) {
    const test::SoftHsm hsm;
    make_key(hsm.uri("", test::SoftHsm::module_path()), Scheme::ed25519, "agent");
    const std::string elsewhere = hsm.folder().file("elsewhere");
    measure({.name = "SoftHSM, token folder moved away and back",
             .uri = hsm.uri("agent", test::SoftHsm::module_path()),
             .pin_source = {},
             .take_away = [&] { std::filesystem::rename(hsm.token_folder(), elsewhere); },
             .bring_back = [&] { std::filesystem::rename(elsewhere, hsm.token_folder()); }},
            breakages);
  }
  if (test::Swtpm::is_installed()) {
    test::Swtpm tpm;
    make_key(tpm.file_uri("agent"), Scheme::es256, "");
    measure({.name = "swtpm, stopped and started",
             .uri = tpm.file_uri("agent"),
             .pin_source = {},
             .take_away = [&] { tpm.stop(); },
             .bring_back = [&] { tpm.start(); }},
            breakages);
  }
  return 0;
}

}  // namespace holdfast::bench
