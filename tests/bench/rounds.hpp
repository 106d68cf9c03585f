// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace holdfast::bench {

/// One thing measured: `run(n)` does it n times and returns the nanoseconds it took.
struct Case {
  std::string name;
  std::function<double(std::size_t)> run;
  std::size_t block = 1;  ///< repetitions per round, so that every block takes about as long
};

/// The median and its 95 % interval (distribution-free, by order statistics).
struct Estimate {
  double median = 0;
  double low = 0;
  double high = 0;
};
[[nodiscard]] Estimate estimate(std::vector<double> values);
/// In another unit.
[[nodiscard]] Estimate scaled(Estimate estimate, double factor);
/// How often in `whole`, of what takes as long as `estimate` says.
[[nodiscard]] Estimate times_in(double whole, const Estimate& estimate);

/// Nanoseconds per operation of every case in every round.
///
/// The machines are shared and noisy: times drift by tens of per cent within a minute. So all cases take turns in
/// each round, in an order of its own, and only ratios and differences *within a round* are reported.
class Rounds {
 public:
  Rounds(std::vector<Case> cases, std::size_t rounds);

  /// "1200 rounds", for a title: of these, whatever the whole run was asked for.
  [[nodiscard]] std::string counted() const;
  [[nodiscard]] Estimate time(const std::string& name) const;
  [[nodiscard]] Estimate ratio(const std::string& numerator, const std::string& denominator) const;
  /// `total` less the sum of `parts`, round by round.
  [[nodiscard]] Estimate difference(const std::string& total, const std::vector<std::string>& parts) const;

  /// Of one case, in the order of the rounds.
  [[nodiscard]] const std::vector<double>& samples(const std::string& name) const;

 private:
  std::vector<Case> cases_;
  std::vector<std::vector<double>> samples_;
};

/// Runs `body(n)` on `threads` threads at once, n times in all, and returns the nanoseconds until the last was done.
[[nodiscard]] double time_threads(unsigned threads, std::size_t n, const std::function<void(std::size_t)>& body);

/// Runs `body(n)` and returns the nanoseconds it took.
[[nodiscard]] double time_once(std::size_t n, const std::function<void(std::size_t)>& body);

}  // namespace holdfast::bench
