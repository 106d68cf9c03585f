// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/key_access.hpp"

#include "hal/registry.hpp"
#include "tools/holdfast/commands.hpp"
#include "tools/holdfast/key_report.hpp"
#include "tools/holdfast/key_uri.hpp"
#include "tools/holdfast/module_advice.hpp"

namespace holdfast::tool {

hal::BootTime patience() { return hal::system_clock().boot().after(std::chrono::minutes(2)); }

Result<void> refuse_module_of_a_tpm(std::string_view uri, std::string_view module_path) {
  if (module_path.empty() || !is_tpm_uri(uri)) return {};
  return wrong_value("--module is for a PKCS#11 token",
                     "leave it out: a TPM is reached without a module; its URI says how, with ?tcti=…");
}

Result<hal::DevicePtr> open_device(const DeviceRequest& request, hal::DeviceAccess access) {
  HOLDFAST_TRY(refuse_module_of_a_tpm(request.uri, request.module_path));
  hal::DeviceOptions options;
  options.uri = request.uri;
  options.access = access;
  options.pin = request.relayed_pin ? *request.relayed_pin : HOLDFAST_TRY(hal::PinSource::parse(request.pin_source));
  options.owner_pin = request.relayed_owner_pin ? *request.relayed_owner_pin
                                                : HOLDFAST_TRY(hal::PinSource::parse(request.owner_pin_source));
  options.module_path = request.module_path;
  options.sessions = request.sessions;
  Result<hal::DevicePtr> device = hal::open_device(options);
  if (!device) return with_module_advice(device.error(), request.uri, request.module_path);
  return device;
}

Result<OpenKey> open_key(const DeviceRequest& request, hal::DeviceAccess access) {
  hal::DevicePtr device = HOLDFAST_TRY(open_device(request, access));
  const hal::TokenDescription token = HOLDFAST_TRY(device->describe_token());
  const hal::KeyHandle handle = HOLDFAST_TRY(device->find_key({}, patience()));
  const hal::KeyDescription description = HOLDFAST_TRY(device->describe(handle));
  return OpenKey{std::move(device), handle, description, token};
}

Result<OpenKey> open_any_key(const DeviceRequest& request, hal::DeviceAccess access) {
  hal::DevicePtr device = HOLDFAST_TRY(open_device(request, access));
  const hal::TokenDescription token = HOLDFAST_TRY(device->describe_token());
  Result<hal::KeyHandle> handle = device->find_key({}, patience());
  hal::KeyAgreement* agreement = device->key_agreement();
  if (!handle && handle.status() == Status::scheme_unsupported && agreement != nullptr) {
    const auto twin = agreement->find_twin(request.uri, patience());
    if (twin) handle = Result<hal::KeyHandle>(*twin);
  }
  if (!handle) return handle.error();
  const hal::KeyDescription description = HOLDFAST_TRY(device->describe(*handle));
  return OpenKey{std::move(device), *handle, description, token};
}

Result<ProbeResult> probe(hal::KeyDevice& device, Scheme scheme, bool is_skipped) {
  if (is_skipped) return ProbeResult{"skipped", {}};
  hal::ExportProbe* attempts = device.export_probe();
  if (attempts == nullptr) return ProbeResult{"not offered", {}};
  const hal::ExportReport report = HOLDFAST_TRY(attempts->try_export(scheme, patience()));
  HOLDFAST_TRY(check_attempts(report));
  return ProbeResult{"refused", report};
}

std::string uri_with_module(std::string_view described, const DeviceRequest& request) {
  if (query_attribute(described, "module-path") || query_attribute(described, "module-name")) {
    return std::string(described);
  }
  if (!request.module_path.empty()) return with_query_attribute(described, "module-path", request.module_path);
  for (const std::string_view name : {"module-path", "module-name"}) {
    if (const auto value = query_attribute(request.uri, name)) return with_query_attribute(described, name, *value);
  }
  return std::string(described);
}

std::string twin_uri_left(const OpenKey& key, const DeviceRequest& request) {
  hal::KeyAgreement* agreement = key.device->key_agreement();
  if (agreement == nullptr || !key.description.scheme) return {};
  const std::string label = std::string(key.description.label.view()) + "-twin";
  const std::string uri = twin_uri_beside(key.description.uri.view(), label);
  return agreement->find_twin(uri, patience()) ? uri_with_module(uri, request) : std::string();
}

}  // namespace holdfast::tool
