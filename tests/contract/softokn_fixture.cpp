// SPDX-License-Identifier: Apache-2.0
#include "hal/registry.hpp"
#include "tests/contract/device_fixture.hpp"
#include "tests/support/softokn.hpp"

namespace holdfast::contract {
namespace {

class SoftoknFixture final : public DeviceFixture {
 public:
  Result<hal::DevicePtr> open(std::string_view label, hal::DeviceAccess access, std::uint16_t sessions) override {
    return open_with(test::Softokn::uri(label), access, sessions);
  }
  Result<hal::DevicePtr> open_uri(std::string_view uri, hal::DeviceAccess access) override {
    return open_with(std::string(uri), access, 1);
  }

 private:
  static Result<hal::DevicePtr> open_with(const std::string& uri, hal::DeviceAccess access, std::uint16_t sessions) {
    hal::DeviceOptions options;
    options.uri = uri;
    options.access = access;
    options.sessions = sessions;
    return hal::open_device(options);
  }

  test::Softokn database_;
};

}  // namespace

BackendUnderTest softokn_backend() {
  return {.name = "softokn",
          .schemes = {Scheme::es256},
          .make = []() -> std::unique_ptr<DeviceFixture> {
            if (!test::Softokn::is_installed()) return nullptr;
            return std::make_unique<SoftoknFixture>();
          },
          .is_required = test::Softokn::is_required,
          .gives_keys_away = true};
}

}  // namespace holdfast::contract
