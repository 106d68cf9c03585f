// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/fuzz/promise.hpp"

#include <p11-kit/pkcs11.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace holdfast::fuzz {

/// What stands behind the PKCS#11 module that a fuzzer plays (made_up_entry.c is the library that is loaded): a token
/// "agents" with one Ed25519 key "agent-1", as long as the choices say nothing else. Each call takes one octet; any
/// but zero is a lie: another return code, another count or length, other bytes. It writes no byte beyond a buffer it
/// was given: a module that does is not to be defended against in its own process.
class MadeUpModule {
 public:
  /// One at a time.
  explicit MadeUpModule(Choices& choices) noexcept;
  MadeUpModule(const MadeUpModule&) = delete;
  MadeUpModule& operator=(const MadeUpModule&) = delete;
  ~MadeUpModule();

  [[nodiscard]] std::size_t calls() const noexcept { return calls_; }
  [[nodiscard]] std::size_t open_sessions() const noexcept { return open_sessions_; }
  /// Logins with a PIN that were answered with CKR_PIN_INCORRECT.
  [[nodiscard]] std::size_t refused_pins() const noexcept { return refused_pins_; }

  // ---- for the entries
  CK_RV answer();  ///< CKR_OK, or the lie that was chosen
  Choices& choices() noexcept { return choices_; }
  void note_session(bool is_open) noexcept { is_open ? ++open_sessions_ : --open_sessions_; }
  void note_refused_pin() noexcept { ++refused_pins_; }
  bool is_initialised = false;
  bool has_made_private = false;  ///< the halves of a key "agent-2", made or brought in
  bool has_made_public = false;
  std::vector<CK_BYTE> made_id;
  std::vector<CK_OBJECT_HANDLE> found;  ///< by the search under way
  bool is_lying = false;                ///< about the present call's results

 private:
  Choices& choices_;
  std::size_t calls_ = 0;
  std::size_t open_sessions_ = 0;
  std::size_t refused_pins_ = 0;
};

}  // namespace holdfast::fuzz
