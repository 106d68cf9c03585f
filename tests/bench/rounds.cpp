// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/rounds.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cmath>
#include <numeric>
#include <random>
#include <stdexcept>
#include <thread>

namespace holdfast::bench {
namespace {

using Steady = std::chrono::steady_clock;

double since(Steady::time_point start) {
  return std::chrono::duration<double, std::nano>(Steady::now() - start).count();
}

}  // namespace

Estimate estimate(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto count = static_cast<double>(values.size());
  // The ranks between which the median lies with 95 % probability (binomial, normal approximation).
  const double reach = 0.98 * std::sqrt(count);
  const auto at = [&](double rank) { return values[static_cast<std::size_t>(std::clamp(rank, 0.0, count - 1.0))]; };
  return {at(count / 2), at(count / 2 - reach - 1), at(count / 2 + reach)};
}

Estimate scaled(Estimate estimate, double factor) {
  return {estimate.median * factor, estimate.low * factor, estimate.high * factor};
}

Estimate times_in(double whole, const Estimate& estimate) {
  return {whole / estimate.median, whole / estimate.high, whole / estimate.low};
}

Rounds::Rounds(std::vector<Case> cases, std::size_t rounds) : cases_(std::move(cases)), samples_(cases_.size()) {
  for (const Case& each : cases_) each.run(each.block);  // warm up
  // What ran before leaves its mark on caches and branch predictors: no case follows the same one in every round.
  std::minstd_rand order;  // NOLINT: the same in every run
  std::vector<std::size_t> turns(cases_.size());
  std::iota(turns.begin(), turns.end(), std::size_t{0});
  for (std::size_t round = 0; round < rounds; ++round) {
    std::shuffle(turns.begin(), turns.end(), order);
    for (const std::size_t index : turns) {
      const Case& each = cases_[index];
      samples_[index].push_back(each.run(each.block) / static_cast<double>(each.block));
    }
  }
}

std::string Rounds::counted() const { return std::to_string(samples_.front().size()) + " rounds"; }

const std::vector<double>& Rounds::samples(const std::string& name) const {
  for (std::size_t i = 0; i < cases_.size(); ++i) {
    if (cases_[i].name == name) return samples_[i];
  }
  throw std::invalid_argument("no case " + name);
}

Estimate Rounds::time(const std::string& name) const { return estimate(samples(name)); }

Estimate Rounds::ratio(const std::string& numerator, const std::string& denominator) const {
  std::vector<double> ratios = samples(numerator);
  const std::vector<double>& below = samples(denominator);
  for (std::size_t i = 0; i < ratios.size(); ++i) ratios[i] /= below[i];
  return estimate(std::move(ratios));
}

Estimate Rounds::difference(const std::string& total, const std::vector<std::string>& parts) const {
  std::vector<double> rest = samples(total);
  for (const std::string& part : parts) {
    const std::vector<double>& minus = samples(part);
    for (std::size_t i = 0; i < rest.size(); ++i) rest[i] -= minus[i];
  }
  return estimate(std::move(rest));
}

double time_once(std::size_t n, const std::function<void(std::size_t)>& body) {
  const auto start = Steady::now();
  body(n);
  return since(start);
}

namespace {

// Left to itself the scheduler wakes a thread beside the one that woke it, and a block is over before it moves one of
// them: what two threads can do would then be measured on one core.
void stay_on(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu % std::max(1U, std::thread::hardware_concurrency()), &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

}  // namespace

double time_threads(unsigned threads, std::size_t n, const std::function<void(std::size_t)>& body) {
  // Each thread takes its own times: the one that starts them may itself be waiting for a core.
  std::barrier begin(threads);
  std::vector<std::pair<Steady::time_point, Steady::time_point>> times(threads);
  std::vector<std::thread> workers;
  unsigned cpu = 0;
  for (auto& time : times) {
    workers.emplace_back([&, n, cpu] {
      stay_on(cpu);
      begin.arrive_and_wait();
      time.first = Steady::now();
      body(n / threads);
      time.second = Steady::now();
    });
    ++cpu;
  }
  for (std::thread& worker : workers) worker.join();
  auto first = times[0].first;
  auto last = times[0].second;
  for (const auto& [start, end] : times) {
    first = std::min(first, start);
    last = std::max(last, end);
  }
  return std::chrono::duration<double, std::nano>(last - first).count();
}

}  // namespace holdfast::bench
