// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/pin_relay.hpp"

#include "tests/support/terminal_run.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

namespace holdfast::tool {
namespace {

std::string pin_from(const std::string& source) {
  const auto parsed = hal::PinSource::parse(source);
  if (!parsed) return "(no source)";
  const auto pin = hal::read_pin(*parsed, "PIN");
  if (!pin) return "(" + std::string(status_name(pin.status())) + ")";
  std::string text;
  for (const std::byte byte : pin->reveal({})) text += static_cast<char>(byte);
  return text;
}

TEST(PinRelay, HandsOnWhatADescriptorGaveOnce) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], "1234\n", 5), 5);
  close(ends[1]);
  auto relay = PinRelay::create("fd:" + std::to_string(ends[0]));
  ASSERT_TRUE(relay);
  EXPECT_FALSE(relay->is_lasting());
  for (int opening = 0; opening < 3; ++opening) {
    const auto source = relay->next("PIN");
    ASSERT_TRUE(source);
    EXPECT_EQ(pin_from(source->text), "1234");
  }
  const auto told = relay->next("PIN");
  ASSERT_TRUE(told);
  EXPECT_EQ(told->source.in_words().view(), "descriptor " + std::to_string(ends[0])) << "as it was named";
  EXPECT_NE(told->source.descriptor, ends[0]);
  close(ends[0]);
}

TEST(PinRelay, WhatWasTypedIsToldAsThat) {
  const auto relay_it = [] {
    auto relay = PinRelay::create("prompt");
    const auto handed = relay->next("PIN");
    return handed && pin_from(handed->text) == "1234" && handed->source.in_words().view() == "what was typed";
  };
  const auto run = test::run_on_terminal({"1234\n"}, relay_it);
  EXPECT_EQ(run.exit_code, 0) << run.shown;
}

TEST(PinRelay, PassesOtherSourcesUnchanged) {
  for (const char* text : {"file:/run/pin", "env:PIN", "credential:pin"}) {
    auto relay = PinRelay::create(text);
    ASSERT_TRUE(relay);
    EXPECT_EQ(relay->is_lasting(), std::string_view(text) != "env:PIN");
    EXPECT_EQ(relay->next("PIN")->text, text);
    EXPECT_EQ(relay->next("PIN")->source.in_words().view(), hal::PinSource::parse(text)->in_words().view());
  }
  auto none = PinRelay::create("");
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->is_lasting());
  EXPECT_EQ(none->next("PIN")->text, "");
}

TEST(PinRelay, RefusesAPin) {
  const auto relay = PinRelay::create("1234");
  EXPECT_EQ(relay.status(), Status::invalid_argument);
  EXPECT_EQ(relay.error().detail.view().find("1234"), std::string_view::npos);
}

}  // namespace
}  // namespace holdfast::tool
