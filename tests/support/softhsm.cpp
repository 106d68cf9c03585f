// SPDX-License-Identifier: Apache-2.0
#include "tests/support/softhsm.hpp"

#include "hal/registry.hpp"
#include "tests/support/raw_session.hpp"

#include <gtest/gtest.h>
#include <p11-kit/pkcs11.h>

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <stdexcept>
#include <thread>
#include <vector>

namespace holdfast::test {
namespace {

CK_SLOT_ID blank_slot(CK_FUNCTION_LIST& calls) {
  std::array<CK_SLOT_ID, 64> slots{};
  CK_ULONG count = slots.size();
  require_ok(calls.C_GetSlotList(CK_TRUE, nullptr, &count), "C_GetSlotList");
  count = slots.size();
  require_ok(calls.C_GetSlotList(CK_TRUE, slots.data(), &count), "C_GetSlotList");
  for (CK_ULONG i = 0; i < count; ++i) {
    CK_TOKEN_INFO info{};
    require_ok(calls.C_GetTokenInfo(slots[i], &info), "C_GetTokenInfo");
    if ((info.flags & CKF_TOKEN_INITIALIZED) == 0) return slots[i];
  }
  throw std::runtime_error("SoftHSM has no blank slot");
}

CK_BYTE* bytes(std::string& text) { return reinterpret_cast<CK_BYTE*>(text.data()); }

}  // namespace

SoftHsm::SoftHsm(std::string_view label) {
  std::filesystem::create_directory(token_folder());
  const std::string config =
      folder_.write("softhsm2.conf", "directories.tokendir = " + token_folder() + "\nlog.level = ERROR\n");
  pin_file_ = folder_.write("user.pin", std::string(kUserPin) + "\n");
  so_pin_file_ = folder_.write("so.pin", std::string(kSoPin) + "\n");
  setenv("SOFTHSM2_CONF", config.c_str(), 1);
  setenv("HOLDFAST_SHIM_MODULE", module_path().c_str(), 1);
  setenv("HOLDFAST_LYING_MODULE", module_path().c_str(), 1);
  unsetenv("HOLDFAST_LIE");
  if (!label.empty()) add_token(label);
}

SoftHsm::~SoftHsm() {
  unsetenv("SOFTHSM2_CONF");
  unsetenv("HOLDFAST_LIE");
}

void SoftHsm::add_token(std::string_view label) const {
  CK_FUNCTION_LIST& calls = softhsm_functions();
  CK_C_INITIALIZE_ARGS arguments{};
  arguments.flags = CKF_OS_LOCKING_OK;
  require_ok(calls.C_Initialize(&arguments), "C_Initialize");
  const CK_SLOT_ID slot = blank_slot(calls);
  std::string so_pin(kSoPin);
  std::string user_pin(kUserPin);
  std::array<CK_BYTE, 32> padded;
  padded.fill(' ');
  std::ranges::copy(label, padded.begin());
  require_ok(calls.C_InitToken(slot, bytes(so_pin), so_pin.size(), padded.data()), "C_InitToken");
  CK_SESSION_HANDLE session = 0;
  require_ok(calls.C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session),
             "C_OpenSession");
  require_ok(calls.C_Login(session, CKU_SO, bytes(so_pin), so_pin.size()), "C_Login");
  require_ok(calls.C_InitPIN(session, bytes(user_pin), user_pin.size()), "C_InitPIN");
  require_ok(calls.C_Finalize(nullptr), "C_Finalize");
}

void SoftHsm::add_objects(std::size_t count) const {
  RawSession(kLabel).make_others();
  std::vector<std::filesystem::path> originals;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(token_folder())) {
    if (entry.path().extension() == ".object" &&
        read_file(entry.path().string()).find("some-other-object") != std::string::npos) {
      originals.push_back(entry.path());
    }
  }
  if (originals.size() < 2) throw std::runtime_error("SoftHSM keeps its objects otherwise than in files");
  for (std::size_t i = 0; i < count; ++i) {
    const auto& original = originals[i % originals.size()];
    const std::string name = "copy-" + std::to_string(originals.size()) + "-" + std::to_string(i) + ".object";
    std::filesystem::copy_file(original, original.parent_path() / name);
  }
}

bool SoftHsm::is_installed() { return access(module_path().c_str(), R_OK) == 0; }

bool SoftHsm::is_required() {
  const char* list = std::getenv("HOLDFAST_REQUIRE");
  const std::string names = "," + std::string(list != nullptr ? list : "") + ",";
  return names.find(",all,") != std::string::npos || names.find(",softhsm,") != std::string::npos;
}

std::string SoftHsm::module_path() { return HOLDFAST_TEST_SOFTHSM; }
std::string SoftHsm::shim_path() { return HOLDFAST_TEST_SHIM; }
std::string SoftHsm::lying_path() { return HOLDFAST_TEST_LYING; }

std::string SoftHsm::uri(std::string_view object, const std::string& module) const {
  std::string text = "pkcs11:token=" + std::string(kLabel);
  if (!object.empty()) text += ";object=" + std::string(object);
  return text + "?module-path=" + module + "&pin-source=file:" + pin_file_;
}

void SoftHsm::write_pin(std::string_view pin) const {
  std::filesystem::remove(pin_file_);  // so that the inode alone may tell it
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  folder_.write("user.pin", pin);
}

void SoftHsm::tell_lies(std::string_view lies) { setenv("HOLDFAST_LIE", std::string(lies).c_str(), 1); }

const ShimControl& shim_control() {
  void* library = dlopen(SoftHsm::shim_path().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error("the shim cannot be loaded");
  const auto get = reinterpret_cast<GetShimControl>(dlsym(library, "holdfast_shim_control"));
  return *get();
}

hal::DevicePtr open_for_test(const std::string& uri, hal::DeviceAccess access, std::uint16_t sessions) {
  hal::DeviceOptions options;
  options.uri = uri;
  options.access = access;
  options.sessions = sessions;
  auto device = hal::open_device(options);
  if (!device) {
    std::array<char, 512> message{};
    throw std::runtime_error("open: " + std::string(write_message(device.error(), message)));
  }
  return std::move(device).value();
}

Result<void> reset_among_signers(hal::KeyDevice& device) {
  Result<void> done = device.reset(hal::kNoDeadline);
  for (int i = 0; i < 2 && !done; ++i) {
    if (done.error().detail.view() != "another thread is still inside the module") break;
    done = device.reset(hal::kNoDeadline);
  }
  return done;
}

}  // namespace holdfast::test
