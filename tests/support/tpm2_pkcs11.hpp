// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/swtpm.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::test {

/// A PKCS#11 token "agents" of tpm2-pkcs11 on a TPM of its own: swtpm below, the module's store in the TPM's folder,
/// TPM2_PKCS11_STORE and TPM2_PKCS11_TCTI set to them, and one P-256 key pair "agent". Everything is removed with it.
///
/// Unlike SoftHSM it counts wrong PINs: in the TPM, which locks every protected object of its own after three. And a
/// TPM reset can happen under it (`tpm().restart()`).
///
/// Traps. swtpm takes one client at a time, and the module is one from C_Initialize to C_Finalize: nothing else may
/// ask the TPM meanwhile, and a second process waits inside its C_Initialize. Without a resource manager the module
/// leaves transient objects behind, of which the TPM holds three: call `flush` between two uses. Every token of the
/// module has the serial 0000000000000000.
class Tpm2Pkcs11 {
 public:
  static constexpr std::string_view kLabel = "agents";
  static constexpr std::string_view kKey = "agent";
  static constexpr std::string_view kUserPin = "1234-user";
  static constexpr std::string_view kSoPin = "5678-so";

  /// Makes token and key, by the module's own calls, in a child process: this one never loaded the module.
  Tpm2Pkcs11();
  ~Tpm2Pkcs11();
  Tpm2Pkcs11(const Tpm2Pkcs11&) = delete;
  Tpm2Pkcs11& operator=(const Tpm2Pkcs11&) = delete;

  /// Whether module, swtpm and tpm2-tools are there; `HOLDFAST_SKIP_WITHOUT_TPM2_PKCS11` makes a test of it.
  [[nodiscard]] static bool is_installed();
  /// HOLDFAST_REQUIRE lists "tpm2-pkcs11" or "all".
  [[nodiscard]] static bool is_required();
  [[nodiscard]] static std::string module_path();

  [[nodiscard]] Swtpm& tpm() { return tpm_; }
  [[nodiscard]] const TemporaryFolder& folder() const { return tpm_.folder(); }
  [[nodiscard]] const std::string& pin_file() const { return pin_file_; }
  /// "pkcs11:token=agents;object=agent?module-path=…&pin-source=file:…", through `module` (a shim in front of
  /// `module_path()` that HOLDFAST_SHIM_MODULE or HOLDFAST_LYING_MODULE names).
  [[nodiscard]] std::string uri(const std::string& module = module_path()) const;

  /// Takes out of the TPM what clients left in it; none may be connected.
  void flush() const;
  /// TPM2_PT_LOCKOUT_COUNTER: how many wrong auth values the TPM has counted; no client may be connected.
  [[nodiscard]] std::uint32_t lockout_counter() const;

 private:
  Swtpm tpm_;
  std::string pin_file_;
};

}  // namespace holdfast::test

/// Skips by name where tpm2-pkcs11 or swtpm is missing, unless HOLDFAST_REQUIRE lists it.
#define HOLDFAST_SKIP_WITHOUT_TPM2_PKCS11()                                                                 \
  do {                                                                                                      \
    if (!holdfast::test::Tpm2Pkcs11::is_installed()) {                                                      \
      if (holdfast::test::Tpm2Pkcs11::is_required()) FAIL() << "tpm2-pkcs11 is required and not installed"; \
      GTEST_SKIP() << "tpm2-pkcs11";                                                                        \
    }                                                                                                       \
  } while (false)
