// SPDX-License-Identifier: Apache-2.0
// How much stack a header takes in our frames, so that a host can make its threads' stacks small, and how much memory
// a signer that waits takes beside its module's. What is printed is read by tests/bench/run footprint.
#include "holdfast/signer.hpp"
#include "holdfast/verifier.hpp"

#include "tests/bench/heap_calls.hpp"
#include "tests/integration/pkcs11/on_token.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/painted_stack.hpp"
#include "tests/support/raw_session.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string_view>

namespace holdfast::test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostStack = std::size_t{8} * 1024;

// Where somebody else's code is entered; what it then uses is its own.
struct Entry {
  PaintedStack* stack;
  std::size_t deepest = 0;

  void note() { deepest = std::max(deepest, stack->depth_here()); }
};

void note_module(const char* function, void* context) {
  if (std::string_view(function).starts_with("C_Sign")) static_cast<Entry*>(context)->note();
}

Entry* verifier = nullptr;

void note_verifier() {
  if (verifier != nullptr) verifier->note();
}

}  // namespace

// What our verifier calls is taken to here by the linker (--wrap): libsodium's and nettle's functions. The memory
// that nettle computes in is ours, above its frame.
extern "C" {
using Octets = const unsigned char*;
int __real_crypto_sign_ed25519_verify_detached(Octets signature, Octets message, unsigned long long size, Octets key);
int __wrap_crypto_sign_ed25519_verify_detached(Octets signature, Octets message, unsigned long long size,
                                               Octets key) {
  note_verifier();
  return __real_crypto_sign_ed25519_verify_detached(signature, message, size, key);
}
int __real_nettle_ecc_ecdsa_verify(const void* curve, const void* point, std::size_t size, Octets digest,
                                   const void* r, const void* s, void* scratch);
int __wrap_nettle_ecc_ecdsa_verify(const void* curve, const void* point, std::size_t size, Octets digest,
                                   const void* r, const void* s, void* scratch) {
  note_verifier();
  return __real_nettle_ecc_ecdsa_verify(curve, point, size, digest, r, s, scratch);
}
}

namespace {

// Of its own: pages of programs and libraries are shared with whoever runs them. A child's are those that it has
// written: what it has from its parent and leaves alone is the parent's, and what it writes there would be new
// elsewhere.
std::size_t own_kibibytes() {
  constexpr std::string_view kField = "Private_Dirty:";
  const std::string memory = read_file("/proc/self/smaps_rollup");
  const std::size_t at = memory.find(kField);
  if (at == std::string::npos) throw std::runtime_error("the kernel does not tell what is the process's own");
  return static_cast<std::size_t>(std::atoll(memory.c_str() + at + kField.size()));
}

// In a process of its own, which has not done anything of the kind yet: what is its own after `open` and was not
// before.
template <typename Open>
std::size_t own_after(const TemporaryFolder& folder, const Open& open) {
  const int ended = run_in_child([&] {
    const std::size_t before = own_kibibytes();
    const auto kept = open();
    return folder.write("own", std::to_string(own_kibibytes() - before)).empty() ? false : true;
  });
  EXPECT_EQ(ended, 0);
  return static_cast<std::size_t>(std::stoul(read_file(folder.file("own"))));
}

// Ahead of the others: this process does not load the module, whose pages its children would inherit. Other than on
// `OnToken` the token is made in a child too.
class Pkcs11Memory : public ::testing::TestWithParam<Scheme> {
 protected:
  void SetUp() override {
    HOLDFAST_SKIP_WITHOUT_SOFTHSM();
    if (!bench::kHeapCallsAreCounted) GTEST_SKIP() << "sanitizer: its allocator keeps what is freed";
    ASSERT_EQ(dlopen(SoftHsm::module_path().c_str(), RTLD_NOW | RTLD_NOLOAD), nullptr)
        << "in a process that has loaded the module";
  }

