// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/verifier.hpp"

#include "src/verification/sha256.hpp"
#include "tests/support/swtpm.hpp"
#include "tests/support/tcti_shim.hpp"

#include <gtest/gtest.h>

#include <dlfcn.h>

#include <functional>
#include <optional>
#include <stdexcept>

namespace holdfast::test {

template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(told(result.error()));
  return std::move(result).value();
}

/// The control of the TCTI in front of another one; loads it if nobody has.
inline TctiShimControl& tcti_shim() {
  void* library = dlopen(HOLDFAST_TEST_TCTI_SHIM, RTLD_NOW | RTLD_LOCAL);
  return *reinterpret_cast<GetTctiShimControl>(dlsym(library, "holdfast_tcti_shim_control"))();
}

/// A test with a TPM of its own, in which nothing may be left behind.
class OnTpm : public testing::Test {
 protected:
  void SetUp() override {
    HOLDFAST_SKIP_WITHOUT_SWTPM();
    tpm_.emplace();
  }
  void TearDown() override {
    if (tpm_ && !may_leave_objects_) {
      EXPECT_EQ(tpm_->slots(), Swtpm::Slots{}) << "objects or sessions are left";
    }
  }

  [[nodiscard]] hal::DevicePtr open(const std::string& uri, hal::DeviceAccess access = hal::DeviceAccess::provision,
                                    std::string_view pin = {}) const {
    return open_tpm(uri, access, pin);
  }
  [[nodiscard]] std::string pin_file(std::string_view pin, std::string_view name = "pin") const {
    return "file:" + tpm_->folder().write(name, std::string(pin) + "\n");
  }
  static hal::MadeKey generate(hal::KeyDevice& device, std::string_view label = {}) {
    return must(
        device.key_generator()->generate({.scheme = Scheme::es256, .label = label, .id = {}}, hal::kNoDeadline));
  }
  static hal::KeyHandle find(hal::KeyDevice& device) { return must(device.find_key({}, hal::kNoDeadline)); }

  /// Signs and checks the signature on its own.
  static Result<void> sign(hal::KeyDevice& device, hal::KeyHandle handle, const PublicKey& key,
                           hal::BootTime deadline = hal::kNoDeadline) {
    constexpr std::string_view kText = "agent-123:task-123:2026-04-20T00:00:00Z";
    const auto message = std::as_bytes(std::span(kText));
    const Sha256Digest digest = sha256(message);
    const auto signature = device.sign(handle, Scheme::es256, digest, deadline);
    if (!signature) return signature.error();
    return verify_signature(key, message, *signature);
  }

  std::optional<Swtpm> tpm_;
  bool may_leave_objects_ = false;
};

}  // namespace holdfast::test
