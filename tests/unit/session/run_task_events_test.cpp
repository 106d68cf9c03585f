// SPDX-License-Identifier: Apache-2.0
//
// What the host's log is told of a run task.
#include "hal/fake/clock.hpp"
#include "src/session/run_task.hpp"
#include "tests/support/recorded_log.hpp"
#include "tests/unit/session/task_fixture.hpp"

#include <gmock/gmock.h>

namespace holdfast {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class RunTaskEvents : public testing::Test {
 protected:
  hal::fake::FakeClock clock_;
  test::EchoSigner signer_;
  test::SlowSource source_{clock_};
  test::RecordedLog log_;
  RunTask task_{signer_, &source_, 60s, clock_, &log_};
};

TEST_F(RunTaskEvents, ARegistrationIsToldWithItsGenerationAndReadingTheTaskIsNot) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(task_.get(30s));
  EXPECT_THAT(log_.take(), ElementsAre("task_registered 1"));
}

TEST_F(RunTaskEvents, EachRegistrationThatWasTriedAndFailedIsTold) {
  source_.status = Status::authority_unavailable;
  EXPECT_FALSE(task_.get(30s));
  EXPECT_FALSE(task_.get(30s));
  source_.status = Status::ok;
  EXPECT_TRUE(task_.get(30s));
  EXPECT_THAT(log_.take(), ElementsAre("registration_failed authority_unavailable",
                                       "registration_failed authority_unavailable", "task_registered 1"));
}

TEST_F(RunTaskEvents, ARejectionIsToldOncePerTask) {
  EXPECT_TRUE(task_.get(30s));
  (void)log_.take();
  EXPECT_TRUE(task_.rejected({1}, 30s));
  EXPECT_THAT(log_.take(), ElementsAre("task_rejected 1", "task_registered 2"));
  EXPECT_TRUE(task_.rejected({1}, 30s)) << "a late report";
  EXPECT_FALSE(task_.rejected({3}, 30s)) << "a mistake";
  EXPECT_THAT(log_.take(), IsEmpty());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(task_.rejected({2}, 30s).status(), Status::authority_refused);
  EXPECT_THAT(log_.take(), ElementsAre("task_rejected 2"));
}

TEST_F(RunTaskEvents, AnAdoptedTaskIsTheHostsOwnDoing) {
  EXPECT_TRUE(task_.adopt(TaskId::parse("task-9").value(), 30s));
  EXPECT_THAT(log_.take(), IsEmpty());
}

}  // namespace
}  // namespace holdfast
