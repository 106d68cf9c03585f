// SPDX-License-Identifier: Apache-2.0
#include "hal/signing_registry.hpp"

#include "hal/pipe_shield.hpp"
#include "hal/uri_attributes.hpp"

#ifdef HOLDFAST_WITH_PKCS11
#include "hal/pkcs11/backend.hpp"
#endif
#ifdef HOLDFAST_WITH_TPM2
#include "hal/tpm2/backend.hpp"
#endif

namespace holdfast::hal {

Error unknown_scheme() noexcept {
  return failure(Status::invalid_uri, Layer::core, "choosing the back end for a key URI")
      .about("it begins neither with pkcs11: nor with tpm2:");
}

Error not_built() noexcept {
  return failure(Status::backend_not_built, Layer::core, "choosing the back end for a key URI");
}

Result<void> check_sigpipe(const DeviceOptions& options) noexcept {
  if (!options.sigpipe_is_ignored || PipeShield::is_ignored_by_the_process()) return {};
  return failure(Status::invalid_argument, Layer::core, "opening a device")
      .about("sigpipe_is_ignored is set, but the process does not ignore SIGPIPE")
      .with_hint("call signal(SIGPIPE, SIG_IGN) before opening, or leave sigpipe_is_ignored unset");
}

Result<DevicePtr> open_for_signing(const DeviceOptions& options) noexcept {
  if (options.access != DeviceAccess::sign) {
    return failure(Status::invalid_argument, Layer::core, "opening a device")
        .about("it was to be opened for signing");
  }
  const bool is_pkcs11 = has_scheme(options.uri, "pkcs11:");
  if (!is_pkcs11 && !has_scheme(options.uri, "tpm2:")) return unknown_scheme();
  HOLDFAST_TRY(check_sigpipe(options));
#ifdef HOLDFAST_WITH_PKCS11
  if (is_pkcs11) return pkcs11::open_for_signing(options);
#endif
#ifdef HOLDFAST_WITH_TPM2
  if (!is_pkcs11) return tpm2::open_for_signing(options);
#endif
  return not_built();
}

}  // namespace holdfast::hal
