// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"
#include "tests/support/shim_control.hpp"
#include "tests/support/temporary_folder.hpp"

#include <string>
#include <string_view>

namespace holdfast::test {

/// A SoftHSM of one test: a token folder of its own, SOFTHSM2_CONF set to it, and what is needed to open its tokens
/// directly, through the shim or through the lying module. Everything is removed with it.
///
/// The module reads SOFTHSM2_CONF when it is initialised: make one of these before anything of PKCS#11 is opened, and
/// one at a time.
class SoftHsm {
 public:
  static constexpr std::string_view kLabel = "agents";
  static constexpr std::string_view kUserPin = "1234-user";
  static constexpr std::string_view kSoPin = "5678-so";

  /// Makes the folder and, unless `label` is empty, one token in it with both PINs.
  explicit SoftHsm(std::string_view label = kLabel);
  ~SoftHsm();
  SoftHsm(const SoftHsm&) = delete;
  SoftHsm& operator=(const SoftHsm&) = delete;

  /// False, with the reason, where SoftHSM is not installed; `HOLDFAST_SKIP_WITHOUT_SOFTHSM` makes a test of it.
  [[nodiscard]] static bool is_installed();
  [[nodiscard]] static bool is_required();

  /// Another token, by the module's own calls: two may have the same label.
  void add_token(std::string_view label) const;

  /// Puts `count` more objects into the token "agents", half of them public keys: SoftHSM keeps each in a file, and a
  /// copied file is another object. (Made one by one they would take minutes.)
  void add_objects(std::size_t count) const;

  [[nodiscard]] static std::string module_path();  ///< SoftHSM itself
  [[nodiscard]] static std::string shim_path();    ///< libholdfast-shim.so in front of it
  [[nodiscard]] static std::string lying_path();   ///< libholdfast-lying.so in front of it

  /// "pkcs11:token=agents;object=NAME?module-path=…&pin-source=file:…" with `module`, without object if `object` is
  /// empty.
  [[nodiscard]] std::string uri(std::string_view object, const std::string& module) const;
  [[nodiscard]] const std::string& pin_file() const { return pin_file_; }
  [[nodiscard]] const std::string& so_pin_file() const { return so_pin_file_; }
  [[nodiscard]] const TemporaryFolder& folder() const { return folder_; }
  /// Writes the user's PIN file anew, so that it is another source than it was (its time of change has a clock's
  /// tick).
  void write_pin(std::string_view pin) const;
  [[nodiscard]] std::string token_folder() const { return folder_.file("tokens"); }

  /// Sets what the lying module tells from its next C_Initialize on.
  static void tell_lies(std::string_view lies);

 private:
  TemporaryFolder folder_;
  std::string pin_file_;
  std::string so_pin_file_;
};

/// The control of the shim; loads it if nobody has.
[[nodiscard]] const ShimControl& shim_control();

/// A device on `uri`, opened as a test wants it; fails the test if it does not open.
[[nodiscard]] hal::DevicePtr open_for_test(const std::string& uri, hal::DeviceAccess access,
                                           std::uint16_t sessions = 4);

/// Resets `device` while other threads sign. A reset waits a second for whoever is inside the module, and a busy
/// machine may keep a thread from running for as long: then it is asked for again, and at the third time that is the
/// answer.
[[nodiscard]] Result<void> reset_among_signers(hal::KeyDevice& device);

}  // namespace holdfast::test

/// Skips by name where SoftHSM is missing, unless HOLDFAST_REQUIRE lists it.
#define HOLDFAST_SKIP_WITHOUT_SOFTHSM()                                                              \
  do {                                                                                               \
    if (!holdfast::test::SoftHsm::is_installed()) {                                                  \
      if (holdfast::test::SoftHsm::is_required()) FAIL() << "softhsm is required and not installed"; \
      GTEST_SKIP() << "softhsm";                                                                     \
    }                                                                                                \
  } while (false)
