// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"
#include "hal/pin_source.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::tool {

/// The command line's way to a device: a URI, a module if one was named, and a PIN source.
struct DeviceRequest {
  std::string_view uri;
  std::string_view module_path;
  std::string_view pin_source;
  std::string_view owner_pin_source{};  ///< the TPM's owner hierarchy; for making and deleting keys
  std::uint16_t sessions = 1;           ///< signatures that can be under way at once
  /// These take the place of the two above: what a `PinRelay` hands on.
  std::optional<hal::PinSource> relayed_pin{};
  std::optional<hal::PinSource> relayed_owner_pin{};
};

/// Wrong use if a module was named for a TPM: a URI that said so could not be opened again.
[[nodiscard]] Result<void> refuse_module_of_a_tpm(std::string_view uri, std::string_view module_path);

/// Opens the device of `request`. The module belongs to this process alone.
[[nodiscard]] Result<hal::DevicePtr> open_device(const DeviceRequest& request, hal::DeviceAccess access);

/// A moment far enough for a slow token to make a key, and near enough for a person to wait.
[[nodiscard]] hal::BootTime patience();

/// One key, found and described.
struct OpenKey {
  hal::DevicePtr device;
  hal::KeyHandle handle;
  hal::KeyDescription description;
  hal::TokenDescription token;
};
[[nodiscard]] Result<OpenKey> open_key(const DeviceRequest& request, hal::DeviceAccess access);

/// The same for a signing key or a derivation twin.
[[nodiscard]] Result<OpenKey> open_any_key(const DeviceRequest& request, hal::DeviceAccess access);

/// What the export attempt on a disposable key found.
struct ProbeResult {
  std::string verdict;  ///< "refused", "skipped" or "not offered"
  hal::ExportReport report;
};

/// Tries to export a disposable key of `scheme`; `key_refused` if the token gives it away.
[[nodiscard]] Result<ProbeResult> probe(hal::KeyDevice& device, Scheme scheme, bool is_skipped);

/// `described` (a device's exact URI) with the module of `request`, if it does not name one itself.
[[nodiscard]] std::string uri_with_module(std::string_view described, const DeviceRequest& request);

/// The URI of the twin that an import made beside `key`, with the module of `request`, if it is on the token: only
/// one of the two has the name that was given. Empty if there is none, or if `key` is a twin itself.
[[nodiscard]] std::string twin_uri_left(const OpenKey& key, const DeviceRequest& request);

}  // namespace holdfast::tool
