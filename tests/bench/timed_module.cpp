// SPDX-License-Identifier: Apache-2.0
//
// A PKCS#11 module in front of another that measures how long the signing calls below it take: what a header costs
// beside exactly these calls is then known without the noise of a second signature.
#include "tests/support/forwarding_table.hpp"

#include <chrono>
#include <cstdint>

#define HOLDFAST_EXPORT __attribute__((visibility("default")))

namespace holdfast::bench {
namespace {

using Steady = std::chrono::steady_clock;

CK_FUNCTION_LIST* g_real = nullptr;
std::int64_t g_nanoseconds = 0;  // one thread signs

// The clock's own time is left to the caller, half of it at each end.
template <typename Call>
CK_RV timed(Call call) {
  const auto start = Steady::now();
  const CK_RV result = call();
  g_nanoseconds += std::chrono::nanoseconds(Steady::now() - start).count();
  return result;
}

CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  return timed([&] { return g_real->C_SignInit(session, mechanism, key); });
}

CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG size, CK_BYTE* signature, CK_ULONG* signature_size) {
  return timed([&] { return g_real->C_Sign(session, data, size, signature, signature_size); });
}

}  // namespace
}  // namespace holdfast::bench

extern "C" {
HOLDFAST_EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  using namespace holdfast::bench;
  static CK_FUNCTION_LIST table;
  if (g_real == nullptr) {
    g_real = holdfast::test::real_module("HOLDFAST_TIMED_MODULE");
    if (g_real == nullptr) return CKR_LIBRARY_LOAD_FAILED;
    table = *g_real;
    table.C_SignInit = sign_init;
    table.C_Sign = sign;
  }
  *list = &table;
  return CKR_OK;
}
HOLDFAST_EXPORT std::int64_t holdfast_timed_module_nanoseconds() { return holdfast::bench::g_nanoseconds; }
}
