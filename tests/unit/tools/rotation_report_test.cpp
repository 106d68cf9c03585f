// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/rotation_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace holdfast::tool {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr WallSeconds kNow{1'800'000'000};

PublicKey key_of(unsigned char first) {
  std::array<std::byte, kEd25519KeySize> bytes{std::byte{first}};
  return PublicKey::from_bytes(Scheme::ed25519, bytes).value();
}

class RotationReport : public testing::Test {
 protected:
  RotationReport() {
    identity_.public_key = old_key_;
    journal_.old_public_key = old_key_;
    journal_.old_key_uri = "pkcs11:token=agents;object=agent-1";
    journal_.new_name = "agent-1-r01234567";
    journal_.new_public_key = new_key_;
  }

  [[nodiscard]] Report report() const {
    Report report;
    add_rotation(report, identity_, journal_, kNow, options_);
    return report;
  }
  [[nodiscard]] std::string words() const {
    const Report told = report();
    for (const Report::Row& row : told.rows()) {
      if (row.label == "rotation") return row.words;
    }
    return {};
  }
  [[nodiscard]] bool names_old_key() const {
    const Report told = report();
    return std::ranges::any_of(told.rows(), [](const Report::Row& row) { return row.label == "old key"; });
  }

  std::string options_;
  const PublicKey old_key_ = key_of(1);
  const PublicKey new_key_ = key_of(2);
  Identity identity_{.runtime_id = RuntimeId::parse("agent-1").value()};
  RotationJournal journal_{.old_runtime_id = RuntimeId::parse("agent-1").value()};
};

TEST_F(RotationReport, WithoutAJournalOnlyProgramsAreTold) {
  Report report;
  add_rotation(report, identity_, std::nullopt, kNow, "");
  ASSERT_EQ(report.rows().size(), 1U);
  EXPECT_EQ(report.json().dump(), R"({"rotation":null})");
  EXPECT_TRUE(report.rows().front().label.empty());
}

TEST_F(RotationReport, WhileItIsUnderWayBothWaysOutAreNamed) {
  for (const RotationStage stage : {RotationStage::making, RotationStage::registering, RotationStage::registered}) {
    journal_.stage = stage;
    EXPECT_THAT(words(), StartsWith("under way"));
    EXPECT_THAT(words(), HasSubstr("--undo"));
    EXPECT_FALSE(names_old_key());
  }
}

TEST_F(RotationReport, AnIdentityThatWasSwitchedAndNotNotedIsDone) {
  journal_.stage = RotationStage::registered;
  identity_.public_key = new_key_;
  EXPECT_THAT(words(), StartsWith("done, but cut off"));
  EXPECT_TRUE(names_old_key());
}

TEST_F(RotationReport, TheOldKeyIsKeptUntilItsTimeAndThenMayGo) {
  journal_.stage = RotationStage::switched;
  identity_.public_key = new_key_;
  journal_.old_key_until = WallSeconds{kNow.value + 1};
  EXPECT_THAT(words(), HasSubstr("is kept until 2027-01-15T08:00:01Z"));
  journal_.old_key_until = kNow;
  EXPECT_THAT(words(), HasSubstr("may go since 2027-01-15T08:00:00Z: holdfast agent retire"));
}

TEST_F(RotationReport, TheCommandThatIsNextFindsTheSameIdentity) {
  options_ = " --identity-file here.json";
  EXPECT_THAT(words(), HasSubstr("go on with holdfast agent rotate --identity-file here.json, or"));
  journal_.stage = RotationStage::registered;
  identity_.public_key = new_key_;
  EXPECT_THAT(words(), HasSubstr("holdfast agent rotate --identity-file here.json records it"));
  journal_.stage = RotationStage::switched;
  journal_.old_key_until = kNow;
  EXPECT_THAT(words(), HasSubstr("holdfast agent retire --identity-file here.json"));
}

}  // namespace
}  // namespace holdfast::tool
