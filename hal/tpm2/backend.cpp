// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/backend.hpp"

#include "hal/tpm2/provisioning_device.hpp"
#include "hal/tpm2/uri.hpp"

namespace holdfast::hal::tpm2 {

Result<DevicePtr> open_device(const DeviceOptions& options) noexcept {
  return Device::open(options, &ProvisioningDevice::make);
}

Result<std::size_t> list_tokens(const DeviceOptions& options, std::span<TokenDescription> out) noexcept {
  DeviceOptions browsing = options;
  browsing.access = DeviceAccess::browse;
  const DevicePtr device = HOLDFAST_TRY(open_device(browsing));
  if (!out.empty()) out[0] = HOLDFAST_TRY(device->describe_token());
  return std::size_t{1};
}

Result<TokenDescription> init_token(const TokenInitOptions&) noexcept {
  return failure(Status::invalid_argument, Layer::tpm2, "initialising a token")
      .about("a TPM needs no initialisation by us")
      .with_hint("make a key in it right away: holdfast key generate tpm2:file=/PATH/key.pem");
}

Result<void> check_uri(std::string_view uri) noexcept {
  HOLDFAST_TRY(parse_uri(uri));
  return {};
}

}  // namespace holdfast::hal::tpm2
