// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/recovery.hpp"

#include "hal/pkcs11/errors.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace holdfast::hal::pkcs11 {
namespace {

constexpr std::pair<CK_RV, std::string_view> kCodes[] = {
#define X(name) {name, #name},
#include "return_codes.inc"
#undef X
};

// Every other code leads to no rung.
constexpr CK_RV kFind[] = {CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID, CKR_OPERATION_ACTIVE,
                           CKR_OPERATION_NOT_INITIALIZED};
constexpr CK_RV kReset[] = {
    CKR_SLOT_ID_INVALID,    CKR_GENERAL_ERROR,        CKR_FUNCTION_FAILED,          CKR_DEVICE_ERROR,
    CKR_DEVICE_REMOVED,     CKR_SESSION_CLOSED,       CKR_SESSION_HANDLE_INVALID,   CKR_TOKEN_NOT_PRESENT,
    CKR_USER_NOT_LOGGED_IN, CKR_TOKEN_NOT_RECOGNIZED, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_VENDOR_DEFINED};
constexpr CK_RV kWait[] = {CKR_HOST_MEMORY, CKR_DEVICE_MEMORY, CKR_SESSION_COUNT};

bool is_in(std::span<const CK_RV> codes, CK_RV code) { return std::ranges::find(codes, code) != codes.end(); }

TEST(Recovery, sends_every_code_of_the_header_to_its_rung) {
  for (const auto& [code, name] : kCodes) {
    const Status status = rung_status(code);
    EXPECT_EQ(status == Status::stale_key, is_in(kFind, code)) << name;
    EXPECT_EQ(status == Status::device_gone, is_in(kReset, code)) << name;
    EXPECT_EQ(status == Status::resource_exhausted, is_in(kWait, code)) << name;
  }
}

TEST(Recovery, never_sends_a_judged_pin_to_a_rung) {
  for (const CK_RV code : {CKR_PIN_INCORRECT, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE, CKR_PIN_EXPIRED, CKR_PIN_LOCKED}) {
    const Remedy remedy = status_remedy(rung_status(code));
    EXPECT_EQ(remedy, Remedy::ask_person) << code_name(code);
  }
}

TEST(Recovery, leaves_what_was_judged_better_than_by_its_code) {
  EXPECT_EQ(for_recovery(native_failure(CKR_FUNCTION_FAILED, "signing")).status, Status::device_gone);
  EXPECT_EQ(for_recovery(native_failure(CKR_FUNCTION_FAILED, Status::pin_incorrect, "logging in")).status,
            Status::pin_incorrect);
  EXPECT_EQ(for_recovery(failure(Status::key_changed, Layer::pkcs11, "finding")).status, Status::key_changed);
  EXPECT_EQ(for_recovery(native_failure(0x7777, "signing")).status, Status::device_fault);
}

}  // namespace
}  // namespace holdfast::hal::pkcs11
