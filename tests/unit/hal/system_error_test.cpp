// SPDX-License-Identifier: Apache-2.0
#include "hal/system_error.hpp"

#include <gtest/gtest.h>

#include <errno.h>

#include <utility>

namespace holdfast::hal {
namespace {

TEST(SystemError, IsAnsweredByWhatCanBeDoneAboutIt) {
  constexpr std::pair<int, Status> kExpected[] = {
      {EACCES, Status::permission_denied},  {EPERM, Status::permission_denied},
      {EROFS, Status::permission_denied},   {ENOSPC, Status::resource_exhausted},
      {EDQUOT, Status::resource_exhausted}, {EFBIG, Status::resource_exhausted},
      {ENOMEM, Status::resource_exhausted}, {EMFILE, Status::resource_exhausted},
      {ENFILE, Status::resource_exhausted}, {EEXIST, Status::already_exists},
      {ENOENT, Status::file_invalid},       {EIO, Status::file_invalid},
  };
  for (const auto& [code, status] : kExpected) EXPECT_EQ(system_status(code), status) << code;
}

TEST(SystemError, SaysWhatFailedAndWithWhichCode) {
  const Error error = system_error(ENOSPC, "writing a file", "/var/x", "has no room");
  EXPECT_EQ(error.status, Status::resource_exhausted);
  EXPECT_EQ(error.layer, Layer::system);
  EXPECT_EQ(error.native, static_cast<std::uint64_t>(ENOSPC));
  EXPECT_STREQ(error.native_name, "ENOSPC");
  EXPECT_STREQ(error.doing, "writing a file");
  EXPECT_EQ(error.detail.view(), "/var/x has no room");
  EXPECT_EQ(system_error(ENOSPC, "writing a file", "getrandom").detail.view(), "getrandom");
}

TEST(SystemError, WithoutACallThatFailedNamesNone) {
  const Error error = system_error(Status::file_untrusted, 0, "opening a file", "/x", "is writable by others");
  EXPECT_EQ(error.status, Status::file_untrusted);
  EXPECT_EQ(error.native, 0U);
  EXPECT_EQ(error.native_name, nullptr);
  // No name either for a code that the C library has none for.
  EXPECT_EQ(system_error(4095, "opening a file", "/x").native_name, nullptr);
}

}  // namespace
}  // namespace holdfast::hal
