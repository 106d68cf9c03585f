// SPDX-License-Identifier: Apache-2.0
//
// Every piece of memory that opening a signer takes, refused in turn: pages, locks and advice on them, and the heap.
// The linker puts the functions below in front of the C library's, for the code that this program is linked from only
// (--wrap): what a module or a TCTI takes is not ours to fail.
#include "holdfast/signer.hpp"

#include "hal/registry.hpp"
#ifdef HOLDFAST_WITH_PKCS11
#include "tests/support/softhsm.hpp"
#endif
#ifdef HOLDFAST_WITH_TPM2
#include "tests/support/swtpm.hpp"
#endif

#include <gtest/gtest.h>

#include <errno.h>
#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <functional>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::fault {
namespace {

struct Ledger {
  bool is_counting = false;
  std::size_t fails_at = 0;  // 0: nothing fails
  std::vector<const char*> taken;
  std::ptrdiff_t pages = 0;  // mappings made less mappings given back, over all time
};
Ledger ledger;

// True if this call is to be refused.
bool refuses(const char* what) {
  if (!ledger.is_counting) return false;
  ledger.taken.push_back(what);
  return ledger.taken.size() == ledger.fails_at;
}

}  // namespace
}  // namespace holdfast::fault

using holdfast::fault::ledger;
using holdfast::fault::refuses;

extern "C" {
// NOLINTBEGIN: the linker's names
void* __real_mmap(void* at, std::size_t size, int protection, int flags, int file, off_t offset);
int __real_munmap(void* at, std::size_t size);
int __real_mlock(const void* at, std::size_t size);
int __real_madvise(void* at, std::size_t size, int advice);
void* __real__ZnwmRKSt9nothrow_t(std::size_t size, const std::nothrow_t&);

void* __wrap_mmap(void* at, std::size_t size, int protection, int flags, int file, off_t offset) {
  if (refuses("mmap")) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  void* pages = __real_mmap(at, size, protection, flags, file, offset);
  if (pages != MAP_FAILED) ++ledger.pages;
  return pages;
}
int __wrap_munmap(void* at, std::size_t size) {
  --ledger.pages;
  return __real_munmap(at, size);
}
int __wrap_mlock(const void* at, std::size_t size) {
  if (!refuses("mlock")) return __real_mlock(at, size);
  errno = ENOMEM;
  return -1;
}
int __wrap_madvise(void* at, std::size_t size, int advice) {
  if (!refuses("madvise")) return __real_madvise(at, size, advice);
  errno = EAGAIN;
  return -1;
}
void* __wrap__ZnwmRKSt9nothrow_t(std::size_t size, const std::nothrow_t& tag) {
  return refuses("operator new") ? nullptr : __real__ZnwmRKSt9nothrow_t(size, tag);
}
// NOLINTEND
}

namespace holdfast::fault {
namespace {

// Opens again and again; the nth piece of memory is refused, until an open needs no nth one.
void walk(const std::string& uri, const std::string& pin_source, const std::function<std::string()>& left_open) {
  SignerOptions options;
  options.runtime_id = "agent-123";
  options.key_uri = uri;
  options.pin_source = pin_source;
  const auto open = [&](std::size_t fails_at) {
    ledger.taken.clear();
    ledger.fails_at = fails_at;
    ledger.is_counting = true;
    auto signer = Signer::open(options);
    ledger.is_counting = false;
    return signer;
  };
  const std::ptrdiff_t pages = ledger.pages;
  ASSERT_TRUE(open(0).has_value());
  const std::vector<const char*> recorded = ledger.taken;
  ASSERT_EQ(ledger.pages, pages) << "closing gives all back";
  std::size_t walked = 0;
  for (std::size_t nth = 1; nth <= recorded.size(); ++nth, ++walked) {
    const std::string name = std::string(recorded[nth - 1]) + ":" + std::to_string(nth);
    const auto signer = open(nth);
    std::array<char, 512> text{};
    EXPECT_EQ(signer.status(), Status::resource_exhausted)
        << name << ": " << (signer ? "it worked" : write_message(signer.error(), text));
    EXPECT_EQ(ledger.taken.size(), nth) << name << ": it went on";
    EXPECT_EQ(ledger.pages, pages) << name << ": pages are lost";
    EXPECT_EQ(left_open(), "") << name;
  }
  EXPECT_TRUE(open(0).has_value()) << "the next call";
  EXPECT_EQ(walked, recorded.size());
  EXPECT_GT(walked, 5U);
  std::printf("%s: %zu pieces of memory at open, each refused\n", uri.substr(0, uri.find(':')).c_str(), walked);
}

#ifdef HOLDFAST_WITH_PKCS11
TEST(OpenMemory, EveryPieceIsRefusedInTurnOverSoftHsm) {
  HOLDFAST_SKIP_WITHOUT_SOFTHSM();
  const test::SoftHsm hsm;
  {
    const auto device =
        test::open_for_test(hsm.uri("", test::SoftHsm::module_path()), hal::DeviceAccess::provision, 1);
    ASSERT_TRUE(device->key_generator()->generate({Scheme::ed25519, "agent", {}}, hal::kNoDeadline));
  }
  const test::ShimControl& shim = test::shim_control();
  walk(hsm.uri("agent", test::SoftHsm::shim_path()), "", [&shim]() -> std::string {
    if (shim.initialised() != 0) return "the module is left initialised";
    return shim.sessions_at_end() != 0 ? "sessions are left open" : "";
  });
}
#endif

#ifdef HOLDFAST_WITH_TPM2
TEST(OpenMemory, EveryPieceIsRefusedInTurnOverSwtpm) {
  HOLDFAST_SKIP_WITHOUT_SWTPM();
  const test::Swtpm tpm;
  const std::string pin = "file:" + tpm.folder().write("pin", "an auth value\n");
  {
    const auto device = test::open_tpm(tpm.file_uri("agent"), hal::DeviceAccess::provision, pin);
    ASSERT_TRUE(device->key_generator()->generate({Scheme::es256, "", {}}, hal::kNoDeadline));
  }
  walk(tpm.file_uri("agent"), pin, [&tpm]() -> std::string {
    return tpm.slots() == test::Swtpm::Slots{} ? "" : "objects or sessions are left in the TPM";
  });
}
#endif

}  // namespace
}  // namespace holdfast::fault
