// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/virtual_machine.hpp"

#include "hal/registry.hpp"
#include "hal/signing_registry.hpp"
#include "tests/fuzz/promise.hpp"

#include <array>

namespace holdfast::fuzz {
namespace {

VirtualMachine* machine = nullptr;

Result<hal::DevicePtr> open(const hal::DeviceOptions& options) noexcept {
  return hal::fake::FakeDevice::open(machine->token,
                                     {.label = "agent", .access = options.access, .sessions = options.sessions});
}
Result<std::size_t> list(const hal::DeviceOptions& /*options*/, std::span<hal::TokenDescription> /*out*/) noexcept {
  return std::size_t{0};
}
Result<hal::TokenDescription> init(const hal::TokenInitOptions& /*options*/) noexcept {
  return failure(Status::backend_not_built, Layer::core, "initialising a token for a fuzzer");
}

Result<void> check(std::string_view) noexcept { return {}; }
constexpr std::array kBackends{hal::Backend{"pkcs11:", open, list, init, check}};

}  // namespace

VirtualMachine::VirtualMachine() noexcept {
  machine = this;
  clock.jump_when_blocked(1);
}
VirtualMachine::~VirtualMachine() { machine = nullptr; }

}  // namespace holdfast::fuzz

namespace holdfast::hal {

Clock& system_clock() noexcept { return fuzz::machine->clock; }

std::span<const Backend> backends() noexcept { return fuzz::kBackends; }

Result<const Backend*> backend_for(std::string_view uri) noexcept {
  if (uri.starts_with(fuzz::kBackends[0].scheme)) return fuzz::kBackends.data();
  return failure(Status::invalid_uri, Layer::core, "choosing the back end for a key URI");
}

Result<DevicePtr> open_device(const DeviceOptions& options) noexcept {
  return HOLDFAST_TRY(backend_for(options.uri))->open(options);
}

Result<DevicePtr> open_for_signing(const DeviceOptions& options) noexcept { return open_device(options); }

}  // namespace holdfast::hal
