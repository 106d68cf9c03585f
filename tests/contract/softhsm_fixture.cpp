// SPDX-License-Identifier: Apache-2.0
#include "hal/registry.hpp"
#include "tests/contract/device_fixture.hpp"
#include "tests/support/softhsm.hpp"

namespace holdfast::contract {
namespace {

class SoftHsmFixture final : public DeviceFixture {
 public:
  Result<hal::DevicePtr> open(std::string_view label, hal::DeviceAccess access, std::uint16_t sessions) override {
    return open_with(token_.uri(label, test::SoftHsm::module_path()), access, sessions);
  }
  Result<hal::DevicePtr> open_uri(std::string_view uri, hal::DeviceAccess access) override {
    return open_with(std::string(uri), access, 1);
  }

 private:
  Result<hal::DevicePtr> open_with(const std::string& uri, hal::DeviceAccess access, std::uint16_t sessions) {
    const std::string module = test::SoftHsm::module_path();
    hal::DeviceOptions options;
    options.uri = uri;
    options.access = access;
    options.sessions = sessions;
    options.module_path = module;
    options.pin = HOLDFAST_TRY(hal::PinSource::parse("file:" + token_.pin_file()));
    return hal::open_device(options);
  }

  test::SoftHsm token_;
};

}  // namespace

BackendUnderTest softhsm_backend() {
  return {"softhsm",
          {Scheme::ed25519, Scheme::es256},
          []() -> std::unique_ptr<DeviceFixture> {
            if (!test::SoftHsm::is_installed()) return nullptr;
            return std::make_unique<SoftHsmFixture>();
          },
          test::SoftHsm::is_required};
}

}  // namespace holdfast::contract
