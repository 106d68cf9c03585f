// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/verifier.hpp"

#include "hal/registry.hpp"
#include "src/verification/sha256.hpp"
#include "tests/secrets/declassifying.hpp"
#include "tests/secrets/poison.hpp"
#include "tests/support/softhsm.hpp"
#include "tests/support/swtpm.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>

namespace holdfast::test {

template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(told(result.error()));
  return std::move(result).value();
}

/// Fails where nobody follows the secrets: it would say nothing then.
class Watched : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(is_watched()) << "run by tests/secrets/run, under valgrind"; }
  void TearDown() override { watch_nothing(); }

  /// All of a file, but not the line end: that a PIN file ends with one is no secret.
  static SecretPart all_of(std::string_view secret) { return {0, secret.size()}; }

  /// Signs with the key of `device`, and verifies.
  static void expect_signature(hal::KeyDevice& device, hal::KeyHandle handle, const PublicKey& key) {
    constexpr std::string_view kText = "agent-123:task-123:2026-04-20T00:00:00Z";
    const auto message = std::as_bytes(std::span(kText));
    const Sha256Digest digest = sha256(message);
    const bool is_digest = key.scheme() == Scheme::es256;
    const auto signature =
        device.sign(handle, key.scheme(), is_digest ? std::span<const std::byte>(digest) : message, hal::kNoDeadline);
    ASSERT_TRUE(signature) << told(signature.error());
    EXPECT_TRUE(verify_signature(key, message, *signature));
  }
};

/// A SoftHSM behind the module that notes which secrets reach it.
class WatchedToken : public Watched {
 protected:
  void SetUp() override {
    Watched::SetUp();
    ASSERT_TRUE(SoftHsm::is_installed());
    setenv("HOLDFAST_SECRETS_MODULE", SoftHsm::module_path().c_str(), 1);
    seen() = {};
  }
  static SecretsSeen& seen();
  [[nodiscard]] std::string uri(std::string_view object = "agent") const;
  [[nodiscard]] Result<hal::DevicePtr> open(const std::string& uri, hal::DeviceAccess access) const;

  const SoftHsm hsm_;
};

/// A TPM behind the TCTI that sees every command.
class WatchedTpm : public Watched {
 protected:
  void SetUp() override;
  void TearDown() override;
  [[nodiscard]] std::string uri() const;
  [[nodiscard]] std::string pin_file(std::string_view pin) const;
  /// Commands that held something marked: an HMAC, an encrypted parameter.
  static std::uint64_t secret_commands();

  std::optional<Swtpm> tpm_;
};

}  // namespace holdfast::test
