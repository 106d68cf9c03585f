// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/verifier.hpp"

#include "hal/fake/clock.hpp"
#include "hal/fake/device.hpp"
#include "src/signer/signer_core.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

namespace holdfast::test {

using namespace std::chrono_literals;
using hal::fake::Call;
using hal::fake::FakeClock;
using hal::fake::FakeDevice;
using hal::fake::FakeToken;
using hal::fake::kVectorTime;
using hal::fake::Secret;
using hal::fake::SignatureFault;
using hal::fake::TokenReturn;

inline constexpr auto kTimeout = 10s;
/// The header of vector 1 (protocol.md §7), whose key, ids and time the fixture has.
inline constexpr std::string_view kVector1 =
    "AgentAssertion eyJhZ2VudF9ydW50aW1lX2lkIjoiYWdlbnQtMTIzIiwic2lnbmF0dXJlIjoiemlRWUlMejZPMi9odVg4MWdBSjdVOGcwSkw3"
    "SXJBU000ZWJJTkpZWE5SdGY1V1BrZW5lZmVYaDNIckVaM2lIZlk4aE1pWUE0Q1ZoS2wwNytmOXlKQkE9PSIsInRhc2tfaWQiOiJ0YXNrLTEyMyIs"
    "InRpbWVzdGFtcCI6IjIwMjYtMDQtMjBUMDA6MDA6MDBaIn0";

inline Secret secret_of(unsigned char byte) {
  Secret secret;
  secret.fill(static_cast<std::byte>(byte));
  return secret;
}

/// A signer on a fake token, at the time of the vectors.
class SignerCoreTest : public testing::Test {
 protected:
  struct Answer {
    Status status = Status::ok;
    std::string header{};
    std::string detail{};
    bool is_wiped = false;
  };

  SignerCoreTest() { key_ = token_.put_key("agent", Scheme::ed25519, secret_of(7)).value(); }

  SignerCore::Settings settings() const { return {.runtime_id = RuntimeId::parse("agent-123").value()}; }

  SignerCore& open(const SignerCore::Settings& settings, std::uint16_t sessions = 4) {
    core_.reset();
    device_ = FakeDevice::open(token_, {.label = "agent", .sessions = sessions}).value();
    core_ = std::make_unique<SignerCore>(*device_, clock_, SignerCore::prepare(*device_, clock_, settings).value());
    return *core_;
  }
  SignerCore& open() { return open(settings()); }
  Status refusal_to_open(const SignerCore::Settings& settings) {
    device_ = FakeDevice::open(token_, {.label = "agent"}).value();
    return SignerCore::prepare(*device_, clock_, settings).status();
  }

  static Answer ask(SignerCore& core, const TaskId& task, std::chrono::nanoseconds timeout = kTimeout,
                    Freshness freshness = Freshness::reuse) {
    std::array<char, kMaxAuthorizationSize> out;
    out.fill('#');
    const auto size = core.authorization(task, timeout, out, freshness);
    if (size) return {.header = std::string(out.data(), *size)};
    return {.status = size.status(),
            .detail = std::string(size.error().detail.view()),
            .is_wiped = std::ranges::all_of(out, [](char c) { return c == '\0'; })};
  }
  Answer ask(Freshness freshness = Freshness::reuse) { return ask(*core_, task_, kTimeout, freshness); }

  static bool is_valid(const std::string& header, const PublicKey& key, WallSeconds now) {
    const auto parsed = parse_authorization(header);
    return parsed && parsed->runtime_id.view() == "agent-123" &&
           verify_assertion(*parsed, key, {.now = now, .seconds = 0});
  }
  std::uint64_t signatures() { return token_.script().calls(Call::sign); }

  FakeClock clock_;
  FakeToken token_{clock_};
  PublicKey key_;
  hal::DevicePtr device_{nullptr, [](hal::KeyDevice*) noexcept {}};
  std::unique_ptr<SignerCore> core_;
  const TaskId task_ = TaskId::parse("task-123").value();
};

}  // namespace holdfast::test
