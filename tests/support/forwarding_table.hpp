// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <p11-kit/pkcs11.h>

#include <dlfcn.h>

#include <cstddef>
#include <cstdlib>
#include <string_view>
#include <type_traits>

/// A PKCS#11 function table that stands in front of another module's. Shared by the two test modules; each is a
/// library of its own with its own copy.
namespace holdfast::test {

// clang-format never agrees with itself on this list.
// clang-format off
#define HOLDFAST_CRYPTOKI_FUNCTIONS(X)                                                                              \
  X(C_Initialize)                                                                                                   \
  X(C_Finalize)                                                                                                     \
  X(C_GetInfo)                                                                                                      \
  X(C_GetFunctionList) X(C_GetSlotList) X(C_GetSlotInfo) X(C_GetTokenInfo) X(C_GetMechanismList)                    \
      X(C_GetMechanismInfo) X(C_InitToken) X(C_InitPIN) X(C_SetPIN) X(C_OpenSession) X(C_CloseSession)              \
          X(C_CloseAllSessions) X(C_GetSessionInfo) X(C_GetOperationState) X(C_SetOperationState) X(C_Login)        \
              X(C_Logout) X(C_CreateObject) X(C_CopyObject) X(C_DestroyObject) X(C_GetObjectSize)                   \
                  X(C_GetAttributeValue) X(C_SetAttributeValue) X(C_FindObjectsInit) X(C_FindObjects)               \
                      X(C_FindObjectsFinal) X(C_EncryptInit) X(C_Encrypt) X(C_EncryptUpdate) X(C_EncryptFinal)      \
                          X(C_DecryptInit) X(C_Decrypt) X(C_DecryptUpdate) X(C_DecryptFinal) X(C_DigestInit)        \
                              X(C_Digest) X(C_DigestUpdate) X(C_DigestKey) X(C_DigestFinal) X(C_SignInit) X(C_Sign) \
                                  X(C_SignUpdate) X(C_SignFinal) X(C_SignRecoverInit) X(C_SignRecover)              \
                                      X(C_VerifyInit) X(C_Verify) X(C_VerifyUpdate) X(C_VerifyFinal)                \
                                          X(C_VerifyRecoverInit) X(C_VerifyRecover) X(C_DigestEncryptUpdate)        \
                                              X(C_DecryptDigestUpdate) X(C_SignEncryptUpdate)                       \
                                                  X(C_DecryptVerifyUpdate) X(C_GenerateKey) X(C_GenerateKeyPair)    \
                                                      X(C_WrapKey) X(C_UnwrapKey) X(C_DeriveKey) X(C_SeedRandom)    \
                                                          X(C_GenerateRandom) X(C_GetFunctionStatus)                \
                                                              X(C_CancelFunction) X(C_WaitForSlotEvent)
// clang-format on

enum class Function : std::size_t {
#define HOLDFAST_ENUMERATOR(name) name,
  HOLDFAST_CRYPTOKI_FUNCTIONS(HOLDFAST_ENUMERATOR)
#undef HOLDFAST_ENUMERATOR
      count
};

inline constexpr std::size_t kFunctionCount = static_cast<std::size_t>(Function::count);
inline constexpr std::string_view kFunctionNames[kFunctionCount] = {
#define HOLDFAST_NAME(name) #name,
    HOLDFAST_CRYPTOKI_FUNCTIONS(HOLDFAST_NAME)
#undef HOLDFAST_NAME
};

/// The function called `name`; `Function::count` if there is none.
[[nodiscard]] inline Function function_named(std::string_view name) noexcept {
  std::size_t index = 0;
  while (index < kFunctionCount && kFunctionNames[index] != name) ++index;
  return static_cast<Function>(index);
}

/// Whether the first argument is a session. (CK_SLOT_ID has the same type.)
[[nodiscard]] constexpr bool takes_session(Function function) noexcept {
  switch (function) {
    case Function::C_Initialize:
    case Function::C_Finalize:
    case Function::C_GetInfo:
    case Function::C_GetFunctionList:
    case Function::C_GetSlotList:
    case Function::C_GetSlotInfo:
    case Function::C_GetTokenInfo:
    case Function::C_GetMechanismList:
    case Function::C_GetMechanismInfo:
    case Function::C_InitToken:
    case Function::C_OpenSession:
    case Function::C_CloseAllSessions:
    case Function::C_WaitForSlotEvent:
      return false;
    default:
      return true;
  }
}

/// The function list of the module that the environment variable `variable` names; null if it cannot be loaded.
[[nodiscard]] inline CK_FUNCTION_LIST* real_module(const char* variable) noexcept {
  const char* path = std::getenv(variable);
  void* library = path != nullptr ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (library == nullptr) return nullptr;
  const auto get_list = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* list = nullptr;
  return get_list != nullptr && get_list(&list) == CKR_OK ? list : nullptr;
}

/// One entry: hands the call, and how to make it on the real module, to `Policy::call`.
template <typename Policy, Function kFunction, auto kMember, typename = std::remove_const_t<decltype(kMember)>>
struct Entry;

template <typename Policy, Function kFunction, auto kMember, typename... Arguments>
struct Entry<Policy, kFunction, kMember, CK_RV (*CK_FUNCTION_LIST::*)(Arguments...)> {
  static CK_RV call(Arguments... arguments) {
    return Policy::call(
        kFunction, [&](const CK_FUNCTION_LIST& real) { return (real.*kMember)(arguments...); }, arguments...);
  }
};

template <typename Policy>
[[nodiscard]] CK_FUNCTION_LIST forwarding_table() noexcept {
  CK_FUNCTION_LIST table{};
  table.version = {2, 40};
#define HOLDFAST_ENTRY(name) table.name = &Entry<Policy, Function::name, &CK_FUNCTION_LIST::name>::call;
  HOLDFAST_CRYPTOKI_FUNCTIONS(HOLDFAST_ENTRY)
#undef HOLDFAST_ENTRY
  return table;
}

}  // namespace holdfast::test