  const SoftHsm hsm_{""};
};

TEST_P(Pkcs11Memory, ASignerThatWaitsTakesLittleBesideItsModule) {
  const int made = run_in_child([this] {
    hsm_.add_token(SoftHsm::kLabel);
    const auto device = open_for_test(hsm_.uri("", SoftHsm::module_path()), DeviceAccess::provision);
    return device->key_generator()->generate({GetParam(), "agent", {}}, kNoDeadline).has_value();
  });
  ASSERT_EQ(made, 0);
  const std::size_t module = own_after(hsm_.folder(), [] { return std::make_unique<RawSession>(SoftHsm::kLabel); });
  const std::size_t whole = own_after(hsm_.folder(), [this] {
    SignerOptions options;
    const std::string key_uri = hsm_.uri("agent", SoftHsm::module_path());
    options.runtime_id = "agent-123";
    options.key_uri = key_uri;
    return Signer::open(options);
  });
  EXPECT_GT(module, 0U);
  const std::size_t ours = whole - std::min(whole, module);
  EXPECT_LE(ours, 1024U) << "KiB";
  std::printf("memory %s: %zu KiB for the module, %zu KiB for the signer beside it\n",
              std::string(scheme_name(GetParam())).c_str(), module, ours);
}

class Pkcs11Footprint : public OnToken, public ::testing::WithParamInterface<Scheme> {
 protected:
  void SetUp() override {
    if (!bench::kHeapCallsAreCounted) GTEST_SKIP() << "sanitizer: it makes every frame larger";
    OnToken::SetUp();
  }
};

TEST_P(Pkcs11Footprint, TheWayToTheModuleAndTheVerificationAreBounded) {
  make_key(GetParam());
  SignerOptions options;
  const std::string uri = shimmed();
  options.runtime_id = "agent-123";
  options.key_uri = uri;
  Signer signer = Signer::open(options).value();
  const TaskId task = TaskId::parse("task-1").value();
  std::array<char, kMaxAuthorizationSize> out{};
  bool is_ok = true;
  const auto sign = [&] { is_ok = signer.authorization(task, 5s, out, Freshness::fresh).has_value() && is_ok; };

  PaintedStack stack;
  Entry to_module{&stack};
  Entry to_verifier{&stack};
  verifier = &to_verifier;
  shim_control().observe(note_module, &to_module);
  // The first call resolves symbols and sets up what a thread of the module has.
  const std::size_t whole = stack.used_by(sign, sign);
  shim_control().observe(nullptr, nullptr);
  ASSERT_TRUE(is_ok);
  EXPECT_GT(to_module.deepest, 0U);
  EXPECT_LE(to_module.deepest, kMostStack);
  EXPECT_GT(to_verifier.deepest, 0U);
  EXPECT_LE(to_verifier.deepest, kMostStack);
  const std::size_t while_signing = to_verifier.deepest;

  const TaskRegistration registration = signer.sign_task_registration(5s).value();
  const auto verify = [&] {
    is_ok = verify_task_registration(signer.runtime_id(), registration.timestamp.view(),
                                     registration.signature.view(), signer.public_key(), {hal::system_clock().wall()})
                .has_value() &&
            is_ok;
  };
  to_verifier.deepest = 0;
  const std::size_t verification = stack.used_by(verify, verify);
  verifier = nullptr;
  ASSERT_TRUE(is_ok);
  EXPECT_GT(to_verifier.deepest, 0U);
  EXPECT_LE(to_verifier.deepest, kMostStack);
  std::printf("stack %s: module %zu verifier %zu whole %zu server %zu all %zu\n",
              std::string(scheme_name(GetParam())).c_str(), to_module.deepest, while_signing, whole,
              to_verifier.deepest, verification);
}

constexpr auto kName = [](const auto& scheme) { return std::string(scheme_name(scheme.param)); };

INSTANTIATE_TEST_SUITE_P(Schemes, Pkcs11Footprint, ::testing::Values(Scheme::ed25519, Scheme::es256), kName);
INSTANTIATE_TEST_SUITE_P(Schemes, Pkcs11Memory, ::testing::Values(Scheme::ed25519, Scheme::es256), kName);

}  // namespace
}  // namespace holdfast::test
