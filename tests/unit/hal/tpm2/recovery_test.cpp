// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/recovery.hpp"

#include <gtest/gtest.h>
#include <tss2/tss2_common.h>
#include <tss2/tss2_tpm2_types.h>

#include <set>
#include <string>
#include <vector>

namespace holdfast::hal::tpm2 {
namespace {

struct Code {
  ResponseCode value;
  std::string name;
};

#define X(name) Code{name, #name},
const std::vector<Code> kCodes{
#include "response_codes.inc"
};
#undef X

// What a TPM answers; every other code of it leads to no rung. (What a TCTI answers breaks the connection, whatever
// it is: tpm2_transport_test.)
const std::set<std::string> kReset{"TPM2_RC_INITIALIZE", "TPM2_RC_NV_UNAVAILABLE", "TPM2_RC_REBOOT"};
const std::set<std::string> kWait{"TPM2_RC_CONTEXT_GAP", "TPM2_RC_OBJECT_MEMORY",   "TPM2_RC_SESSION_MEMORY",
                                  "TPM2_RC_MEMORY",      "TPM2_RC_SESSION_HANDLES", "TPM2_RC_OBJECT_HANDLES",
                                  "TPM2_RC_NV_SPACE"};

TEST(Tpm2Recovery, EveryCodeOfTheTpmGoesToItsRung) {
  for (const Code& code : kCodes) {
    if (code.name.starts_with("TSS2_")) continue;
    const Status status = rung_status(code.value);
    const bool is_lost = code.name == "TPM2_RC_HANDLE" || code.name.starts_with("TPM2_RC_REFERENCE_");
    EXPECT_EQ(status == Status::stale_key, is_lost) << code.name;
    EXPECT_EQ(status == Status::device_gone, kReset.contains(code.name)) << code.name;
    EXPECT_EQ(status == Status::resource_exhausted, kWait.contains(code.name)) << code.name;
  }
}

TEST(Tpm2Recovery, ARefusedAuthValueGoesToNone) {
  for (const ResponseCode code : {TPM2_RC_AUTH_FAIL, TPM2_RC_BAD_AUTH, TPM2_RC_LOCKOUT}) {
    EXPECT_EQ(status_remedy(rung_status(code | TPM2_RC_S | TPM2_RC_1)), Remedy::ask_person) << code;
  }
}

TEST(Tpm2Recovery, WhatWasJudgedBetterThanByItsCodeStays) {
  EXPECT_EQ(for_recovery(native_failure(TPM2_RC_HANDLE | TPM2_RC_1, "signing")).status, Status::stale_key);
  EXPECT_EQ(for_recovery(native_failure(TPM2_RC_HANDLE, Status::pin_required, "signing")).status,
            Status::pin_required);
  EXPECT_EQ(for_recovery(native_failure(TSS2_TCTI_RC_IO_ERROR, "signing")).status, Status::device_gone);
  EXPECT_EQ(for_recovery(failure(Status::key_changed, Layer::tpm2, "finding")).status, Status::key_changed);
}

}  // namespace
}  // namespace holdfast::hal::tpm2
