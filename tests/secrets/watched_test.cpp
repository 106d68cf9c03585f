// SPDX-License-Identifier: Apache-2.0
#include "tests/secrets/watched_test.hpp"

#include "tests/support/tcti_shim.hpp"

#include <dlfcn.h>

namespace holdfast::test {
namespace {

std::uint64_t g_secret_commands = 0;

// A command goes over a bus that others may read.
void look_at_command(const std::uint8_t* command, std::size_t size) {
  if (holds_poison(std::as_bytes(std::span(command, size)))) ++g_secret_commands;
  declassify(command, size);
}

template <typename Function>
Function symbol_of(const char* library, const char* name) {
  void* handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  void* symbol = handle != nullptr ? dlsym(handle, name) : nullptr;
  if (symbol == nullptr) throw std::runtime_error(std::string(library) + " has no " + name);
  return reinterpret_cast<Function>(symbol);
}

TctiShimControl& tcti_shim() {
  return *symbol_of<GetTctiShimControl>(HOLDFAST_TEST_TCTI_SHIM, "holdfast_tcti_shim_control")();
}

}  // namespace

SecretsSeen& WatchedToken::seen() {
  return *symbol_of<GetSecretsSeen>(HOLDFAST_TEST_DECLASSIFYING, "holdfast_secrets_seen")();
}

std::string WatchedToken::uri(std::string_view object) const { return hsm_.uri(object, HOLDFAST_TEST_DECLASSIFYING); }

Result<hal::DevicePtr> WatchedToken::open(const std::string& uri, hal::DeviceAccess access) const {
  const std::string records = hsm_.folder().file("records");
  hal::DeviceOptions options;
  options.failure_records = records;
  options.uri = uri;
  options.access = access;
  return hal::open_device(options);
}

void WatchedTpm::SetUp() {
  Watched::SetUp();
  ASSERT_TRUE(Swtpm::is_installed());
  tpm_.emplace();
  g_secret_commands = 0;
  tcti_shim().observer = look_at_command;
}

void WatchedTpm::TearDown() {
  tcti_shim().observer = nullptr;
  Watched::TearDown();
}

std::string WatchedTpm::uri() const {
  return "tpm2:file=" + tpm_->folder().file("agent.pem") + "?tcti=" + HOLDFAST_TEST_TCTI_SHIM + ":plain," +
         tpm_->tcti();
}

std::string WatchedTpm::pin_file(std::string_view pin) const {
  const std::string path = tpm_->folder().write("pin", std::string(pin) + "\n");
  watch_file(path, {all_of(pin)});
  return "file:" + path;
}

std::uint64_t WatchedTpm::secret_commands() { return g_secret_commands; }

}  // namespace holdfast::test
