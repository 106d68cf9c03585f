// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"

#include <p11-kit/pkcs11.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::test {

/// A logged-in read-write session on the token `label`, straight on SoftHSM's function list, for objects that our own
/// code would never make. It initialises the module and finalises it at the end: nothing else may have it open
/// meanwhile.
class RawSession {
 public:
  explicit RawSession(std::string_view label);
  ~RawSession();
  RawSession(const RawSession&) = delete;
  RawSession& operator=(const RawSession&) = delete;

  [[nodiscard]] CK_FUNCTION_LIST& calls() const { return *calls_; }
  [[nodiscard]] CK_SESSION_HANDLE handle() const { return session_; }

  /// A key pair on the token whose private half has, besides label and id, the boolean attributes given.
  struct Flag {
    CK_ATTRIBUTE_TYPE type;
    bool value;
  };
  void make_pair(Scheme scheme, std::string_view label, std::string_view id, std::vector<Flag> flags = {}) const;
  void make_rsa_pair(std::string_view label) const;
  void make_p384_pair(std::string_view label) const;
  /// A small data object, and a public key that looks like ours but for its names.
  void make_others() const;
  /// Removes the public key objects called `label`.
  void remove_public(std::string_view label) const;
  [[nodiscard]] std::size_t count_objects() const;

 private:
  void make(CK_MECHANISM_TYPE mechanism, std::vector<CK_ATTRIBUTE> open, std::string_view label, std::string_view id,
            const std::vector<Flag>& flags) const;
  CK_FUNCTION_LIST* calls_;
  CK_SESSION_HANDLE session_ = 0;
};

/// SoftHSM's own function list.
[[nodiscard]] CK_FUNCTION_LIST& softhsm_functions();
/// Throws, naming `what`, unless `code` is CKR_OK.
void require_ok(CK_RV code, const char* what);

}  // namespace holdfast::test
