// SPDX-License-Identifier: Apache-2.0
#include "hal/registry.hpp"
#include "tests/contract/device_fixture.hpp"
#include "tests/support/tpm2_pkcs11.hpp"

namespace holdfast::contract {
namespace {

class Tpm2Pkcs11Fixture final : public DeviceFixture {
 public:
  Result<hal::DevicePtr> open(std::string_view label, hal::DeviceAccess access, std::uint16_t sessions) override {
    if (label != test::Tpm2Pkcs11::kKey) return failure(Status::key_not_found, Layer::core, "opening the fixture");
    return open_with(token_.uri(), access, sessions);
  }
  Result<hal::DevicePtr> open_uri(std::string_view uri, hal::DeviceAccess access) override {
    return open_with(std::string(uri), access, 1);
  }

 private:
  Result<hal::DevicePtr> open_with(const std::string& uri, hal::DeviceAccess access, std::uint16_t sessions) {
    token_.flush();  // what an earlier client left in the TPM
    hal::DeviceOptions options;
    options.uri = uri;
    options.access = access;
    options.sessions = sessions;
    return hal::open_device(options);
  }

  test::Tpm2Pkcs11 token_;
};

}  // namespace

BackendUnderTest tpm2_pkcs11_backend() {
  return {.name = "tpm2_pkcs11",
          .schemes = {Scheme::es256},
          .make = []() -> std::unique_ptr<DeviceFixture> {
            if (!test::Tpm2Pkcs11::is_installed()) return nullptr;
            return std::make_unique<Tpm2Pkcs11Fixture>();
          },
          .is_required = test::Tpm2Pkcs11::is_required,
          .has_ready_key = true};
}

}  // namespace holdfast::contract
