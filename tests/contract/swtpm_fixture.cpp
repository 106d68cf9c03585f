// SPDX-License-Identifier: Apache-2.0
#include "hal/registry.hpp"
#include "tests/contract/device_fixture.hpp"
#include "tests/support/swtpm.hpp"

#include <chrono>
#include <filesystem>
#include <thread>

namespace holdfast::contract {
namespace {

class SwtpmFixture final : public DeviceFixture {
 public:
  explicit SwtpmFixture(bool has_auth_value) {
    if (has_auth_value) pin_source_ = "file:" + tpm_.folder().write("pin", "an auth value\n");
  }
  ~SwtpmFixture() override {
    // Whatever the test did, with every device closed nothing is left in the TPM.
    const test::Swtpm::Slots slots = tpm_.slots();
    if (slots != test::Swtpm::Slots{}) {
      std::fprintf(stderr, "objects or sessions are left in the TPM\n");
      std::abort();
    }
  }

  Result<hal::DevicePtr> open(std::string_view label, hal::DeviceAccess access, std::uint16_t) override {
    return open_with(label.empty() ? uri_of_the_only_file() : tpm_.file_uri(label), access);
  }
  Result<hal::DevicePtr> open_uri(std::string_view uri, hal::DeviceAccess access) override {
    return open_with(std::string(uri), access);
  }

  void hold_signatures() override { tpm_.suspend(); }
  void await_held(std::size_t signatures) override {
    while (test::threads_waiting_for_the_tpm() < signatures)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  void let_go() override { tpm_.resume(); }

 private:
  // The suite's "every key of the token": a folder is no token, so it is the key if there is but one.
  std::string uri_of_the_only_file() const {
    for (const auto& entry : std::filesystem::directory_iterator(tpm_.folder().path())) {
      if (entry.path().extension() == ".pem") return tpm_.file_uri(entry.path().stem().string());
    }
    return tpm_.token_uri();
  }

  Result<hal::DevicePtr> open_with(const std::string& uri, hal::DeviceAccess access) {
    hal::DeviceOptions options;
    options.uri = uri;
    options.access = access;
    options.pin = HOLDFAST_TRY(hal::PinSource::parse(pin_source_));
    return hal::open_device(options);
  }

  test::Swtpm tpm_;
  std::string pin_source_;
};

template <bool HasAuthValue>
std::unique_ptr<DeviceFixture> make() {
  if (!test::Swtpm::is_installed()) return nullptr;
  return std::make_unique<SwtpmFixture>(HasAuthValue);
}

}  // namespace

BackendUnderTest swtpm_backend() { return {"swtpm", {Scheme::es256}, make<false>, test::Swtpm::is_required}; }

BackendUnderTest protected_swtpm_backend() {
  return {"swtpm_auth", {Scheme::es256}, make<true>, test::Swtpm::is_required};
}

}  // namespace holdfast::contract
