// SPDX-License-Identifier: Apache-2.0
#include "hal/fake/clock.hpp"
#include "hal/fake/device.hpp"
#include "tests/contract/device_fixture.hpp"

namespace holdfast::contract {
namespace {

class FakeFixture final : public DeviceFixture {
 public:
  Result<hal::DevicePtr> open(std::string_view label, hal::DeviceAccess access, std::uint16_t sessions) override {
    return hal::fake::FakeDevice::open(token_, {.label = label, .access = access, .sessions = sessions});
  }
  Result<hal::DevicePtr> open_uri(std::string_view uri, hal::DeviceAccess access) override {
    constexpr std::string_view kBeforeLabel = "fake:object=";
    if (!uri.starts_with(kBeforeLabel)) return failure(Status::invalid_uri, Layer::core, "reading the fake's URI");
    uri.remove_prefix(kBeforeLabel.size());
    return open(uri.substr(0, uri.find(';')), access, 1);
  }
  hal::Clock& clock() override { return clock_; }

  void hold_signatures() override { token_.hang(); }
  void await_held(std::size_t signatures) override { clock_.await_blocked(signatures); }
  void let_go() override { token_.release(); }

 private:
  hal::fake::FakeClock clock_;
  hal::fake::FakeToken token_{clock_};
};

}  // namespace

BackendUnderTest fake_backend() {
  return {"fake",
          {Scheme::ed25519, Scheme::es256},
          []() -> std::unique_ptr<DeviceFixture> { return std::make_unique<FakeFixture>(); },
          [] { return true; }};
}

}  // namespace holdfast::contract
