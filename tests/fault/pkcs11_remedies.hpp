// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/fault/chapter.hpp"
#include "tests/support/shim_control.hpp"

#include <span>
#include <string>

namespace holdfast::fault {

struct NativeCode {
  const char* name;
  unsigned long value;
};

/// Every CKR_* of the installed header (read out of it when the build is configured), those of PKCS#11 3.0 to 3.2
/// that it lacks, and one a vendor might define.
[[nodiscard]] std::span<const NativeCode> cryptoki_codes();

/// One of each kind, for the walk of every day.
[[nodiscard]] std::span<const NativeCode> cryptoki_codes_of_each_kind();

[[nodiscard]] std::string code_text(unsigned long code);

/// What should be done about `fault` in `call` of `chapter`, made at `moment`: written from the standard's words and
/// design.md §5, not from the table in hal/pkcs11/errors.cpp.
[[nodiscard]] RemedySet remedies_for(std::string_view chapter, Moment moment, const test::ShimCall& call,
                                     const test::ShimFault& fault);

/// True if the token may have refused the PIN before it answered `code` to C_Login at `moment`: in a climb it is one
/// that the token took before.
[[nodiscard]] bool may_have_judged_pin(Moment moment, unsigned long code);

}  // namespace holdfast::fault
