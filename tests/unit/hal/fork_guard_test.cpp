// SPDX-License-Identifier: Apache-2.0
#include "hal/fork_guard.hpp"

#include "tests/support/child_process.hpp"

#include <gtest/gtest.h>

namespace holdfast::hal {
namespace {

TEST(ForkGuard, NoticesTheForkInTheChildOnly) {
  ForkGuard guard = std::move(ForkGuard::create()).value();
  EXPECT_FALSE(guard.is_forked());
  EXPECT_EQ(test::run_in_child([&] { return guard.is_forked(); }), 0);
  EXPECT_FALSE(guard.is_forked());
}

TEST(ForkGuard, OneMadeInTheChildIsItsOwn) {
  EXPECT_EQ(test::run_in_child([] { return !std::move(ForkGuard::create()).value().is_forked(); }), 0);
}

}  // namespace
}  // namespace holdfast::hal
