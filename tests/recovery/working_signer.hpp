// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/signer.hpp"
#include "holdfast/verifier.hpp"

#include <gtest/gtest.h>

#include <sys/time.h>

#include <array>
#include <chrono>
#include <ctime>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

namespace holdfast::test {

using namespace std::chrono_literals;

/// A whole error as a person sees it.
inline std::string as_told(const Error& error) {
  std::array<char, 640> text{};
  return std::string(write_message(error, text)) + " [" + std::string(hint_of(error)) + "]";
}

/// An opened signer of which every header is checked, as an authority would.
class WorkingSigner {
 public:
  explicit WorkingSigner(const std::string& uri, const std::function<void(SignerOptions&)>& change = {})
      : signer_(open(uri, change)) {}

  /// A fresh header; `Status::ok` only if it is valid within an authority's window.
  Error ask(std::chrono::nanoseconds timeout, const std::string& task = "task-123") {
    std::array<char, kMaxAuthorizationSize> out{};
    const auto size = signer_.authorization(TaskId::parse(task).value(), timeout, out, Freshness::fresh);
    if (!size) {
      for (const char byte : out) EXPECT_EQ(byte, '\0');
      return size.error();
    }
    const auto parsed = parse_authorization({out.data(), *size});
    EXPECT_TRUE(parsed);
    const auto verified =
        verify_assertion(*parsed, signer_.public_key(), {.now = {std::time(nullptr)}, .seconds = 300});
    EXPECT_TRUE(verified) << as_told(verified.error());
    return {};
  }
  Error register_task(std::chrono::nanoseconds timeout) {
    const auto registration = signer_.sign_task_registration(timeout);
    return registration ? Error() : registration.error();
  }
  [[nodiscard]] SignerCounters counters() const { return signer_.counters(); }
  [[nodiscard]] Signer& signer() { return signer_; }

 private:
  static Signer open(const std::string& uri, const std::function<void(SignerOptions&)>& change) {
    SignerOptions options;
    options.runtime_id = "agent-123";
    options.key_uri = uri;
    if (change) change(options);
    auto signer = Signer::open(options);
    if (!signer) throw std::runtime_error(as_told(signer.error()));
    return std::move(signer).value();
  }
  Signer signer_;
};

/// Looks again and again until `condition` holds; the test's own time-out ends it otherwise.
inline void await(const std::function<bool()>& condition) {
  while (!condition()) std::this_thread::sleep_for(1ms);
}

}  // namespace holdfast::test

#define EXPECT_ASKED(error, expected)                                                      \
  do {                                                                                     \
    const holdfast::Error told_ = (error);                                                 \
    EXPECT_EQ(told_.status, holdfast::Status::expected) << holdfast::test::as_told(told_); \
  } while (false)
