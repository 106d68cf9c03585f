// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/raw_module.hpp"

#include "tests/bench/bench_token.hpp"

#include <dlfcn.h>

#include <array>
#include <span>
#include <stdexcept>
#include <string_view>

namespace holdfast::bench {

void require(CK_RV result, const char* what) {
  if (result != CKR_OK) throw std::runtime_error(std::string(what) + " failed");
}

CK_FUNCTION_LIST& raw_module(const std::string& path) {
  void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) throw std::runtime_error("the module cannot be loaded");
  const auto get_list = reinterpret_cast<CK_C_GetFunctionList>(dlsym(module, "C_GetFunctionList"));
  CK_FUNCTION_LIST* calls = nullptr;
  require(get_list(&calls), "C_GetFunctionList");
  return *calls;
}

CK_SLOT_ID bench_slot(CK_FUNCTION_LIST& calls) {
  std::array<CK_SLOT_ID, 8> slots{};
  CK_ULONG count = slots.size();
  require(calls.C_GetSlotList(CK_TRUE, slots.data(), &count), "C_GetSlotList");
  const std::string_view wanted = BenchToken::kLabel;
  for (const CK_SLOT_ID slot : std::span(slots).first(count)) {
    CK_TOKEN_INFO info{};
    require(calls.C_GetTokenInfo(slot, &info), "C_GetTokenInfo");
    const std::string_view label(reinterpret_cast<const char*>(info.label), sizeof info.label);
    if (label.starts_with(wanted) && label.find_first_not_of(' ', wanted.size()) == std::string_view::npos)
      return slot;
  }
  throw std::runtime_error("the bench's token is not there");
}

}  // namespace holdfast::bench
