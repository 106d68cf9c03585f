// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/soak/ground.hpp"
#include "tests/soak/latencies.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::soak {

/// What became of the calls of all threads.
struct Served {
  std::uint64_t headers = 0;        ///< each parsed, and verified under the key that was made
  std::uint64_t registrations = 0;  ///< likewise
  std::uint64_t reopened = 0;       ///< signers opened in the place of one that had stopped
  std::uint64_t pins_given_again = 0;
  std::array<std::uint64_t, HOLDFAST_STATUS_COUNT> failed{};  ///< calls, by status
  Latencies latencies;                                        ///< of calls that were served
  std::chrono::nanoseconds longest_gap{0};  ///< between one that was served and the next, of any thread
  std::chrono::nanoseconds most_late{0};    ///< of calls that failed, behind their deadline
};

/// Threads that ask one signer for headers, as a host's would, and open another in its place once it has stopped.
/// Whatever a call hands out that is not what was asked for ends the process with a message.
class Traffic {
 public:
  Traffic(Ground& ground, std::uint64_t seed, unsigned threads);
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  /// False if a thread is not served within `patience` once nothing troubles the token: whether it comes back.
  [[nodiscard]] bool comes_back(std::chrono::seconds patience);
  /// Ends the threads.
  void stop();

  [[nodiscard]] Served served() const;
  /// Of all signers so far.
  [[nodiscard]] SignerCounters counters() const;

 private:
  void ask_again_and_again(unsigned number, Dice dice);
  void ask_once(unsigned number, Dice& dice);
  Status ask_for_header(const std::string& task, std::chrono::nanoseconds timeout, Freshness freshness);
  Status ask_for_registration(std::chrono::nanoseconds timeout);
  void open_another(std::uint64_t stopped, Status why);
  void note_served(std::chrono::steady_clock::time_point start, std::uint64_t Served::*kind);

  Ground& ground_;
  std::atomic<bool> is_stopping_{false};
  mutable std::shared_mutex signer_mutex_;  // alone: to put another signer in its place
  std::unique_ptr<OpenedSigner> signer_;
  std::uint64_t signer_number_ = 0;
  SignerCounters earlier_;  // of signers that are closed
  mutable std::mutex served_mutex_;
  Served served_;
  std::chrono::steady_clock::time_point last_served_ = std::chrono::steady_clock::now();
  std::vector<std::uint64_t> served_by_;  // each thread's own
  std::vector<std::thread> threads_;
};

}  // namespace holdfast::soak
