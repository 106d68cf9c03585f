// SPDX-License-Identifier: Apache-2.0
#include "holdfast/event.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

namespace holdfast {
namespace {

std::string message_of(const Event& event, std::size_t capacity = 512) {
  std::array<char, 512> out{};
  return std::string(write_message(event, std::span(out).first(capacity)));
}

TEST(Event, EachKindHasANameAndASentence) {
  std::set<std::string_view> names;
  for (std::uint8_t kind = 1; kind <= 7; ++kind) {
    names.insert(event_name(EventKind{kind}));
    EXPECT_NE(event_name(EventKind{kind}), "unknown") << int{kind};
    EXPECT_FALSE(message_of({.kind = EventKind{kind}}).empty()) << int{kind};
  }
  EXPECT_EQ(names.size(), 7U);
  EXPECT_EQ(event_name(EventKind{0}), "unknown");
  EXPECT_EQ(event_name(EventKind{8}), "unknown");
}

TEST(Event, SaysWhatHappenedAndWhy) {
  EXPECT_EQ(message_of({.kind = EventKind::recovery_ended}), "the key signs again");
  EXPECT_EQ(message_of({.kind = EventKind::task_registered, .generation = 12}),
            "a task was registered, generation 12");
  const Error why = failure(Status::device_gone, Layer::pkcs11, "signing").about("slot 3");
  const std::string lost = message_of({.kind = EventKind::recovery_begun, .why = why});
  EXPECT_TRUE(lost.starts_with("the key was lost and is looked for again: ")) << lost;
  EXPECT_TRUE(lost.ends_with(": slot 3 (pkcs11 while signing)")) << lost;
  const Event longest{.kind = EventKind::recovery_begun, .why = why, .generation = UINT64_MAX};
  for (std::size_t capacity = 0; capacity < message_of(longest).size(); ++capacity) {
    EXPECT_EQ(message_of(longest, capacity), message_of(longest).substr(0, capacity));
  }
}

TEST(Event, WhatMayPassIsAWarning) {
  const auto severity = [](EventKind kind, Status status) {
    return severity_of({.kind = kind, .why = failure(status, Layer::core, "testing")});
  };
  EXPECT_EQ(severity(EventKind::registration_failed, Status::authority_unavailable), Severity::warning);
  EXPECT_EQ(severity(EventKind::registration_failed, Status::device_gone), Severity::warning);
  EXPECT_EQ(severity(EventKind::registration_failed, Status::authority_refused), Severity::error);
  EXPECT_EQ(severity(EventKind::recovery_begun, Status::resource_exhausted), Severity::warning);
  EXPECT_EQ(severity(EventKind::pin_refused, Status::pin_refused_before), Severity::error);
  EXPECT_EQ(severity_of({.kind = EventKind::task_registered}), Severity::info);
}

}  // namespace
}  // namespace holdfast
