// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/module_config.hpp"

#include "hal/trusted_file.hpp"

#include <algorithm>
#include <array>

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kReading = "reading p11-kit's configuration of a module";
constexpr std::size_t kMaxConfigSize = 8192;

bool is_plain_name(std::string_view name) noexcept {
  constexpr std::string_view kPunctuation = "-_.";
  return !name.empty() && name.size() <= 64 && name.front() != '.' && std::ranges::all_of(name, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kPunctuation.find(c) != std::string_view::npos;
  });
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

template <std::size_t Capacity>
bool set(FixedText<Capacity>& to, std::string_view text) noexcept {
  if (text.size() > Capacity || text.find('\0') != std::string_view::npos) return false;
  to = FixedText<Capacity>(text);
  return to.size() == text.size();
}

Result<ModuleConfig> parse(std::string_view text, std::string_view name, std::string_view modules) noexcept {
  const auto refuse = [name](std::string_view why) {
    Error error = failure(Status::module_unusable, Layer::pkcs11, kReading);
    error.detail.append(name);
    error.detail.append(".module ");
    error.detail.append(why);
    return error;
  };
  ModuleConfig config;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t colon = line.find(':');
    if (line.starts_with('#') || colon == std::string_view::npos) continue;
    const std::string_view key = trimmed(line.substr(0, colon));
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (key == "module" && !value.empty()) {
      FixedText<kMaxModulePathSize + 1> path;
      if (!value.starts_with('/')) {
        path.append(modules);
        path.append("/");
      }
      path.append(value);
      if (!set(config.path, path.view())) return refuse("names too long a path");
    } else if (key == "x-init-reserved" && !set(config.reserved, value)) {
      return refuse("has too long an x-init-reserved line");
    }
  }
  if (config.path.empty()) return refuse("has no module: line");
  return config;
}

}  // namespace

ModuleFolders system_module_folders() noexcept {
  return {{HOLDFAST_P11_ADMIN_CONFIGS, HOLDFAST_P11_PACKAGE_CONFIGS}, HOLDFAST_P11_MODULES};
}

Result<ModuleConfig> read_module_config(std::string_view name, const ModuleFolders& folders) noexcept {
  if (!is_plain_name(name)) {
    return failure(Status::invalid_uri, Layer::pkcs11, kReading)
        .about("module-name")
        .with_hint("module-name is the name of a p11-kit module file without .module, such as softhsm2");
  }
  for (const std::string_view folder : folders.configs) {
    FixedText<1024> path{folder};
    path.append("/");
    path.append(name);
    path.append(".module");
    const Result<FileDescriptor> file = open_trusted(path.view(), FilePrivacy::readable);
    // Missing here: the next folder may have it. Anything else, a file others may write to above all, is an error.
    if (!file && file.status() == Status::file_invalid) continue;
    if (!file) return file.error();
    std::array<std::byte, kMaxConfigSize> bytes{};
    const std::size_t size = HOLDFAST_TRY(read_all(file->get(), bytes));
    return parse({reinterpret_cast<const char*>(bytes.data()), size}, name, folders.modules);
  }
  return failure(Status::module_unusable, Layer::pkcs11, kReading)
      .about(name)
      .with_hint("see the configured modules with: p11-kit list-modules, or give module-path");
}

}  // namespace holdfast::hal::pkcs11
