// SPDX-License-Identifier: Apache-2.0
#include "src/identity/rotation_journal.hpp"

#include "src/json/json.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <filesystem>
#include <random>

namespace holdfast {
namespace {

using test::TemporaryFolder;

PublicKey key_of(std::string_view line) { return parse_ssh_public_key(line).value(); }

class RotationJournalTest : public testing::Test {
 protected:
  static constexpr std::string_view kOld =
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
  static constexpr std::string_view kNew =
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";

  static RotationJournal sample(RotationStage stage) {
    RotationJournal journal{.stage = stage,
                            .new_name = "agent-r0011aabb",
                            .new_id = "00112233445566778899aabbccddeeff",
                            .new_twin_id = {},
                            .old_runtime_id = RuntimeId::parse("agent-1").value(),
                            .old_public_key = key_of(kOld),
                            .old_key_uri = "pkcs11:token=agents;object=agent;id=%01",
                            .keep_for = 3600};
    if (stage >= RotationStage::registering) journal.new_public_key = key_of(kNew);
    if (stage >= RotationStage::registered) journal.new_runtime_id = RuntimeId::parse("agent-2").value();
    if (stage == RotationStage::switched) journal.old_key_until = WallSeconds{1'776'643'200};
    journal.unanswered_registrations = stage == RotationStage::registering ? 1 : 0;
    return journal;
  }
  // What `load` says of a journal with one member changed.
  Result<std::optional<RotationJournal>> with(std::string_view part, std::string_view name, const Json& value) {
    EXPECT_TRUE(store_rotation_journal(sample(RotationStage::switched), path_));
    Json document = *Json::parse(test::read_file(path_));
    if (part.empty()) {
      document.set(name, value);
    } else {
      Json inner = *document.member(part);
      inner.set(name, value);
      document.set(part, inner);
    }
    return load(document.dump());
  }
  Result<std::optional<RotationJournal>> load(std::string_view text) {
    folder_.write("identity.json.rotation", text, 0644);
    return load_rotation_journal(path_);
  }

  TemporaryFolder folder_;
  std::string path_ = rotation_journal_path(folder_.file("identity.json"));
};

TEST_F(RotationJournalTest, ComesBackAsItWent) {
  EXPECT_FALSE(load_rotation_journal(path_).value());
  for (const RotationStage stage :
       {RotationStage::making, RotationStage::registering, RotationStage::registered, RotationStage::switched}) {
    const RotationJournal journal = sample(stage);
    ASSERT_TRUE(store_rotation_journal(journal, path_));
    const auto read = load_rotation_journal(path_);
    ASSERT_TRUE(read && *read);
    const RotationJournal& back = **read;
    EXPECT_EQ(back.stage, stage);
    EXPECT_EQ(back.new_name, journal.new_name);
    EXPECT_EQ(back.new_id, journal.new_id);
    EXPECT_EQ(back.new_public_key, journal.new_public_key);
    EXPECT_EQ(back.new_runtime_id.has_value(), journal.new_runtime_id.has_value());
    EXPECT_EQ(back.old_runtime_id.view(), "agent-1");
    EXPECT_EQ(back.old_public_key, journal.old_public_key);
    EXPECT_EQ(back.old_key_uri, journal.old_key_uri);
    EXPECT_EQ(back.keep_for, 3600);
    EXPECT_EQ(back.old_key_until, journal.old_key_until);
    EXPECT_EQ(back.unanswered_registrations, journal.unanswered_registrations);
  }
  EXPECT_TRUE(remove_rotation_journal(path_));
  EXPECT_TRUE(remove_rotation_journal(path_)) << "gone is gone";
  EXPECT_FALSE(load_rotation_journal(path_).value());
}

TEST_F(RotationJournalTest, WhatIsNotAsItWasWrittenIsRefusedAndLeftAlone) {
  const Json text = Json::string("x");
  EXPECT_EQ(with("", "version", Json::integer(2)).status(), Status::file_invalid);
  EXPECT_EQ(with("", "stage", text).status(), Status::file_invalid);
  EXPECT_EQ(with("", "keep_for_seconds", Json::integer(-1)).status(), Status::file_invalid);
  EXPECT_EQ(with("", "keep_for_seconds", Json::integer(kMaxOverlap + 1)).status(), Status::file_invalid);
  EXPECT_EQ(with("", "old_key_until", text).status(), Status::file_invalid);
  EXPECT_EQ(with("", "unanswered_registrations", Json()).status(), Status::file_invalid);
  EXPECT_EQ(with("", "old", text).status(), Status::file_invalid);
  EXPECT_EQ(with("old", "public_key", text).status(), Status::file_invalid);
  EXPECT_EQ(with("old", "runtime_id", Json::string("..")).status(), Status::file_invalid);
  EXPECT_EQ(with("old", "key_uri", Json::string("")).status(), Status::file_invalid);
  EXPECT_EQ(with("old", "key_uri",
                 Json::string("pkcs11:object=\xC2\x9B"
                              "2J"))
                .status(),
            Status::file_invalid);
  EXPECT_EQ(with("old", "key_uri", Json::string("pkcs11:\x1b")).status(), Status::file_invalid);
  EXPECT_EQ(with("old", "key_uri", Json::string(std::string(2000, 'u'))).status(), Status::file_invalid);
  EXPECT_EQ(with("new", "public_key", Json::string(kOld)).status(), Status::file_invalid) << "the old one again";
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(RotationJournalTest, NamesNoKeyThatARotationDidNotMakeUp) {
  for (const char* name :
       {"agent", "agent-r", "agent-r0011aab", "agent-r0011AABB", "-r0011aabb", "agent-x0011aabb"}) {
    EXPECT_EQ(with("new", "name", Json::string(name)).status(), Status::file_invalid) << name;
  }
  for (const char* id : {"00", "zz112233445566778899aabbccddeeff", "00112233445566778899aabbccddeeff00"}) {
    EXPECT_EQ(with("new", "id", Json::string(id)).status(), Status::file_invalid) << id;
  }
  EXPECT_TRUE(with("new", "name", Json::string("/etc/holdfast/agent-r0011aabb.pem")));
}

TEST_F(RotationJournalTest, DamagedOrCutItIsAnErrorWithAHint) {
  ASSERT_TRUE(store_rotation_journal(sample(RotationStage::switched), path_));
  const std::string whole = test::read_file(path_);
  for (std::size_t size = 0; size + 2 < whole.size(); size += 7) {
    const auto read = load(whole.substr(0, size));
    ASSERT_EQ(read.status(), Status::file_invalid) << size;
    EXPECT_NE(read.error().hint, nullptr);
  }
  EXPECT_EQ(load(std::string(20'000, ' ')).status(), Status::file_invalid);
  std::mt19937 random(7);
  for (int i = 0; i < 500; ++i) {
    std::string noise = whole;
    noise[random() % noise.size()] = static_cast<char>(random());
    (void)load(noise);  // the sanitizers look
  }
}

TEST_F(RotationJournalTest, OthersMayNotWriteIt) {
  ASSERT_TRUE(store_rotation_journal(sample(RotationStage::making), path_));
  ASSERT_EQ(chmod(path_.c_str(), 0666), 0);
  EXPECT_EQ(load_rotation_journal(path_).status(), Status::file_untrusted);
}

TEST_F(RotationJournalTest, OneRotationAtATime) {
  {
    const auto first = lock_rotation(folder_.file("identity.json"));
    ASSERT_TRUE(first);
    EXPECT_EQ(lock_rotation(folder_.file("identity.json")).status(), Status::resource_exhausted);
  }
  EXPECT_TRUE(lock_rotation(folder_.file("identity.json")));
}

}  // namespace
}  // namespace holdfast
