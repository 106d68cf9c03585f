// SPDX-License-Identifier: Apache-2.0
//
// tpm2-pkcs11 whose TPM is reset under it: the key is still found, its session looks well, and no signature succeeds
// until the module is reset.
#include "hal/clock.hpp"
#include "hal/registry.hpp"
#include "src/signer/signer_core.hpp"
#include "tests/recovery/working_signer.hpp"
#include "tests/support/tpm2_pkcs11.hpp"

#include <optional>

namespace holdfast::test {
namespace {

// A signer without the key policy gate, which lets no key of this module pass: tpm2-pkcs11 1.9 says CKA_DECRYPT of
// every P-256 key and takes no template that says otherwise. Its recovery is worth seeing all the same.
class UngatedSigner {
 public:
  explicit UngatedSigner(const std::string& uri)
      : device_(open(uri)), core_(*device_, hal::system_clock(), parts(*device_)) {}

  Error ask(std::chrono::nanoseconds timeout) {
    std::array<char, kMaxAuthorizationSize> out{};
    const auto size = core_.authorization(TaskId::parse("task-123").value(), timeout, out, Freshness::fresh);
    if (!size) return size.error();
    const auto parsed = parse_authorization({out.data(), *size});
    EXPECT_TRUE(parsed &&
                verify_assertion(*parsed, core_.public_key(), {.now = {std::time(nullptr)}, .seconds = 300}));
    return {};
  }
  Error register_task(std::chrono::nanoseconds timeout) {
    const auto registration = core_.sign_task_registration(timeout);
    return registration ? Error() : registration.error();
  }
  [[nodiscard]] SignerCounters counters() const { return core_.counters(); }

 private:
  template <typename T>
  static T must(Result<T> result) {
    if (!result) throw std::runtime_error(as_told(result.error()));
    return std::move(result).value();
  }
  static hal::DevicePtr open(const std::string& uri) {
    hal::DeviceOptions options;
    options.uri = uri;
    options.sessions = 1;
    return must(hal::open_device(options));
  }
  static SignerCore::Parts parts(hal::KeyDevice& device) {
    hal::ForkGuard guard = must(hal::ForkGuard::create());
    const hal::KeyHandle key = must(device.find_key({}, hal::kNoDeadline));
    const hal::KeyDescription description = must(device.describe(key));
    return {must(RuntimeId::parse("agent-123")),
            VerifySignatures::always,
            key,
            must(SignatureVerifier::prepare(*description.public_key)),
            std::move(guard),
            must(HeaderCache::create(1, std::chrono::seconds(0), hal::system_clock())),
            nullptr};
  }

  hal::DevicePtr device_;
  SignerCore core_;
};

class Tpm2Pkcs11Recovery : public testing::Test {
 protected:
  void SetUp() override {
    HOLDFAST_SKIP_WITHOUT_TPM2_PKCS11();
    token_.emplace();
  }
  std::optional<Tpm2Pkcs11> token_;
};

TEST_F(Tpm2Pkcs11Recovery, ATpmResetIsRecoveredByAModuleReset) {
  UngatedSigner signer(token_->uri());
  EXPECT_ASKED(signer.ask(60s), ok);
  token_->tpm().restart();
  EXPECT_ASKED(signer.ask(60s), ok);
  EXPECT_GE(signer.counters().resets, 1U);
  EXPECT_EQ(signer.counters().recoveries, 1U);
  EXPECT_ASKED(signer.register_task(60s), ok);
}

TEST_F(Tpm2Pkcs11Recovery, ATpmThatStaysAwayIsBoundedAndThenRecovered) {
  UngatedSigner signer(token_->uri());
  EXPECT_ASKED(signer.ask(60s), ok);
  token_->tpm().stop();
  EXPECT_ASKED(signer.ask(300ms), device_gone);
  token_->tpm().start();
  EXPECT_ASKED(signer.ask(60s), ok);
}

TEST_F(Tpm2Pkcs11Recovery, ItsKeysDoNotPassTheGate) {
  SignerOptions options;
  options.runtime_id = "agent-123";
  const std::string uri = token_->uri();
  options.key_uri = uri;
  EXPECT_EQ(Signer::open(options).status(), Status::key_refused);
}

}  // namespace
}  // namespace holdfast::test
