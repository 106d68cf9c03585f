// SPDX-License-Identifier: Apache-2.0
//
// soak GROUND SECONDS [SEED]: threads ask one signer for headers while its token is troubled by chance. Prints one
// row of docs/testing.md's table; ends with 1 if something did not hold, and at once, by abort(3), at a bad header.
#include "tests/soak/ground.hpp"
#include "tests/soak/traffic.hpp"
#include "tests/soak/vitals.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <random>
#include <string>
#include <thread>

namespace holdfast::soak {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr unsigned kThreads = 4;
constexpr auto kPatience = 60s;
// From here on a run is long enough to say something of memory; what is then taken for noise.
constexpr auto kMemoryRun = 300s;
constexpr double kMemoryNoise = 1'500'000;

double ms(std::chrono::nanoseconds time) { return std::chrono::duration<double, std::milli>(time).count(); }

const Ground::Fault& drawn(const std::vector<Ground::Fault>& faults, Dice& dice) {
  unsigned sum = 0;
  for (const Ground::Fault& fault : faults) sum += fault.weight;
  unsigned left = dice.between(1U, sum);
  for (const Ground::Fault& fault : faults) {
    if (left <= fault.weight) return fault;
    left -= fault.weight;
  }
  return faults.back();
}

struct Struck {
  std::map<std::string, std::uint64_t> faults;
  std::chrono::nanoseconds longest{0};
};

Struck strike_until(steady_clock::time_point end, Ground& ground, std::uint64_t seed, MemoryCurve& memory,
                    const Traffic& traffic) {
  Struck struck;
  Dice dice(seed);
  const std::vector<Ground::Fault> faults = ground.faults();
  auto next_sample = steady_clock::now();
  while (steady_clock::now() < end) {
    if (steady_clock::now() >= next_sample) {
      memory.note(traffic.counters().signatures, resident_bytes());
      next_sample = steady_clock::now() + 1s;
    }
    std::this_thread::sleep_for(
        std::min<std::chrono::nanoseconds>(dice.until_next(700ms), end - steady_clock::now()));
    // What still waits for a call is done with: two faults do not meet in one place.
    ground.mend();
    std::this_thread::sleep_for(20ms);
    const Ground::Fault& fault = drawn(faults, dice);
    const auto start = steady_clock::now();
    fault.strike(ground, dice);
    struck.longest = std::max<std::chrono::nanoseconds>(struck.longest, steady_clock::now() - start);
    ++struck.faults[fault.name];
  }
  ground.mend();
  return struck;
}

std::string with_statuses(const Served& served) {
  std::string text;
  for (std::size_t i = 0; i < served.failed.size(); ++i) {
    if (served.failed[i] == 0) continue;
    text += text.empty() ? "" : ", ";
    text += std::string(status_name(static_cast<Status>(i))) + " " + std::to_string(served.failed[i]);
  }
  return text.empty() ? "none" : text;
}

int run(const std::string& name, std::chrono::seconds time, std::uint64_t seed) {
  const std::unique_ptr<Ground> ground = make_ground(name);
  std::fprintf(stderr, "soak: %s, %lld s, seed %llu\n", name.c_str(), static_cast<long long>(time.count()),
               static_cast<unsigned long long>(seed));
  MemoryCurve memory;
  Traffic traffic(*ground, seed, kThreads);
  bool holds = true;
  const auto expect = [&holds](bool is_so, const std::string& what) {
    if (!is_so) std::fprintf(stderr, "soak: %s\n", what.c_str());
    holds = holds && is_so;
  };

  expect(traffic.comes_back(kPatience), "no header before any fault");
  const std::size_t descriptors_before = kept_descriptors();
  const Struck struck = strike_until(steady_clock::now() + time, *ground, seed, memory, traffic);
  expect(traffic.comes_back(kPatience), "a thread is not served although the token is as it should be");
  const std::size_t descriptors_after = kept_descriptors();
  traffic.stop();

  const Served served = traffic.served();
  const SignerCounters counters = traffic.counters();
  const MemoryCurve::Growth growth = memory.growth();
  std::uint64_t faults = 0;
  for (const auto& [fault, count] : struck.faults) {
    faults += count;
    std::fprintf(stderr, "  %s: %llu\n", fault.c_str(), static_cast<unsigned long long>(count));
  }
  std::uint64_t failed = 0;
  for (const std::uint64_t count : served.failed) failed += count;
  std::fprintf(stderr, "  calls that failed: %s; PIN given again %llu times; abandoned %llu\n",
               with_statuses(served).c_str(), static_cast<unsigned long long>(served.pins_given_again),
               static_cast<unsigned long long>(counters.abandoned_calls));
  expect(descriptors_after <= descriptors_before, "descriptors: " + std::to_string(descriptors_before) + " before, " +
                                                      std::to_string(descriptors_after) + " after");
  if (time >= kMemoryRun) {
    expect(growth.bytes <= ground->known_leak() * double(growth.signatures) + kMemoryNoise,
           "memory grew by " + std::to_string(growth.bytes_per_signature) + " bytes a signature");
  }

  std::printf(
      "| %s | %.0f | %llu | %llu | %llu / %.1f | %llu / %llu / %llu | %llu / %.0f | %.2f | %.1f / %.0f / %.0f | "
      "%.1f / %+.0f | %zu, %zu |\n",
      std::string(ground->name()).c_str(), double(time.count()) / 60,
      static_cast<unsigned long long>(served.headers + served.registrations),
      static_cast<unsigned long long>(counters.signatures), static_cast<unsigned long long>(faults),
      ms(struck.longest) / 1000, static_cast<unsigned long long>(counters.resets),
      static_cast<unsigned long long>(counters.recoveries), static_cast<unsigned long long>(served.reopened),
      static_cast<unsigned long long>(failed), ms(served.most_late), ms(served.longest_gap) / 1000,
      ms(served.latencies.quantile(0.5)), ms(served.latencies.quantile(0.999)), ms(served.latencies.longest()),
      growth.bytes_per_signature, growth.bytes / 1024, descriptors_before, descriptors_after);
  return holds ? 0 : 1;
}

}  // namespace
}  // namespace holdfast::soak

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  if (argc < 3 || argc > 4) {
    std::fputs("usage: soak softhsm-ed25519|softhsm-es256|swtpm-es256|fake-ed25519 SECONDS [SEED]\n", stderr);
    return 2;
  }
  try {
    const std::uint64_t seed = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : std::random_device()();
    return holdfast::soak::run(argv[1], std::chrono::seconds(std::max(std::atoi(argv[2]), 1)), seed);
  } catch (const holdfast::soak::NotInstalled& missing) {
    const char* required = std::getenv("HOLDFAST_REQUIRE");
    const std::string list = required != nullptr ? "," + std::string(required) + "," : "";
    const bool is_required = list == ",all," || list.find(std::string(",") + missing.what + ",") != std::string::npos;
    std::fprintf(stderr, "soak: %s is not installed%s\n", missing.what, is_required ? ", and required" : "");
    return is_required ? 1 : kSkipped;
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "soak: %s\n", failed.what());
    return 1;
  }
}
