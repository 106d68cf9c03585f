// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/tpm2_stage.hpp"

#include <dlfcn.h>

#include <filesystem>
#include <stdexcept>

namespace holdfast::fault {
namespace {

namespace fs = std::filesystem;
constexpr std::uint32_t kHandle = 0x81000020;
constexpr const char* kHandleText = "0x81000020";

}  // namespace

test::TctiShimControl& tcti_shim() {
  // Held, as each case connects several times and loading a library is dearer than what is done with it.
  static void* below = dlopen("libtss2-tcti-swtpm.so.0", RTLD_NOW | RTLD_LOCAL);
  static_cast<void>(below);
  static void* library = dlopen(HOLDFAST_TEST_TCTI_SHIM, RTLD_NOW | RTLD_LOCAL);
  return *reinterpret_cast<test::GetTctiShimControl>(dlsym(library, "holdfast_tcti_shim_control"))();
}

TpmStage::TpmStage(Keeps keeps) : keeps_(keeps), file_(tpm_.folder().file("agent.pem")) {
  if (keeps_ == Keeps::persistent) return;
  pin_source_ = "file:" + tpm_.folder().write("pin", "an auth value\n");
  make_key();
  saved_file_ = tpm_.folder().file("saved");
  fs::rename(file_, saved_file_);
}

void TpmStage::make_key() {
  const std::string uri = keeps_ == Keeps::in_file ? tpm_.file_uri("agent") : tpm_.handle_uri(kHandleText);
  const auto device = test::open_tpm(uri, hal::DeviceAccess::provision, pin_source_);
  const auto made = device->key_generator()->generate(new_key(), hal::kNoDeadline);
  if (!made) throw std::runtime_error(test::told(made.error()));
  public_key_ = made->description.public_key;
}

void TpmStage::put_up(State state) {
  const bool has_key = state == State::key;
  fs::remove_all(failure_records());
  fs::remove(file_);
  if (keeps_ == Keeps::in_file) {
    tpm_.clean(kHandle);
    if (has_key) fs::copy_file(saved_file_, file_);
    return;
  }
  const bool is_there = objects() == 1;
  tpm_.clean(has_key && is_there ? 0 : kHandle);
  if (has_key && !is_there) make_key();
}

std::size_t TpmStage::objects() const {
  if (keeps_ == Keeps::persistent) return tpm_.persistent().size();
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(tpm_.folder().path())) {
    // The file, and what writing it may leave.
    if (entry.path().filename().string().find("agent.pem") != std::string::npos) ++count;
  }
  return count;
}

std::string TpmStage::uri_of_key() const {
  const std::string key = keeps_ == Keeps::in_file ? "file=" + file_ : std::string("handle=") + kHandleText;
  return "tpm2:" + key + "?tcti=" + HOLDFAST_TEST_TCTI_SHIM + ":plain," + tpm_.tcti();
}

}  // namespace holdfast::fault
