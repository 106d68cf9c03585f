// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::contract {

/// One back end with an empty token of its own, as the suite needs it. Made anew for every test.
class DeviceFixture {
 public:
  virtual ~DeviceFixture() = default;

  /// A device for the key named `label`; every key of the token if it is empty.
  [[nodiscard]] virtual Result<hal::DevicePtr> open(std::string_view label, hal::DeviceAccess access,
                                                    std::uint16_t sessions) = 0;
  /// A device for the key that a `KeyDescription::uri` names.
  [[nodiscard]] virtual Result<hal::DevicePtr> open_uri(std::string_view uri, hal::DeviceAccess access) = 0;
  [[nodiscard]] virtual hal::Clock& clock() { return hal::system_clock(); }

  /// Makes signatures begun from now on last until `let_go`; `await_held` returns when `signatures` of them do.
  virtual void hold_signatures() {}
  virtual void await_held(std::size_t signatures) { (void)signatures; }
  virtual void let_go() {}
};

/// A back end the suite runs against.
struct BackendUnderTest {
  std::string name;
  std::vector<Scheme> schemes;
  /// Null where the back end's simulator is not installed.
  std::unique_ptr<DeviceFixture> (*make)();
  bool (*is_required)();
  /// Makes no key by our templates; its token comes with one named "agent".
  bool has_ready_key = false;
  /// Lets a key leave: what it makes is refused by the strict profile, and the export attempt shows it.
  bool gives_keys_away = false;
};

[[nodiscard]] BackendUnderTest fake_backend();
[[nodiscard]] BackendUnderTest softhsm_backend();
[[nodiscard]] BackendUnderTest p11_kit_remote_backend();   ///< SoftHSM behind `p11-kit server`: P-256 alone
[[nodiscard]] BackendUnderTest softokn_backend();          ///< NSS, in a database without a password: P-256 alone
[[nodiscard]] BackendUnderTest tpm2_pkcs11_backend();      ///< over swtpm: P-256 alone
[[nodiscard]] BackendUnderTest swtpm_backend();            ///< keys in files, without an auth value
[[nodiscard]] BackendUnderTest protected_swtpm_backend();  ///< the same with one

/// What a back end does not take part in, and why. A row whose test does not exist fails the suite.
struct Skip {
  std::string_view backend;
  std::string_view test;
  std::string_view reason;
};

// tpm2-pkcs11 1.9.0 refuses our templates and leaves what it made of each in the TPM: docs/tokens.md.
inline constexpr std::string_view kMakesNoKey = "it makes no key by our templates; the key it comes with takes part";
inline constexpr std::string_view kTakesMicroseconds = "its signatures take microseconds and cannot be held up";

inline constexpr std::array kSkips{
    Skip{"softhsm", "WaitingForASessionEndsAtTheDeadline", kTakesMicroseconds},
    Skip{"p11_kit_remote", "WaitingForASessionEndsAtTheDeadline", kTakesMicroseconds},
    Skip{"softokn", "WaitingForASessionEndsAtTheDeadline", kTakesMicroseconds},
    Skip{"softokn", "AnImportedKeySigns",
         "it takes no P-256 key from outside: CKR_GENERAL_ERROR, and nothing is left"},
    Skip{"tpm2_pkcs11", "WaitingForASessionEndsAtTheDeadline", kTakesMicroseconds},
    Skip{"tpm2_pkcs11", "TheHandleOfTheMakerSigns", kMakesNoKey},
    Skip{"tpm2_pkcs11", "OnlyTheExpectedKeyIsFound", kMakesNoKey},
    Skip{"tpm2_pkcs11", "AMissingKeyIsNotFound", kMakesNoKey},
    Skip{"tpm2_pkcs11", "TwoKeysAreAmbiguousAndNamed", kMakesNoKey},
    Skip{"tpm2_pkcs11", "TheUriOfADescriptionNamesExactlyThatKey", kMakesNoKey},
    Skip{"tpm2_pkcs11", "AGeneratedKeySatisfiesTheStrictProfileUntilItIsDestroyed", kMakesNoKey},
    Skip{"tpm2_pkcs11", "ANameThatIsTakenIsNotUsedAgain", kMakesNoKey},
    Skip{"tpm2_pkcs11", "AnIdThatIsTakenIsNotUsedAgain", kMakesNoKey},
    Skip{"tpm2_pkcs11", "TheInventoryCountsWhatItCannotShow", kMakesNoKey},
    Skip{"tpm2_pkcs11", "TheTokenGivesNoKeyAwayAndKeepsNothingOfTheAttempt", kMakesNoKey},
    Skip{"tpm2_pkcs11", "AnImportedKeySigns", kMakesNoKey},
    Skip{"swtpm", "AMissingKeyIsNotFound", "a TPM key is called by its file; tpm2_key_test asks for a missing one"},
    Skip{"swtpm", "TwoKeysAreAmbiguousAndNamed", "a file holds one key; tpm2_key_test does it with persistent ones"},
    Skip{"swtpm", "TheUriOfADescriptionNamesExactlyThatKey",
         "a file holds one key; tpm2_key_test does it with persistent ones"},
    Skip{"swtpm", "AnIdThatIsTakenIsNotUsedAgain", "a TPM key's id is its name, which nobody chooses"},
    Skip{"swtpm", "TheInventoryCountsWhatItCannotShow",
         "a file holds one key; tpm2_key_test does it with persistent ones"},
    Skip{"swtpm_auth", "AMissingKeyIsNotFound",
         "a TPM key is called by its file; tpm2_key_test asks for a missing one"},
    Skip{"swtpm_auth", "TwoKeysAreAmbiguousAndNamed",
         "a file holds one key; tpm2_key_test does it with persistent ones"},
    Skip{"swtpm_auth", "TheUriOfADescriptionNamesExactlyThatKey",
         "a file holds one key; tpm2_key_test does it with persistent ones"},
    Skip{"swtpm_auth", "AnIdThatIsTakenIsNotUsedAgain", "a TPM key's id is its name, which nobody chooses"},
    Skip{"swtpm_auth", "TheInventoryCountsWhatItCannotShow",
         "a file holds one key; tpm2_key_test does it with persistent ones"},
};

}  // namespace holdfast::contract
