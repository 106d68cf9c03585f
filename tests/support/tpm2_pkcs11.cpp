// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tpm2_pkcs11.hpp"

#include "tests/support/child_process.hpp"

#include <p11-kit/pkcs11.h>

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <stdexcept>

namespace holdfast::test {
namespace {

constexpr const char* kTools = "/usr/bin/tpm2_flushcontext";
constexpr CK_BYTE kP256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

void require(CK_RV code, const char* call) {
  if (code != CKR_OK) throw std::runtime_error(std::string(call) + " answered " + std::to_string(code));
}

CK_FUNCTION_LIST& functions() {
  void* library = dlopen(Tpm2Pkcs11::module_path().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(dlerror());
  const auto get_list = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* list = nullptr;
  require(get_list(&list), "C_GetFunctionList");
  return *list;
}

CK_BYTE* bytes(std::string& text) { return reinterpret_cast<CK_BYTE*>(text.data()); }

// Each with the module initialised anew: the objects it leaves in the TPM are flushed in between.
void in_session(CK_USER_TYPE user, std::string_view pin,
                const std::function<void(CK_FUNCTION_LIST&, CK_SESSION_HANDLE)>& work) {
  CK_FUNCTION_LIST& calls = functions();
  require(calls.C_Initialize(nullptr), "C_Initialize");
  std::array<CK_SLOT_ID, 8> slots{};
  CK_ULONG count = slots.size();
  require(calls.C_GetSlotList(CK_TRUE, slots.data(), &count), "C_GetSlotList");
  if (count == 0) throw std::runtime_error("tpm2-pkcs11 has no slot");
  if (pin.empty()) {
    std::string so_pin(Tpm2Pkcs11::kSoPin);
    std::array<CK_BYTE, 32> padded;
    padded.fill(' ');
    std::ranges::copy(Tpm2Pkcs11::kLabel, padded.begin());
    require(calls.C_InitToken(slots[0], bytes(so_pin), so_pin.size(), padded.data()), "C_InitToken");
  } else {
    CK_SESSION_HANDLE session = 0;
    require(calls.C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session),
            "C_OpenSession");
    std::string copy(pin);
    require(calls.C_Login(session, user, bytes(copy), copy.size()), "C_Login");
    work(calls, session);
  }
  require(calls.C_Finalize(nullptr), "C_Finalize");
}

void set_user_pin(CK_FUNCTION_LIST& calls, CK_SESSION_HANDLE session) {
  std::string pin(Tpm2Pkcs11::kUserPin);
  require(calls.C_InitPIN(session, bytes(pin), pin.size()), "C_InitPIN");
}

void make_key(CK_FUNCTION_LIST& calls, CK_SESSION_HANDLE session) {
  CK_MECHANISM mechanism{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  CK_BBOOL yes = CK_TRUE;
  CK_BYTE id = 1;
  std::string label(Tpm2Pkcs11::kKey);
  std::array open{CK_ATTRIBUTE{CKA_EC_PARAMS, const_cast<CK_BYTE*>(kP256), sizeof kP256},
                  CK_ATTRIBUTE{CKA_LABEL, label.data(), label.size()}, CK_ATTRIBUTE{CKA_ID, &id, sizeof id},
                  CK_ATTRIBUTE{CKA_TOKEN, &yes, sizeof yes}, CK_ATTRIBUTE{CKA_VERIFY, &yes, sizeof yes}};
  std::array hidden{CK_ATTRIBUTE{CKA_LABEL, label.data(), label.size()}, CK_ATTRIBUTE{CKA_ID, &id, sizeof id},
                    CK_ATTRIBUTE{CKA_TOKEN, &yes, sizeof yes}, CK_ATTRIBUTE{CKA_PRIVATE, &yes, sizeof yes},
                    CK_ATTRIBUTE{CKA_SIGN, &yes, sizeof yes}};
  CK_OBJECT_HANDLE public_half = 0;
  CK_OBJECT_HANDLE private_half = 0;
  require(calls.C_GenerateKeyPair(session, &mechanism, open.data(), open.size(), hidden.data(), hidden.size(),
                                  &public_half, &private_half),
          "C_GenerateKeyPair");
}

// A child that ends without cleaning up: what the module leaks is no fault of the test that uses it.
void in_child(const std::function<void()>& work) {
  const int status = run_in_child([&] {
    try {
      work();
      return true;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "tpm2-pkcs11: %s\n", error.what());
      return false;
    }
  });
  if (status != 0) throw std::runtime_error("the token of tpm2-pkcs11 could not be made");
}

bool is_listed(const std::string& name) {
  const char* list = std::getenv("HOLDFAST_REQUIRE");
  const std::string names = "," + std::string(list != nullptr ? list : "") + ",";
  return names.find(",all,") != std::string::npos || names.find("," + name + ",") != std::string::npos;
}

}  // namespace

Tpm2Pkcs11::Tpm2Pkcs11() : pin_file_(tpm_.folder().write("user.pin", std::string(kUserPin) + "\n")) {
  const std::string store = folder().file("store");
  if (mkdir(store.c_str(), 0700) != 0) throw std::runtime_error("no store for tpm2-pkcs11");
  setenv("TPM2_PKCS11_STORE", store.c_str(), 1);
  setenv("TPM2_PKCS11_TCTI", tpm_.tcti().c_str(), 1);
  // For a shim in front of it.
  setenv("HOLDFAST_SHIM_MODULE", module_path().c_str(), 1);
  setenv("HOLDFAST_LYING_MODULE", module_path().c_str(), 1);
  in_child([] { in_session(CKU_SO, {}, {}); });
  flush();
  in_child([] { in_session(CKU_SO, kSoPin, set_user_pin); });
  flush();
  in_child([] { in_session(CKU_USER, kUserPin, make_key); });
  flush();
}

Tpm2Pkcs11::~Tpm2Pkcs11() {
  unsetenv("TPM2_PKCS11_STORE");
  unsetenv("TPM2_PKCS11_TCTI");
}

bool Tpm2Pkcs11::is_installed() {
  return Swtpm::is_installed() && access(module_path().c_str(), R_OK) == 0 && access(kTools, X_OK) == 0;
}
bool Tpm2Pkcs11::is_required() { return is_listed("tpm2-pkcs11"); }
std::string Tpm2Pkcs11::module_path() { return HOLDFAST_TEST_TPM2_PKCS11; }

std::string Tpm2Pkcs11::uri(const std::string& module) const {
  return "pkcs11:token=" + std::string(kLabel) + ";object=" + std::string(kKey) + "?module-path=" + module +
         "&pin-source=file:" + pin_file_;
}

void Tpm2Pkcs11::flush() const {
  std::string out;
  if (tpm_.run("tpm2_flushcontext -t && tpm2_flushcontext -l && tpm2_flushcontext -s", &out) != 0) {
    throw std::runtime_error("the TPM cannot be flushed: " + out);
  }
}

std::uint32_t Tpm2Pkcs11::lockout_counter() const {
  std::string out;
  constexpr std::string_view kName = "TPM2_PT_LOCKOUT_COUNTER: ";
  const int status = tpm_.run("tpm2_getcap properties-variable", &out);
  const std::size_t at = out.find(kName);
  if (status != 0 || at == std::string::npos) throw std::runtime_error("the TPM does not tell its counter: " + out);
  return static_cast<std::uint32_t>(std::stoul(out.substr(at + kName.size()), nullptr, 0));
}

}  // namespace holdfast::test
