// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/registry.hpp"
#include "tests/support/raw_session.hpp"
#include "tests/support/softhsm.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace holdfast::test {

using hal::DeviceAccess;
using hal::KeyAttribute;
using hal::kNoDeadline;
using hal::Tristate;

inline std::string described(const Error& error) {
  std::array<char, 512> text{};
  return std::string(write_message(error, text));
}

#define ASSERT_OK(result) ASSERT_TRUE((result).has_value()) << holdfast::test::described((result).error())
#define EXPECT_OK(result) EXPECT_TRUE((result).has_value()) << holdfast::test::described((result).error())
#define EXPECT_STATUS(result, expected)          \
  EXPECT_EQ((result).status(), Status::expected) \
      << status_name((result).status()) << ": "  \
      << ((result).has_value() ? std::string("it worked") : holdfast::test::described((result).error()))

/// A test with a SoftHSM of its own, the token "agents" in it.
class OnToken : public ::testing::Test {
 protected:
  void SetUp() override { HOLDFAST_SKIP_WITHOUT_SOFTHSM(); }
  void TearDown() override {
    if (!SoftHsm::is_installed()) return;
    shim_control().clear_faults();
    shim_control().observe(nullptr, nullptr);
  }

  [[nodiscard]] std::string direct(std::string_view object = "agent") const {
    return hsm_.uri(object, SoftHsm::module_path());
  }
  [[nodiscard]] std::string shimmed(std::string_view object = "agent") const {
    return hsm_.uri(object, SoftHsm::shim_path());
  }
  [[nodiscard]] std::string lying(std::string_view object = "agent") const {
    return hsm_.uri(object, SoftHsm::lying_path());
  }
  [[nodiscard]] Result<hal::DevicePtr> open(const std::string& uri, DeviceAccess access = DeviceAccess::sign,
                                            std::uint16_t sessions = 4, hal::Clock* clock = nullptr) const {
    const std::string records = this->records();
    hal::DeviceOptions options;
    options.failure_records = records;
    options.uri = uri;
    options.access = access;
    options.sessions = sessions;
    options.clock = clock;
    return hal::open_device(options);
  }
  hal::KeyDescription make_key(Scheme scheme = Scheme::ed25519, std::string_view label = "agent") const {
    const auto device = open_for_test(direct(""), DeviceAccess::provision);
    auto made = device->key_generator()->generate({scheme, label, {}}, kNoDeadline);
    if (!made) throw std::runtime_error(described(made.error()));
    return made->description;
  }
  /// Where what is refused in this test is recorded.
  [[nodiscard]] std::string records() const { return hsm_.folder().file("records"); }
  [[nodiscard]] static hal::BootTime in(std::chrono::milliseconds time) {
    return hal::system_clock().boot().after(time);
  }

  const SoftHsm hsm_{SoftHsm::is_installed() ? SoftHsm::kLabel : ""};
};

}  // namespace holdfast::test
