// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/registrar.hpp"

#include "tests/support/scripted_server.hpp"
#include "tests/support/stub_signer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

inline std::string detail_of(const Error& error) { return std::string(error.detail.view()); }

}  // namespace holdfast::test
