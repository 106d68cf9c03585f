// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/identity.hpp"
#include "holdfast/registrar.hpp"

#include "tests/integration/pkcs11/on_token.hpp"
#include "tests/support/authority_process.hpp"

#include <gtest/gtest.h>

#include <holdfast/holdfast.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::test {

using SessionPtr = std::unique_ptr<holdfast_session, decltype(&holdfast_session_close)>;

/// What a C host finds: an agent with a key on a SoftHSM token, registered with a reference authority, and its
/// identity file. Only the stage is set up by other means than the C ABI.
class CSession : public OnToken {
 protected:
  static constexpr const char* kListed = "https://api.example/v1/responses";

  void SetUp() override {
    OnToken::SetUp();
    if (IsSkipped()) return;
    authority_.emplace(std::vector<std::string>{"--listen", lasting_address()});
    ASSERT_TRUE(authority_->is_ready()) << authority_->log();
    provision();
    options_.identity_file = identity_file_.c_str();
    options_.origins = kOrigins.data();
    options_.origins_count = kOrigins.size();
    // Longer than any test: a second rejection is never in time.
    options_.rejection_interval_ms = 24 * 60 * 60 * 1000;
  }

  [[nodiscard]] SessionPtr open() {
    holdfast_session* session = nullptr;
    EXPECT_EQ(holdfast_session_open(&options_, &session, &error_), HOLDFAST_OK) << error_.message;
    return {session, &holdfast_session_close};
  }
  /// The status of an open that must fail: no handle is left then.
  holdfast_status refused_open() {
    auto* session = reinterpret_cast<holdfast_session*>(&options_);
    const holdfast_status status = holdfast_session_open(&options_, &session, &error_);
    EXPECT_NE(status, HOLDFAST_OK);
    EXPECT_EQ(session, nullptr) << "a handle after a failure";
    EXPECT_EQ(error_.status, status);
    if (status == HOLDFAST_OK) holdfast_session_close(session);
    return status;
  }

  /// A call into a buffer that holds old bytes, which no failure may leave there.
  holdfast_status authorize(holdfast_session* session, std::uint32_t flags = 0,
                            std::size_t capacity = HOLDFAST_AUTHORIZATION_CAPACITY) {
    spoil();
    return holdfast_session_authorization(session, flags, value_.data(), capacity, &size_, &generation_, &error_);
  }
  holdfast_status headers_for(holdfast_session* session, const char* url, std::uint32_t flags = 0,
                              std::size_t capacity = HOLDFAST_AUTHORIZATION_CAPACITY) {
    spoil();
    return holdfast_session_headers_for(session, url, flags, value_.data(), capacity, &size_, &headers_, &error_);
  }
  [[nodiscard]] bool is_wiped(std::size_t size = HOLDFAST_AUTHORIZATION_CAPACITY) const {
    return std::ranges::all_of(std::span(value_).first(size), [](char c) { return c == '\0'; });
  }
  [[nodiscard]] bool has_no_headers() const {
    return headers_.struct_size == sizeof headers_ && headers_.count == 0 && headers_.generation == 0 &&
           std::ranges::all_of(headers_.fields, [](const holdfast_header& field) {
             return field.name == nullptr && field.value == nullptr;
           });
  }

  static std::uint64_t signatures(holdfast_session* session) {
    holdfast_counters counters = HOLDFAST_COUNTERS_INIT;
    EXPECT_EQ(holdfast_session_counters(session, &counters, nullptr), HOLDFAST_OK);
    return counters.signatures;
  }
  static std::uint64_t generation(holdfast_session* session) {
    std::uint64_t generation = 12345;
    EXPECT_EQ(holdfast_session_generation(session, &generation, nullptr), HOLDFAST_OK);
    return generation;
  }
  static std::uint32_t state(holdfast_session* session) {
    std::uint32_t state = 12345;
    EXPECT_EQ(holdfast_session_state(session, &state, nullptr), HOLDFAST_OK);
    return state;
  }
  /// What the present value says, without a look at its signature.
  [[nodiscard]] holdfast_assertion said() const {
    holdfast_assertion assertion = HOLDFAST_ASSERTION_INIT;
    EXPECT_EQ(holdfast_parse_authorization(value_.data(), size_, &assertion, nullptr), HOLDFAST_OK);
    return assertion;
  }
  /// That the authority answered so many task registrations.
  void expect_registrations(std::size_t count) const {
    EXPECT_EQ(authority_->times_logged("/task/register", count), count);
  }

  void store_identity_file() { ASSERT_TRUE(store_identity(*identity_, identity_file_, true)); }

  static constexpr std::array<const char*, 2> kOrigins{"https://api.example", "wss://api.example:8443"};
  std::optional<AuthorityProcess> authority_;
  std::optional<Identity> identity_;
  std::string identity_file_ = hsm_.folder().file("identity.json");
  std::string ssh_key_;
  holdfast_session_options options_ = HOLDFAST_SESSION_OPTIONS_INIT;
  holdfast_error error_ = HOLDFAST_ERROR_INIT;
  holdfast_headers headers_ = HOLDFAST_HEADERS_INIT;
  std::array<char, HOLDFAST_AUTHORIZATION_CAPACITY> value_{};
  std::size_t size_ = 0;
  std::uint64_t generation_ = 0;

 private:
  void spoil() {
    std::ranges::fill(value_, 'x');
    size_ = 12345;
    generation_ = 12345;
    headers_.count = 3;
    headers_.generation = 12345;
    headers_.fields[0] = {"left over", "left over"};
  }
  void provision() {
    const PublicKey key = *make_key().public_key;
    ssh_key_ = std::string(to_ssh_public_key(key).view());
    RegistrarOptions reach;
    reach.authority_url = authority_->url();
    reach.ca_file = authority_->certificate();
    auto registrar = Registrar::create(reach);
    ASSERT_OK(registrar);
    const std::string bearer = authority_->bearer();
    const auto id = registrar->register_agent({.public_key = key, .access_token = bearer, .agent_version = "0.1.0"},
                                              std::chrono::seconds(60));
    ASSERT_OK(id);
    identity_.emplace(Identity{.runtime_id = *id, .public_key = key});
    identity_->key_uri = shimmed();
    identity_->authority_url = authority_->url();
    identity_->authority_ca_file = authority_->certificate();
    identity_->account = {"account-1", "user-1", "someone@example.org", "team", true};
    store_identity_file();
  }
};

}  // namespace holdfast::test
