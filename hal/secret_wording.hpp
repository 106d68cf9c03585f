// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

namespace holdfast::hal {

/// What a secret that somebody is asked for is called in errors.
struct SecretWording {
  const char* doing;  ///< a literal: "reading a PIN"
  const char* name;   ///< a literal: "the PIN"
  Status missing;     ///< there is none: `pin_required` for a PIN
  const char* hint;   ///< a literal: where it could come from; null: the status's own
};

}  // namespace holdfast::hal
