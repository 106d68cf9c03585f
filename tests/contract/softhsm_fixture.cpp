// SPDX-License-Identifier: Apache-2.0
#include "hal/registry.hpp"
#include "tests/contract/device_fixture.hpp"
#include "tests/support/p11_kit_server.hpp"
#include "tests/support/softhsm.hpp"

namespace holdfast::contract {
namespace {

class SoftHsmFixture : public DeviceFixture {
 public:
  SoftHsmFixture() : SoftHsmFixture(test::SoftHsm::module_path()) {}

  Result<hal::DevicePtr> open(std::string_view label, hal::DeviceAccess access, std::uint16_t sessions) override {
    return open_with(token_.uri(label, module_), access, sessions);
  }
  Result<hal::DevicePtr> open_uri(std::string_view uri, hal::DeviceAccess access) override {
    return open_with(std::string(uri), access, 1);
  }

 protected:
  explicit SoftHsmFixture(std::string module) : module_(std::move(module)) {}
  [[nodiscard]] const test::SoftHsm& token() const { return token_; }

 private:
  Result<hal::DevicePtr> open_with(const std::string& uri, hal::DeviceAccess access, std::uint16_t sessions) {
    hal::DeviceOptions options;
    options.uri = uri;
    options.access = access;
    options.sessions = sessions;
    options.module_path = module_;
    options.pin = HOLDFAST_TRY(hal::PinSource::parse("file:" + token_.pin_file()));
    return hal::open_device(options);
  }

  std::string module_;
  test::SoftHsm token_;
};

class RemoteFixture final : public SoftHsmFixture {
 public:
  RemoteFixture() : SoftHsmFixture(test::P11KitServer::client_path()) {}

 private:
  const test::P11KitServer server_{token().folder().file("p11")};
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

BackendUnderTest p11_kit_remote_backend() {
  return {"p11_kit_remote",
          {Scheme::es256},
          []() -> std::unique_ptr<DeviceFixture> {
            if (!test::SoftHsm::is_installed() || !test::P11KitServer::is_installed()) return nullptr;
            return std::make_unique<RemoteFixture>();
          },
          test::P11KitServer::is_required};
}

}  // namespace holdfast::contract
