// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/module_choice.hpp"

#include "hal/display.hpp"

namespace holdfast::hal::pkcs11 {

Result<ModuleConfig> choose_module(KeyUri& uri, std::string_view explicit_path) noexcept {
  constexpr const char* kChoosing = "choosing a PKCS#11 module";
  if (!explicit_path.empty()) {
    if (explicit_path.front() != '/') {
      FixedText<160> detail;
      append_printable(detail, explicit_path.substr(0, 96));
      detail.append(" is no absolute path of a module");
      return failure(Status::invalid_argument, Layer::pkcs11, kChoosing)
          .about(detail.view())
          .with_hint("give the whole path, or a name that p11-kit knows in the URI: 'pkcs11:?module-name=NAME'");
    }
    if (explicit_path.size() > kMaxModulePathSize) {
      return failure(Status::invalid_argument, Layer::pkcs11, kChoosing).about("the module's path is too long");
    }
    uri.module_path = FixedText<kMaxModulePathSize>(explicit_path);
    uri.module_name.clear();
  }
  if (!uri.module_name.empty()) return read_module_config(uri.module_name.view(), system_module_folders());
  if (uri.module_path.empty()) {
    return failure(Status::invalid_uri, Layer::pkcs11, kChoosing)
        .about("no module is named")
        .with_hint("add ?module-path=/path/to/module.so or ?module-name=NAME to the URI, or name it explicitly");
  }
  ModuleConfig config;
  config.path = uri.module_path;
  return config;
}

}  // namespace holdfast::hal::pkcs11
