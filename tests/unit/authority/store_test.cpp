// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/store.hpp"

#include "tests/support/child_process.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace holdfast::authority {
namespace {

using holdfast::test::TemporaryFolder;
using testing::HasSubstr;

Agent some_agent() {
  Agent agent;
  agent.runtime_id = "agent-1";
  agent.public_key = "ssh-ed25519 AAAA";
  agent.agent_version = "1.0";
  agent.harness_id = "holdfast";
  agent.running_location = "cli-linux";
  agent.capabilities = "[]";
  agent.registered_at = WallSeconds{1'776'643'200};
  return agent;
}

void change(const std::string& path, const char* statements) {
  sqlite3* connection = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &connection), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(connection, statements, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(connection);
  sqlite3_close(connection);
}

mode_t mode_of(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777U;
}

class StoreTest : public testing::Test {
 protected:
  void expect_refused(Status status, const std::string& says) {
    const Result<Store> store = Store::open(path_);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.status(), status);
    EXPECT_THAT(std::string(store.error().detail.view()), HasSubstr(says));
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("authority.db");
};

TEST_F(StoreTest, MakesAFileThatOnlyItsOwnerReads) {
  const mode_t before = umask(0);
  const Result<Store> store = Store::open(path_);
  umask(before);
  ASSERT_TRUE(store);
  EXPECT_EQ(mode_of(path_), 0600U);
  EXPECT_EQ(mode_of(path_ + "-wal"), 0600U);
}

TEST_F(StoreTest, KeepsEverythingAcrossOpens) {
  std::string bearer;
  Agent limited = some_agent();
  limited.runtime_id = "agent-2";
  limited.ttl = 60;
  {
    Store store = Store::open(path_).value();
    bearer = store.bearer();
    EXPECT_EQ(bearer.size(), 43U);
    EXPECT_TRUE(store.add_agent(some_agent()));
    EXPECT_TRUE(store.add_agent(limited));
    EXPECT_TRUE(store.add_task("task-1", "agent-1", WallSeconds{5}));
  }
  Store store = Store::open(path_).value();
  EXPECT_EQ(store.bearer(), bearer);
  const auto agent = store.find_agent("agent-1").value();
  ASSERT_TRUE(agent);
  EXPECT_EQ(agent->public_key, "ssh-ed25519 AAAA");
  EXPECT_EQ(agent->agent_version, "1.0");
  EXPECT_EQ(agent->harness_id, "holdfast");
  EXPECT_EQ(agent->running_location, "cli-linux");
  EXPECT_EQ(agent->capabilities, "[]");
  EXPECT_EQ(agent->ttl, std::nullopt);
  EXPECT_EQ(agent->registered_at.value, 1'776'643'200);
  EXPECT_EQ(store.find_agent("agent-2").value()->ttl, 60);
  EXPECT_EQ(store.find_task_owner("task-1").value(), "agent-1");
  EXPECT_TRUE(store.check());
}

TEST_F(StoreTest, FindsNothingWhereThereIsNothing) {
  Store store = Store::open(path_).value();
  EXPECT_EQ(store.find_agent("agent-1").value(), std::nullopt);
  EXPECT_EQ(store.find_task_owner("task-1").value(), std::nullopt);
  EXPECT_EQ(store.find_agent("' OR 1=1 --").value(), std::nullopt);
}

TEST_F(StoreTest, RefusesIdsThatAreTaken) {
  Store store = Store::open(path_).value();
  EXPECT_TRUE(store.add_agent(some_agent()));
  EXPECT_EQ(store.add_agent(some_agent()).status(), Status::already_exists);
  EXPECT_TRUE(store.add_task("task-1", "agent-1", WallSeconds{1}));
  EXPECT_EQ(store.add_task("task-1", "agent-1", WallSeconds{1}).status(), Status::already_exists);
  EXPECT_FALSE(store.add_task("task-2", "agent-none", WallSeconds{1}));
  EXPECT_TRUE(store.add_task("task-3", "agent-1", WallSeconds{1})) << "a refusal must not stick to the statement";
}

TEST_F(StoreTest, MakesAnotherBearerForEachDatabase) {
  EXPECT_NE(Store::open(path_).value().bearer(), Store::open(folder_.file("other.db")).value().bearer());
}

TEST_F(StoreTest, RefusesASecondHolder) {
  const Store store = Store::open(path_).value();
  expect_refused(Status::file_invalid, "in use by another process");
}

TEST_F(StoreTest, RefusesFilesThatAreNoDatabase) {
  folder_.write("authority.db", std::string(4096, 'x'));
  expect_refused(Status::file_invalid, "not an SQLite database");
}

TEST_F(StoreTest, RefusesDatabasesOfOthers) {
  folder_.write("authority.db", "");
  change(path_, "CREATE TABLE things (a)");
  expect_refused(Status::file_invalid, "another program");
}

TEST_F(StoreTest, RefusesVersionsItDoesNotKnow) {
  (void)Store::open(path_).value();
  change(path_, "PRAGMA user_version = 2");
  expect_refused(Status::file_invalid, "has version 2");
}

TEST_F(StoreTest, NoticesDamage) {
  {
    Store store = Store::open(path_).value();
    for (int i = 0; i < 200; ++i) {
      Agent agent = some_agent();
      agent.runtime_id += std::to_string(i);
      ASSERT_TRUE(store.add_agent(agent));
    }
  }
  std::string content = holdfast::test::read_file(path_);
  ASSERT_GT(content.size(), 16'384U);
  std::fill(content.begin() + 8'192, content.end(), '\x5a');
  folder_.write("authority.db", content);
  expect_refused(Status::file_invalid, "damaged");
}

TEST_F(StoreTest, RefusesAFileThatOthersMayRead) {
  (void)Store::open(path_).value();
  ASSERT_EQ(chmod(path_.c_str(), 0640), 0);
  expect_refused(Status::file_untrusted, "may be used by others");
}

TEST_F(StoreTest, RefusesPathsWhereNoFileCanBe) {
  EXPECT_EQ(Store::open(folder_.path()).status(), Status::file_invalid);
  EXPECT_EQ(Store::open(folder_.file("none/authority.db")).status(), Status::file_invalid);
  EXPECT_EQ(Store::open("/dev/null").status(), Status::file_invalid);
}

TEST_F(StoreTest, SaysWhoMayNotWrite) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  EXPECT_EQ(holdfast::test::run_in_child([this] { return Store::open(path_).status() == Status::permission_denied; },
                                         holdfast::test::kNobody),
            0);
}

// Writes past the limit fail as on a full disk.
TEST_F(StoreTest, ReportsAFullDiskAndKeepsWhatItHas) {
  EXPECT_EQ(holdfast::test::run_in_child([this] {
              Store store = Store::open(path_).value();
              if (!store.add_agent(some_agent())) return false;
              signal(SIGXFSZ, SIG_IGN);
              struct stat info {};
              if (stat((path_ + "-wal").c_str(), &info) != 0) return false;
              const rlimit limit{static_cast<rlim_t>(info.st_size), static_cast<rlim_t>(info.st_size)};
              if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
              Agent more = some_agent();
              more.runtime_id = "agent-2";
              const bool is_refused = !store.add_agent(more);
              return is_refused && store.find_agent("agent-1").value().has_value();
            }),
            0);
  EXPECT_TRUE(Store::open(path_).value().find_agent("agent-1").value());
}

TEST(RandomIdTest, IsAnIdAndNeverTheSame) {
  const std::string id = random_id("task-");
  EXPECT_EQ(id.size(), 27U);
  EXPECT_TRUE(TaskId::parse(id));
  EXPECT_NE(id, random_id("task-"));
}

TEST_F(StoreTest, ForgetsTasksAndKeepsAgents) {
  Store store = Store::open(path_).value();
  ASSERT_TRUE(store.add_agent(some_agent()));
  ASSERT_TRUE(store.add_task("task-1", "agent-1", WallSeconds{1}));
  ASSERT_TRUE(store.add_task("task-2", "agent-1", WallSeconds{2}));
  EXPECT_EQ(store.forget_tasks().value(), 2);
  EXPECT_EQ(store.find_task_owner("task-1").value(), std::nullopt);
  EXPECT_TRUE(store.find_agent("agent-1").value());
  EXPECT_EQ(store.forget_tasks().value(), 0);
  EXPECT_TRUE(store.add_task("task-1", "agent-1", WallSeconds{3}));
}

}  // namespace
}  // namespace holdfast::authority
