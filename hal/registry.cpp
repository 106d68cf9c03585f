// SPDX-License-Identifier: Apache-2.0
#include "hal/registry.hpp"

#include "hal/signing_registry.hpp"
#include "hal/uri_attributes.hpp"

#ifdef HOLDFAST_WITH_PKCS11
#include "hal/pkcs11/backend.hpp"
#endif
#ifdef HOLDFAST_WITH_TPM2
#include "hal/tpm2/backend.hpp"
#endif

namespace holdfast::hal {
namespace {

[[maybe_unused]] Result<DevicePtr> open_not_built(const DeviceOptions&) noexcept { return not_built(); }
[[maybe_unused]] Result<std::size_t> list_not_built(const DeviceOptions&, std::span<TokenDescription>) noexcept {
  return not_built();
}
[[maybe_unused]] Result<TokenDescription> init_not_built(const TokenInitOptions&) noexcept { return not_built(); }
[[maybe_unused]] Result<void> check_not_built(std::string_view) noexcept { return not_built(); }

constexpr std::array kBackends{
#ifdef HOLDFAST_WITH_PKCS11
    Backend{"pkcs11:", pkcs11::open_device, pkcs11::list_tokens, pkcs11::init_token, pkcs11::check_uri},
#else
    Backend{"pkcs11:", open_not_built, list_not_built, init_not_built, check_not_built},
#endif
#ifdef HOLDFAST_WITH_TPM2
    Backend{"tpm2:", tpm2::open_device, tpm2::list_tokens, tpm2::init_token, tpm2::check_uri},
#else
    Backend{"tpm2:", open_not_built, list_not_built, init_not_built, check_not_built},
#endif
};

}  // namespace

std::span<const Backend> backends() noexcept { return kBackends; }

Result<const Backend*> backend_for(std::string_view uri) noexcept {
  for (const Backend& backend : kBackends) {
    if (has_scheme(uri, backend.scheme)) return &backend;
  }
  return unknown_scheme();
}

Result<DevicePtr> open_device(const DeviceOptions& options) noexcept {
  const Backend* backend = HOLDFAST_TRY(backend_for(options.uri));
  HOLDFAST_TRY(check_sigpipe(options));
  return backend->open(options);
}

}  // namespace holdfast::hal
