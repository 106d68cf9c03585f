// SPDX-License-Identifier: Apache-2.0
#include "tests/support/raw_session.hpp"

#include "tests/support/softhsm.hpp"

#include <dlfcn.h>

#include <array>
#include <stdexcept>

namespace holdfast::test {
namespace {

constexpr CK_BYTE kEd25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};
constexpr CK_BYTE kP256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
constexpr CK_BYTE kP384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};

template <std::size_t Size>
CK_ATTRIBUTE params(const CK_BYTE (&oid)[Size]) {
  return {CKA_EC_PARAMS, const_cast<CK_BYTE*>(oid), Size};
}

CK_ATTRIBUTE text(CK_ATTRIBUTE_TYPE type, std::string_view value) {
  return {type, const_cast<char*>(value.data()), value.size()};
}

CK_BBOOL g_yes = CK_TRUE;
CK_BBOOL g_no = CK_FALSE;
CK_ATTRIBUTE flag(CK_ATTRIBUTE_TYPE type, bool value) { return {type, value ? &g_yes : &g_no, sizeof(CK_BBOOL)}; }

}  // namespace

void require_ok(CK_RV code, const char* what) {
  if (code != CKR_OK) throw std::runtime_error(std::string(what) + " answered " + std::to_string(code));
}

CK_FUNCTION_LIST& softhsm_functions() {
  void* library = dlopen(SoftHsm::module_path().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error("SoftHSM cannot be loaded");
  const auto get_list = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* list = nullptr;
  require_ok(get_list(&list), "C_GetFunctionList");
  return *list;
}

RawSession::RawSession(std::string_view label) : calls_(&softhsm_functions()) {
  CK_C_INITIALIZE_ARGS arguments{};
  arguments.flags = CKF_OS_LOCKING_OK;
  require_ok(calls_->C_Initialize(&arguments), "C_Initialize");
  std::array<CK_SLOT_ID, 64> slots{};
  CK_ULONG count = slots.size();
  require_ok(calls_->C_GetSlotList(CK_TRUE, slots.data(), &count), "C_GetSlotList");
  for (CK_ULONG i = 0; i < count; ++i) {
    CK_TOKEN_INFO info{};
    require_ok(calls_->C_GetTokenInfo(slots[i], &info), "C_GetTokenInfo");
    if (!std::string_view(reinterpret_cast<const char*>(info.label), sizeof info.label)
             .starts_with(std::string(label) + " ")) {
      continue;
    }
    require_ok(calls_->C_OpenSession(slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session_),
               "C_OpenSession");
    std::string pin(SoftHsm::kUserPin);
    require_ok(calls_->C_Login(session_, CKU_USER, reinterpret_cast<CK_BYTE*>(pin.data()), pin.size()), "C_Login");
    return;
  }
  throw std::runtime_error("no such token");
}

RawSession::~RawSession() { calls_->C_Finalize(nullptr); }

void RawSession::make(CK_MECHANISM_TYPE mechanism, std::vector<CK_ATTRIBUTE> open, std::string_view label,
                      std::string_view id, const std::vector<Flag>& flags) const {
  std::vector<CK_ATTRIBUTE> hidden = {flag(CKA_TOKEN, true), flag(CKA_SIGN, true), text(CKA_LABEL, label),
                                      text(CKA_ID, id)};
  for (const Flag& one : flags) hidden.push_back(flag(one.type, one.value));
  open.insert(open.end(), {flag(CKA_TOKEN, true), text(CKA_LABEL, label), text(CKA_ID, id)});
  CK_MECHANISM how{mechanism, nullptr, 0};
  CK_OBJECT_HANDLE open_key = 0;
  CK_OBJECT_HANDLE hidden_key = 0;
  require_ok(calls_->C_GenerateKeyPair(session_, &how, open.data(), open.size(), hidden.data(), hidden.size(),
                                       &open_key, &hidden_key),
             "C_GenerateKeyPair");
}

void RawSession::make_pair(Scheme scheme, std::string_view label, std::string_view id,
                           std::vector<Flag> flags) const {
  if (scheme == Scheme::ed25519) {
    make(CKM_EC_EDWARDS_KEY_PAIR_GEN, {params(kEd25519)}, label, id, flags);
  } else {
    make(CKM_EC_KEY_PAIR_GEN, {params(kP256)}, label, id, flags);
  }
}

void RawSession::make_rsa_pair(std::string_view label) const {
  static CK_ULONG bits = 2048;
  static CK_BYTE exponent[] = {1, 0, 1};
  make(CKM_RSA_PKCS_KEY_PAIR_GEN,
       {{CKA_MODULUS_BITS, &bits, sizeof bits}, {CKA_PUBLIC_EXPONENT, exponent, sizeof exponent}}, label, "rsa", {});
}

void RawSession::make_p384_pair(std::string_view label) const {
  make(CKM_EC_KEY_PAIR_GEN, {params(kP384)}, label, "p384", {});
}

void RawSession::make_others() const {
  CK_OBJECT_CLASS data_class = CKO_DATA;
  CK_OBJECT_CLASS public_class = CKO_PUBLIC_KEY;
  CK_KEY_TYPE edwards = CKK_EC_EDWARDS;
  std::array<CK_BYTE, 34> point{0x04, 0x20, 0x01};
  CK_ATTRIBUTE data[] = {{CKA_CLASS, &data_class, sizeof data_class},
                         flag(CKA_TOKEN, true),
                         flag(CKA_PRIVATE, false),
                         text(CKA_LABEL, "some-other-object")};
  CK_ATTRIBUTE key[] = {{CKA_CLASS, &public_class, sizeof public_class},
                        {CKA_KEY_TYPE, &edwards, sizeof edwards},
                        flag(CKA_TOKEN, true),
                        flag(CKA_PRIVATE, false),
                        text(CKA_LABEL, "some-other-object"),
                        text(CKA_ID, "other"),
                        params(kEd25519),
                        {CKA_EC_POINT, point.data(), point.size()}};
  CK_OBJECT_HANDLE made = 0;
  require_ok(calls_->C_CreateObject(session_, data, std::size(data), &made), "C_CreateObject");
  require_ok(calls_->C_CreateObject(session_, key, std::size(key), &made), "C_CreateObject");
}

void RawSession::remove_public(std::string_view label) const {
  CK_OBJECT_CLASS object_class = CKO_PUBLIC_KEY;
  CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &object_class, sizeof object_class}, text(CKA_LABEL, label)};
  require_ok(calls_->C_FindObjectsInit(session_, wanted, std::size(wanted)), "C_FindObjectsInit");
  CK_OBJECT_HANDLE found = 0;
  CK_ULONG count = 0;
  require_ok(calls_->C_FindObjects(session_, &found, 1, &count), "C_FindObjects");
  require_ok(calls_->C_FindObjectsFinal(session_), "C_FindObjectsFinal");
  if (count == 1) require_ok(calls_->C_DestroyObject(session_, found), "C_DestroyObject");
}

std::size_t RawSession::count_objects() const {
  require_ok(calls_->C_FindObjectsInit(session_, nullptr, 0), "C_FindObjectsInit");
  std::size_t total = 0;
  CK_ULONG count = 1;
  while (count != 0) {
    std::array<CK_OBJECT_HANDLE, 64> found{};
    require_ok(calls_->C_FindObjects(session_, found.data(), found.size(), &count), "C_FindObjects");
    total += count;
  }
  require_ok(calls_->C_FindObjectsFinal(session_), "C_FindObjectsFinal");
  return total;
}

}  // namespace holdfast::test
