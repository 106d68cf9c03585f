// SPDX-License-Identifier: Apache-2.0
//
// A header costs no call of the allocator, on a real module, but for those the module makes itself.
#include "holdfast/signer.hpp"

#include "tests/bench/heap_calls.hpp"
#include "tests/integration/pkcs11/on_token.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <memory>

namespace holdfast::test {
namespace {

using namespace std::chrono_literals;

struct LibraryCloser {
  void operator()(void* library) const { dlclose(library); }
};

class Pkcs11Heap : public OnToken, public ::testing::WithParamInterface<Scheme> {
 protected:
  void SetUp() override {
    if (!bench::kHeapCallsAreCounted) GTEST_SKIP() << "sanitizer: it has its own allocator";
    OnToken::SetUp();
    if (IsSkipped()) return;
    shim_.reset(dlopen(SoftHsm::shim_path().c_str(), RTLD_NOW | RTLD_LOCAL));
    ASSERT_NE(shim_, nullptr);
    is_inside_ = reinterpret_cast<bool (*)()>(dlsym(shim_.get(), "holdfast_shim_is_inside_native_call"));
    ASSERT_NE(is_inside_, nullptr);
  }
  void TearDown() override {
    bench::leave_out_calls_while(nullptr);
    OnToken::TearDown();
  }
  Signer open_signer() const {
    make_key(GetParam());
    SignerOptions options;
    const std::string uri = shimmed();
    options.runtime_id = "agent-123";
    options.key_uri = uri;
    options.max_age = 120s;  // so that a header is reused whichever second it is
    return Signer::open(options).value();
  }
  // Calls of the allocator for `kHeaders` headers.
  static std::uint64_t heap_calls_of(Signer& signer, Freshness freshness) {
    const TaskId task = TaskId::parse("task-1").value();
    std::array<char, kMaxAuthorizationSize> out{};
    bool is_ok = signer.authorization(task, 5s, out, freshness).has_value();
    const std::uint64_t before = bench::heap_calls();
    for (int i = 0; i < kHeaders; ++i) is_ok = signer.authorization(task, 5s, out, freshness).has_value() && is_ok;
    const std::uint64_t after = bench::heap_calls();
    EXPECT_TRUE(is_ok);
    return after - before;
  }

  static constexpr int kHeaders = 50;
  std::unique_ptr<void, LibraryCloser> shim_;
  bool (*is_inside_)() = nullptr;
};

TEST_P(Pkcs11Heap, TheCounterCountsWhatIsOursAndWhatIsTheModules) {
  const std::uint64_t before = bench::heap_calls();
  void* volatile memory = std::malloc(16);
  std::free(memory);
  EXPECT_EQ(bench::heap_calls(), before + 1);
  Signer signer = open_signer();
  // SoftHSM allocates in every signature: with nothing left out, that shows.
  EXPECT_GE(heap_calls_of(signer, Freshness::fresh), std::uint64_t{kHeaders});
}

TEST_P(Pkcs11Heap, AFreshHeaderAllocatesNothingOfOurs) {
  Signer signer = open_signer();
  bench::leave_out_calls_while(is_inside_);
  EXPECT_EQ(heap_calls_of(signer, Freshness::fresh), 0U);
}

TEST_P(Pkcs11Heap, AReusedHeaderAllocatesNothingAtAll) {
  Signer signer = open_signer();
  EXPECT_EQ(heap_calls_of(signer, Freshness::reuse), 0U);
  EXPECT_EQ(signer.counters().headers_reused, std::uint64_t{kHeaders});
}

INSTANTIATE_TEST_SUITE_P(Schemes, Pkcs11Heap, ::testing::Values(Scheme::ed25519, Scheme::es256),
                         [](const auto& scheme) { return std::string(scheme_name(scheme.param)); });

}  // namespace
}  // namespace holdfast::test
