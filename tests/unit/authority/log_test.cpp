// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/log.hpp"

#include "tests/unit/authority/desk.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace holdfast::authority::test {
namespace {

class LogTest : public testing::Test {
 protected:
  LogTest() : fd_(open(folder_.file("log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600)) {}
  ~LogTest() override { close(fd_); }
  std::string text() { return holdfast::test::read_file(folder_.file("log")); }

  holdfast::test::TemporaryFolder folder_;
  StandingClock clock_;
  int fd_;
};

TEST_F(LogTest, WritesOneJsonLinePerRequest) {
  Log log(fd_, false, clock_);
  RequestRecord record;
  record.method = "POST";
  record.path = "/a\n\"b\xff" + std::string(1000, 'x');
  record.status = 401;
  record.reason = "agent_unknown";
  record.duration_us = 12;
  log.request(record);
  record.runtime_id = "agent-1";
  log.request(record);
  const std::string written = text();
  EXPECT_EQ(std::count(written.begin(), written.end(), '\n'), 2);
  const auto line = Json::parse(written.substr(0, written.find('\n')));
  ASSERT_TRUE(line);
  EXPECT_EQ(line->string_member("time"), "2026-04-20T00:00:00Z");
  EXPECT_EQ(line->integer_member("status"), 401);
  EXPECT_EQ(line->integer_member("duration_us"), 12);
  EXPECT_EQ(line->string_member("reason"), "agent_unknown");
  EXPECT_FALSE(line->member("agent_runtime_id"));
  EXPECT_LT(written.size(), 1000U);
}

TEST_F(LogTest, TellsOnlyFailuresWhenQuiet) {
  Log log(fd_, true, clock_);
  RequestRecord record;
  record.status = 404;
  log.request(record);
  log.event("listening", Json::object());
  EXPECT_EQ(text(), "");
  record.status = 500;
  record.detail = "the disk is full";
  log.request(record);
  EXPECT_NE(text().find("the disk is full"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::authority::test
