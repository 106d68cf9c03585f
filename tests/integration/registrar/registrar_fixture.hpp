// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/registrar.hpp"

#include "tests/support/scripted_server.hpp"
#include "tests/support/stub_signer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>

namespace holdfast::test {

/// A registrar that talks to a scripted server, or to whatever URL a case names.
class RegistrarFixture : public testing::Test {
 protected:
  Result<TaskId> register_task(std::string url, std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
    options_.authority_url = std::move(url);
    auto registrar = Registrar::create(options_);
    if (!registrar) return registrar.error();
    return registrar->register_task(signer_, timeout, &excerpt_);
  }

  RegistrarOptions options_;
  StubSigner signer_;
  AnswerExcerpt excerpt_;
};

/// Looks until `condition` holds, for at most half a minute: a server's thread may notice what reached it only after
/// the registrar has given up.
inline void await(const std::function<bool()>& condition) {
  const auto last = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition() && std::chrono::steady_clock::now() < last) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

inline std::string detail_of(const Error& error) { return std::string(error.detail.view()); }

}  // namespace holdfast::test
