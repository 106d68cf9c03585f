// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/fault/chapter.hpp"
#include "tests/support/tcti_shim.hpp"

#include <span>
#include <string>
#include <vector>

namespace holdfast::fault {

/// What a TPM or the TCTI may answer.
struct TpmCode {
  std::string name;  ///< "TPM2_RC_VALUE + P + 1"
  std::uint32_t value = 0;
};

/// Every TPM2_RC_* of the installed header (read out of it when the build is configured), those of format 1 alone and
/// as the first parameter's, handle's and session's; every code of a TCTI; and one that nobody defined.
[[nodiscard]] const std::vector<TpmCode>& tpm_codes();

/// One of each kind, for the walk of every day.
[[nodiscard]] const std::vector<TpmCode>& tpm_codes_of_each_kind();

/// "Sign" for 0x15d; the number, where it has no name here.
[[nodiscard]] std::string command_name(std::uint32_t code);

/// What should be done about `fault` at `call`, made at `moment`: written from the specification's words and
/// design.md §5, not from the table in hal/tpm2/errors.cpp.
[[nodiscard]] RemedySet remedies_for(Moment moment, const test::TctiCall& call, const test::TctiFault& fault);

/// True if the TPM may have judged an auth value before it gave this answer.
[[nodiscard]] bool may_have_judged_auth(const test::TctiFault& fault);

/// True if after `fault` nobody can know of what is in the TPM: its handle was lost, or the connection.
[[nodiscard]] bool keeps_in_tpm(Moment moment, const test::TctiCall& call, const test::TctiFault& fault);

}  // namespace holdfast::fault
