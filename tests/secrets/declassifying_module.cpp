// SPDX-License-Identifier: Apache-2.0
//
// A PKCS#11 module in front of the one that HOLDFAST_SECRETS_MODULE names. What a caller hands over goes down as it
// is, marked as secret or not; what a module answers is its to tell (a signature, a ciphertext, an attribute that it
// lets be read), and is not marked any more.
#include "tests/secrets/declassifying.hpp"
#include "tests/support/forwarding_table.hpp"

#include <valgrind/memcheck.h>

#include <algorithm>
#include <vector>

namespace holdfast::test {
namespace {

SecretsSeen g_seen;
CK_FUNCTION_LIST* g_real = nullptr;

bool holds_poison(const void* bytes, std::size_t size) {
  std::vector<unsigned char> bits(size);
  if (bytes == nullptr || VALGRIND_GET_VBITS(bytes, bits.data(), size) != 1) return false;
  return std::ranges::any_of(bits, [](unsigned char one) { return one != 0; });
}

void tell(const void* bytes, std::size_t size) {
  if (bytes != nullptr) (void)VALGRIND_MAKE_MEM_DEFINED(bytes, size);
}

// ---- on the way down -------------------------------------------------------------------------------------------

template <typename... Rest>
void look_at(Function, Rest...) {}
// C_InitToken
void look_at(Function, CK_SLOT_ID, CK_BYTE* pin, CK_ULONG size, CK_BYTE*) { g_seen.pins += holds_poison(pin, size); }
// C_InitPIN, and others that are given bytes
void look_at(Function function, CK_SESSION_HANDLE, CK_BYTE* pin, CK_ULONG size) {
  if (function == Function::C_InitPIN) g_seen.pins += holds_poison(pin, size);
}
// C_Login
void look_at(Function, CK_SESSION_HANDLE, CK_USER_TYPE, CK_BYTE* pin, CK_ULONG size) {
  g_seen.pins += holds_poison(pin, size);
}
// C_CreateObject
void look_at(Function function, CK_SESSION_HANDLE, CK_ATTRIBUTE* attributes, CK_ULONG count, CK_OBJECT_HANDLE*) {
  if (function != Function::C_CreateObject) return;
  for (CK_ULONG i = 0; i < count; ++i) g_seen.values += holds_poison(attributes[i].pValue, attributes[i].ulValueLen);
}
// C_Encrypt, C_Sign and their like
void look_at(Function, CK_SESSION_HANDLE, CK_BYTE* in, CK_ULONG size, CK_BYTE*, CK_ULONG*) {
  g_seen.values += holds_poison(in, size);
}

// ---- on the way back -------------------------------------------------------------------------------------------

template <typename... Rest>
void let_go(Function, Rest...) {}
// C_Encrypt, C_Sign and their like
void let_go(Function, CK_SESSION_HANDLE, CK_BYTE*, CK_ULONG, CK_BYTE* out, CK_ULONG* size) {
  tell(size, sizeof *size);
  tell(out, *size);
}
// C_FindObjects
void let_go(Function, CK_SESSION_HANDLE, CK_OBJECT_HANDLE* found, CK_ULONG, CK_ULONG* count) {
  tell(count, sizeof *count);
  tell(found, *count * sizeof *found);
}
// C_GetAttributeValue
void let_go(Function function, CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_ATTRIBUTE* attributes, CK_ULONG count) {
  if (function != Function::C_GetAttributeValue) return;
  for (CK_ULONG i = 0; i < count; ++i) {
    tell(&attributes[i].ulValueLen, sizeof attributes[i].ulValueLen);
    if (attributes[i].ulValueLen != CK_UNAVAILABLE_INFORMATION) tell(attributes[i].pValue, attributes[i].ulValueLen);
  }
}
// C_CreateObject
void let_go(Function, CK_SESSION_HANDLE, CK_ATTRIBUTE*, CK_ULONG, CK_OBJECT_HANDLE* object) {
  tell(object, sizeof *object);
}
// C_UnwrapKey
void let_go(Function, CK_SESSION_HANDLE, CK_MECHANISM*, CK_OBJECT_HANDLE, CK_BYTE*, CK_ULONG, CK_ATTRIBUTE*, CK_ULONG,
            CK_OBJECT_HANDLE* object) {
  tell(object, sizeof *object);
}

struct Declassifying {
  template <typename Native, typename... Arguments>
  static CK_RV call(Function function, Native native, Arguments... arguments) {
    look_at(function, arguments...);
    CK_RV code = native(*g_real);
    tell(&code, sizeof code);
    if (code == CKR_OK) let_go(function, arguments...);
    return code;
  }
};

}  // namespace
}  // namespace holdfast::test

extern "C" {
__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  using namespace holdfast::test;
  static CK_FUNCTION_LIST table = forwarding_table<Declassifying>();
  if (g_real == nullptr) g_real = real_module("HOLDFAST_SECRETS_MODULE");
  if (g_real == nullptr) return CKR_GENERAL_ERROR;
  table.C_GetFunctionList = &C_GetFunctionList;
  *list = &table;
  return CKR_OK;
}
__attribute__((visibility("default"))) holdfast::test::SecretsSeen* holdfast_secrets_seen() {
  return &holdfast::test::g_seen;
}
}
