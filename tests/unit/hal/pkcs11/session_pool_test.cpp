// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/session_pool.hpp"

#include "hal/fake/clock.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <thread>
#include <vector>

namespace holdfast::hal::pkcs11 {
namespace {

// A module of which only sessions exist.
std::set<CK_SESSION_HANDLE> g_open;
CK_SESSION_HANDLE g_last = 0;
std::size_t g_most = 1000;

CK_RV open_session(CK_SLOT_ID, CK_FLAGS, void*, CK_NOTIFY, CK_SESSION_HANDLE* session) {
  if (g_open.size() == g_most) return CKR_SESSION_COUNT;
  *session = ++g_last;
  g_open.insert(*session);
  return CKR_OK;
}
CK_RV close_session(CK_SESSION_HANDLE session) {
  return g_open.erase(session) == 1 ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

class Pool : public ::testing::Test {
 protected:
  Pool() {
    g_open.clear();
    g_most = 1000;
    calls_.C_OpenSession = &open_session;
    calls_.C_CloseSession = &close_session;
  }
  void open(std::size_t count) {
    ASSERT_TRUE(pool_.open(calls_, 1, 0, count).has_value());
    pool_.put_all_back(clock_);
  }
  BootTime soon() { return clock_.boot().after(std::chrono::milliseconds(20)); }

  Clock& clock_ = system_clock();
  Calls calls_{};
  SessionPool pool_;
};

TEST_F(Pool, hands_out_each_session_once) {
  open(3);
  std::vector<SessionPool::Lease> leases;
  std::set<CK_SESSION_HANDLE> seen;
  for (int i = 0; i < 3; ++i) {
    leases.push_back(std::move(pool_.take(clock_, kNoDeadline)).value());
    seen.insert(leases.back().session()->handle);
  }
  EXPECT_EQ(seen, g_open);
  EXPECT_EQ(pool_.take(clock_, soon()).status(), Status::deadline_exceeded);
  leases.pop_back();
  EXPECT_TRUE(pool_.take(clock_, soon()).has_value());
}

TEST_F(Pool, holds_sixty_four) {
  open(kMaxSessions);
  std::vector<SessionPool::Lease> leases;
  for (std::size_t i = 0; i < kMaxSessions; ++i) {
    leases.push_back(std::move(pool_.take(clock_, kNoDeadline)).value());
  }
  EXPECT_EQ(pool_.take(clock_, soon()).status(), Status::deadline_exceeded);
}

TEST_F(Pool, replaces_a_spoilt_session) {
  open(1);
  CK_SESSION_HANDLE first = 0;
  {
    auto lease = pool_.take(clock_, kNoDeadline);
    first = lease->session()->handle;
    lease->spoil();
    EXPECT_TRUE(g_open.empty());
  }
  auto lease = pool_.take(clock_, kNoDeadline);
  EXPECT_NE(lease->session()->handle, first);
  EXPECT_EQ(g_open.size(), 1U);
}

TEST_F(Pool, that_cannot_open_all_leaves_none_open) {
  g_most = 2;
  const auto opened = pool_.open(calls_, 1, 0, 3);
  EXPECT_EQ(opened.status(), Status::resource_exhausted);
  EXPECT_EQ(opened.error().native, CKR_SESSION_COUNT);
  EXPECT_TRUE(g_open.empty());
}

TEST_F(Pool, that_was_closed_leaves_none_open) {
  open(5);
  pool_.close();
  EXPECT_TRUE(g_open.empty());
}

TEST_F(Pool, is_taken_whole_only_when_everybody_is_out) {
  open(2);
  {
    auto lease = pool_.take(clock_, kNoDeadline);
    EXPECT_FALSE(pool_.take_all(clock_, soon()));
    EXPECT_TRUE(pool_.take(clock_, soon()).has_value()) << "the others are back after the attempt";
  }
  EXPECT_TRUE(pool_.take_all(clock_, soon()));
  EXPECT_FALSE(pool_.take(clock_, soon()).has_value());
  pool_.put_all_back(clock_);
  EXPECT_TRUE(pool_.take(clock_, soon()).has_value());
}

TEST_F(Pool, never_gives_one_session_to_two_threads) {
  constexpr int kThreads = 8;
  constexpr int kRounds = 2000;
  open(3);
  std::array<std::atomic<int>, 8> users{};
  std::atomic<int> overlaps{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        auto lease = pool_.take(clock_, kNoDeadline);
        auto& user = users[lease->session()->handle % users.size()];
        if (user.fetch_add(1) != 0) overlaps.fetch_add(1);
        user.fetch_sub(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(overlaps.load(), 0);
}

TEST_F(Pool, wakes_whoever_waits) {
  open(1);
  auto lease = std::make_unique<SessionPool::Lease>(std::move(pool_.take(clock_, kNoDeadline)).value());
  std::atomic<bool> got{false};
  std::thread waiter([&] { got = pool_.take(clock_, kNoDeadline).has_value(); });
  lease.reset();
  waiter.join();
  EXPECT_TRUE(got.load());
}

// ---- calls that do not return, in virtual time -----------------------------------------------------------------

class PoolWithHungCall : public Pool {
 protected:
  using Lease = SessionPool::Lease;
  /// A lease whose holder is not heard of again until it is destroyed.
  std::unique_ptr<Lease> hang(BootTime deadline) {
    auto lease = std::make_unique<Lease>(std::move(pool_.take(time_, deadline)).value());
    EXPECT_TRUE(lease->session());
    return lease;
  }
  fake::FakeClock time_;
};

TEST_F(PoolWithHungCall, is_replaced_five_seconds_past_its_deadline) {
  open(1);
  auto hung = hang(time_.boot().after(std::chrono::seconds(1)));
  time_.advance(std::chrono::milliseconds(5999));
  EXPECT_EQ(pool_.abandon_overdue(time_), 0U);
  EXPECT_EQ(pool_.take(time_, time_.boot()).status(), Status::deadline_exceeded);
  time_.advance(std::chrono::milliseconds(1));
  auto lease = pool_.take(time_, time_.boot());
  ASSERT_TRUE(lease);
  EXPECT_TRUE(lease->session());
  EXPECT_EQ(g_open.size(), 2U) << "the session of the hung call cannot be closed under it";
  EXPECT_EQ(pool_.missing(), 1U);
  hung.reset();
  EXPECT_EQ(g_open.size(), 1U) << "its holder closes it";
  EXPECT_EQ(pool_.missing(), 0U);
  EXPECT_EQ(pool_.abandon_overdue(time_), 1U);
  EXPECT_EQ(pool_.take(time_, time_.boot()).status(), Status::deadline_exceeded) << "and puts nothing into the pool";
}

TEST_F(PoolWithHungCall, is_waited_for_no_longer_than_that) {
  open(1);
  auto hung = hang(time_.boot());
  time_.jump_when_blocked(1);
  const BootTime start = time_.boot();
  EXPECT_TRUE(pool_.take(time_, start.after(std::chrono::hours(1))));
  EXPECT_LE(time_.boot(), start.after(kPatience));
}

TEST_F(PoolWithHungCall, does_not_keep_the_pool_from_being_taken_whole) {
  open(2);
  auto hung = hang(time_.boot());
  time_.jump_when_blocked(1);
  EXPECT_FALSE(pool_.take_all(time_, time_.boot().after(std::chrono::seconds(1))));
  EXPECT_TRUE(pool_.take_all(time_, time_.boot().after(std::chrono::seconds(10))));
}

TEST_F(PoolWithHungCall, without_a_deadline_is_waited_for) {
  open(1);
  auto working = hang(kNoDeadline);
  time_.advance(std::chrono::hours(24));
  EXPECT_EQ(pool_.abandon_overdue(time_), 0U);
}

TEST_F(PoolWithHungCall, of_the_same_deadline_is_told_from_the_next_one) {
  open(1);
  const BootTime deadline = time_.boot();
  auto first = hang(deadline);
  time_.advance(std::chrono::seconds(10));
  pool_.abandon_overdue(time_);
  auto second = hang(deadline);
  first.reset();
  EXPECT_EQ(pool_.missing(), 0U);
  EXPECT_EQ(pool_.take(time_, deadline).status(), Status::deadline_exceeded) << "the second still has its place";
  second.reset();
  EXPECT_TRUE(pool_.take(time_, deadline));
}

}  // namespace
}  // namespace holdfast::hal::pkcs11
