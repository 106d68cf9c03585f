// SPDX-License-Identifier: Apache-2.0
#include "src/signer/header_cache.hpp"

#include "hal/fake/clock.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace holdfast {
namespace {

using namespace std::chrono_literals;
using hal::fake::FakeClock;
using hal::fake::kVectorTime;

TaskId task_named(const std::string& name) { return TaskId::parse(name).value(); }

class HeaderCacheTest : public testing::Test {
 protected:
  HeaderCache make(std::uint32_t max_tasks = 4, std::chrono::seconds max_age = 0s) {
    return HeaderCache::create(max_tasks, max_age, clock_).value();
  }
  static void put(HeaderCache& cache, const TaskId& task, std::string_view header) {
    std::array<char, kMaxAuthorizationSize> out{};
    const Moment moment = cache.now();
    auto acquired = cache.acquire(cache.key_of(task), moment, Freshness::fresh, hal::kNoDeadline, out);
    acquired.flight.publish(header, moment);
  }
  static std::string get(HeaderCache& cache, const TaskId& task) {
    std::array<char, kMaxAuthorizationSize> out{};
    return {out.data(), cache.find(cache.key_of(task), cache.now(), HeaderCache::Life::whole, out).size};
  }
  static std::string glance_at(HeaderCache& cache, const TaskId& task) {
    std::array<char, kMaxAuthorizationSize> out{};
    return {out.data(), cache.glance(task, out)};
  }

  FakeClock clock_;
  const TaskId task_ = task_named("task-123");
};

TEST_F(HeaderCacheTest, AnEmptyCacheFindsNothing) {
  HeaderCache cache = make();
  EXPECT_EQ(get(cache, task_), "");
}

TEST_F(HeaderCacheTest, GivesBackEverySizeByteForByte) {
  HeaderCache cache = make();
  for (std::size_t size = 1; size <= kMaxAuthorizationSize; ++size) {
    std::string header(size, '\0');
    for (std::size_t i = 0; i < size; ++i) header[i] = static_cast<char>('!' + (i + size) % 90);
    put(cache, task_, header);
    ASSERT_EQ(get(cache, task_), header) << size;
  }
}

TEST_F(HeaderCacheTest, WritesNothingBehindTheHeader) {
  HeaderCache cache = make();
  put(cache, task_, "AgentAssertion abc");
  std::array<char, 32> out;
  out.fill('#');
  EXPECT_EQ(cache.find(cache.key_of(task_), cache.now(), HeaderCache::Life::whole, out).size, 18U);
  EXPECT_EQ(std::string(out.data(), out.size()), "AgentAssertion abc##############");
}

TEST_F(HeaderCacheTest, TasksOfEveryLengthAreToldApart) {
  HeaderCache cache = make(1000);
  for (std::size_t size = 1; size <= kMaxIdentifierSize; ++size) {
    put(cache, task_named(std::string(size, 'a')), std::string("a") + std::to_string(size));
    put(cache, task_named(std::string(size - 1, 'a') + "b"), std::string("b") + std::to_string(size));
  }
  for (std::size_t size = 1; size <= kMaxIdentifierSize; ++size) {
    EXPECT_EQ(get(cache, task_named(std::string(size, 'a'))), std::string("a") + std::to_string(size));
    EXPECT_EQ(get(cache, task_named(std::string(size - 1, 'a') + "b")), std::string("b") + std::to_string(size));
  }
}

TEST_F(HeaderCacheTest, AHeaderLivesForItsSecondOnly) {
  HeaderCache cache = make();
  clock_.advance(300ms);
  put(cache, task_, "header");
  clock_.advance(699ms);
  EXPECT_EQ(get(cache, task_), "header");
  clock_.advance(1ms);
  EXPECT_EQ(get(cache, task_), "");
}

TEST_F(HeaderCacheTest, TheSameWallSecondReadAgainAnHourLaterIsAnother) {
  HeaderCache cache = make();
  put(cache, task_, "header");
  clock_.advance(1h);
  clock_.set_wall(kVectorTime);
  EXPECT_EQ(get(cache, task_), "");
}

TEST_F(HeaderCacheTest, MaxAgeBindsBothClocks) {
  HeaderCache cache = make(4, 10s);
  put(cache, task_, "header");
  clock_.advance(10s);
  EXPECT_EQ(get(cache, task_), "header");
  clock_.advance(1ns);
  EXPECT_EQ(get(cache, task_), "") << "by boot time it is older";
  clock_.set_wall({kVectorTime.value + 20});
  put(cache, task_, "second");
  clock_.set_wall({kVectorTime.value + 30});
  EXPECT_EQ(get(cache, task_), "second");
  clock_.set_wall({kVectorTime.value + 31});
  EXPECT_EQ(get(cache, task_), "") << "by the wall clock it is older";
}

TEST_F(HeaderCacheTest, AClockSetBackEmptiesTheCache) {
  HeaderCache cache = make(4, 60s);
  put(cache, task_, "header");
  clock_.set_wall({kVectorTime.value - 1});
  EXPECT_EQ(get(cache, task_), "");
  clock_.set_wall(kVectorTime);
  EXPECT_EQ(get(cache, task_), "") << "what was forgotten stays forgotten";
}

TEST_F(HeaderCacheTest, ForgettingReachesTheHeaderThatIsBeingSigned) {
  HeaderCache cache = make();
  std::array<char, kMaxAuthorizationSize> out{};
  {
    const Moment moment = cache.now();
    auto acquired = cache.acquire(cache.key_of(task_), moment, Freshness::reuse, hal::kNoDeadline, out);
    cache.forget();
    acquired.flight.publish("rejected", moment);
  }
  EXPECT_EQ(get(cache, task_), "");
  put(cache, task_, "new");
  EXPECT_EQ(get(cache, task_), "new");
}

TEST_F(HeaderCacheTest, AFlightThatEndsWithoutAHeaderLeavesTheOldOne) {
  HeaderCache cache = make(4, 10s);
  put(cache, task_, "old");
  std::array<char, kMaxAuthorizationSize> out{};
  { (void)cache.acquire(cache.key_of(task_), cache.now(), Freshness::fresh, hal::kNoDeadline, out); }
  EXPECT_EQ(get(cache, task_), "old");
}

TEST_F(HeaderCacheTest, TheLeastRecentlySignedTaskGivesWay) {
  HeaderCache cache = make(3);
  for (const char* name : {"a", "b", "c"}) put(cache, task_named(name), name);
  put(cache, task_named("a"), "a again");
  put(cache, task_named("d"), "d");
  EXPECT_EQ(get(cache, task_named("a")), "a again");
  EXPECT_EQ(get(cache, task_named("b")), "");
  EXPECT_EQ(get(cache, task_named("c")), "c");
  EXPECT_EQ(get(cache, task_named("d")), "d");
}

TEST_F(HeaderCacheTest, ATaskBeingSignedDoesNotGiveWay) {
  HeaderCache cache = make(1);
  std::array<char, kMaxAuthorizationSize> out{};
  const Moment moment = cache.now();
  auto signing = cache.acquire(cache.key_of(task_), moment, Freshness::reuse, hal::kNoDeadline, out);
  // The second task is answered, only not kept.
  auto other = cache.acquire(cache.key_of(task_named("other")), moment, Freshness::reuse, hal::kNoDeadline, out);
  EXPECT_EQ(other.reused_size, 0U);
  EXPECT_FALSE(other.timed_out);
  other.flight.publish("other", moment);
  EXPECT_EQ(get(cache, task_named("other")), "");
  signing.flight.publish("header", moment);
  EXPECT_EQ(get(cache, task_), "header");
}

TEST_F(HeaderCacheTest, AThousandTasksThroughFewPlaces) {
  for (const std::uint32_t places : {1U, 2U, 3U, 7U, 16U, 100U}) {
    HeaderCache cache = make(places);
    for (std::uint32_t i = 0; i < 1000; ++i) {
      put(cache, task_named("task-" + std::to_string(i)), std::to_string(i));
      // Every task that should still be there is there: the index has no hole after all these removals.
      for (std::uint32_t back = 0; back <= std::min(i, places + 2); ++back) {
        const std::string expected = back < places ? std::to_string(i - back) : "";
        ASSERT_EQ(get(cache, task_named("task-" + std::to_string(i - back))), expected) << places << ' ' << i;
      }
    }
  }
}

TEST_F(HeaderCacheTest, TheLargestCacheCanBeMade) {
  HeaderCache cache = make(100'000);
  put(cache, task_, "header");
  HeaderCache moved = std::move(cache);
  EXPECT_EQ(get(moved, task_), "header");
}

TEST_F(HeaderCacheTest, WaitingEndsAtTheDeadline) {
  HeaderCache cache = make();
  std::array<char, kMaxAuthorizationSize> out{};
  const Moment moment = cache.now();
  const auto signing = cache.acquire(cache.key_of(task_), moment, Freshness::reuse, hal::kNoDeadline, out);
  clock_.jump_when_blocked(1);
  std::array<char, kMaxAuthorizationSize> other{};
  const auto waited = cache.acquire(cache.key_of(task_), moment, Freshness::reuse, moment.boot.after(2s), other);
  EXPECT_TRUE(waited.timed_out);
  EXPECT_EQ(clock_.boot(), moment.boot.after(2s));
}

TEST_F(HeaderCacheTest, AFreshHeaderWaitsForNobody) {
  HeaderCache cache = make();
  std::array<char, kMaxAuthorizationSize> out{};
  const Moment moment = cache.now();
  const auto signing = cache.acquire(cache.key_of(task_), moment, Freshness::reuse, hal::kNoDeadline, out);
  const auto fresh = cache.acquire(cache.key_of(task_), moment, Freshness::fresh, moment.boot, out);
  EXPECT_FALSE(fresh.timed_out);
  EXPECT_EQ(fresh.reused_size, 0U);
}

TEST_F(HeaderCacheTest, WithMaxAgeThePreviousHeaderIsTakenWhileANewOneIsSigned) {
  HeaderCache cache = make(4, 10s);
  put(cache, task_, "previous");
  clock_.advance(5s);
  std::array<char, kMaxAuthorizationSize> out{};
  const Moment moment = cache.now();
  const auto signing = cache.acquire(cache.key_of(task_), moment, Freshness::fresh, hal::kNoDeadline, out);
  const auto reused = cache.acquire(cache.key_of(task_), moment, Freshness::reuse, moment.boot, out);
  EXPECT_EQ(std::string(out.data(), reused.reused_size), "previous");
}

TEST_F(HeaderCacheTest, AWaiterTakesWhatWasSignedSinceItCameHoweverLongThatTook) {
  HeaderCache cache = make();
  std::array<char, kMaxAuthorizationSize> out{};
  const Moment moment = cache.now();
  auto signing = cache.acquire(cache.key_of(task_), moment, Freshness::reuse, hal::kNoDeadline, out);
  std::string reused;
  std::thread waiter([&] {
    std::array<char, kMaxAuthorizationSize> own{};
    const auto acquired =
        cache.acquire(cache.key_of(task_), cache.now(), Freshness::reuse, clock_.boot().after(1min), own);
    reused.assign(own.data(), acquired.reused_size);
  });
  clock_.await_blocked(1);
  clock_.advance(5s);
  signing.flight.publish("slow", moment);
  { const HeaderCache::Flight ended = std::move(signing.flight); }
  waiter.join();
  EXPECT_EQ(reused, "slow");
}

TEST_F(HeaderCacheTest, ThreeQuartersOfMaxAgeGoByBeforeAHeaderIsOld) {
  HeaderCache cache = make(4, 60s);
  put(cache, task_, "header");
  std::array<char, kMaxAuthorizationSize> out{};
  const auto find = [&] { return cache.find(cache.key_of(task_), cache.now(), HeaderCache::Life::whole, out); };
  clock_.advance(45s);
  EXPECT_FALSE(find().is_old);
  EXPECT_FALSE(find().is_due);
  EXPECT_EQ(glance_at(cache, task_), "header");
  clock_.advance(1ns);
  EXPECT_TRUE(find().is_old);
  EXPECT_TRUE(find().is_due);
  EXPECT_EQ(find().size, 6U);
  EXPECT_EQ(glance_at(cache, task_), "");
}

TEST_F(HeaderCacheTest, AnOldHeaderIsRenewedByOneWhileTheOthersTakeIt) {
  HeaderCache cache = make(4, 60s);
  put(cache, task_, "old");
  clock_.advance(50s);
  std::array<char, kMaxAuthorizationSize> out{};
  const Moment moment = cache.now();
  const auto key = cache.key_of(task_);
  {
    auto renewal = cache.acquire(key, moment, Freshness::reuse, moment.boot, out);
    ASSERT_EQ(renewal.reused_size, 0U);
    EXPECT_FALSE(renewal.timed_out);
    EXPECT_FALSE(cache.find(key, moment, HeaderCache::Life::whole, out).is_due) << "somebody is at it";
    for (int others = 0; others < 3; ++others) {
      const auto other = cache.acquire(key, moment, Freshness::reuse, moment.boot, out);
      EXPECT_EQ(std::string(out.data(), other.reused_size), "old");
    }
    renewal.flight.publish("new", moment);
  }
  EXPECT_EQ(get(cache, task_), "new");
  clock_.advance(45s);
  EXPECT_EQ(get(cache, task_), "new") << "its life begins with its own signature";
}

TEST_F(HeaderCacheTest, ARenewalThatFailedIsTriedAgainASecondLater) {
  HeaderCache cache = make(4, 60s);
  put(cache, task_, "old");
  clock_.advance(50s);
  std::array<char, kMaxAuthorizationSize> out{};
  const auto key = cache.key_of(task_);
  const auto ask = [&] {
    const Moment moment = cache.now();
    auto acquired = cache.acquire(key, moment, Freshness::reuse, moment.boot, out);
    if (acquired.reused_size == 0) acquired.flight.postpone(moment);
    return acquired.reused_size;
  };
  EXPECT_EQ(ask(), 0U);
  EXPECT_EQ(ask(), 3U);
  clock_.advance(999ms);
  EXPECT_EQ(ask(), 3U);
  clock_.advance(1ms);
  EXPECT_EQ(ask(), 0U);
  EXPECT_EQ(ask(), 3U);
  put(cache, task_, "new");
  clock_.advance(46s);
  EXPECT_EQ(ask(), 0U) << "the pause was the old header's";
}

TEST_F(HeaderCacheTest, WithinASecondNothingIsRenewedAheadOfTime) {
  HeaderCache cache = make();
  put(cache, task_, "header");
  clock_.advance(999ms);
  std::array<char, kMaxAuthorizationSize> out{};
  const Moment moment = cache.now();
  EXPECT_EQ(cache.acquire(cache.key_of(task_), moment, Freshness::reuse, moment.boot, out).reused_size, 6U);
}

// A clock whose tick stands still until it is told: as the machine's does between two ticks.
class CoarseClock final : public hal::Clock {
 public:
  WallSeconds wall() noexcept override { return fine.wall(); }
  hal::BootTime boot() noexcept override { return (++readings, fine.boot()); }
  std::uint64_t tick() noexcept override { return ticks; }
  bool wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
            hal::BootTime deadline) noexcept override {
    return fine.wait(word, expected, deadline);
  }
  void wake_all(std::atomic<std::uint32_t>& word) noexcept override { fine.wake_all(word); }
  void sleep_until(hal::BootTime moment) noexcept override { fine.sleep_until(moment); }

  FakeClock fine;
  std::uint64_t ticks = 0;
  int readings = 0;
};

class HeaderCacheGlanceTest : public testing::Test {
 protected:
  void open(std::chrono::seconds max_age) { cache_.emplace(HeaderCache::create(1, max_age, clock_).value()); }
  void put(std::string_view header) {
    std::array<char, kMaxAuthorizationSize> out{};
    const Moment moment = cache_->now();
    cache_->acquire(cache_->key_of(task_), moment, Freshness::fresh, hal::kNoDeadline, out)
        .flight.publish(header, moment);
  }
  std::string glance() {
    std::array<char, kMaxAuthorizationSize> out{};
    return {out.data(), cache_->glance(task_, out)};
  }
  void pass(std::chrono::nanoseconds time) {
    clock_.fine.advance(time);
    ++clock_.ticks;
  }

  CoarseClock clock_;
  std::optional<HeaderCache> cache_;
  const TaskId task_ = task_named("task-123");
};

TEST_F(HeaderCacheGlanceTest, TheClocksAreReadOnceATick) {
  open(0s);
  put("header");
  for (int tick = 0; tick < 3; ++tick) {
    pass(4ms);
    const int before = clock_.readings;
    for (int i = 0; i < 10; ++i) EXPECT_EQ(glance(), "header");
    EXPECT_EQ(clock_.readings, before + 1);
    clock_.fine.advance(1ms);
    EXPECT_EQ(cache_->now().boot, clock_.fine.boot()) << "what is signed has a time of its own";
  }
}

TEST_F(HeaderCacheGlanceTest, ASecondThatIsOverIsSeenWithTheNextTick) {
  open(0s);
  pass(990ms);
  put("header");
  EXPECT_EQ(glance(), "header");
  pass(10ms);
  EXPECT_EQ(glance(), "");
}

TEST_F(HeaderCacheGlanceTest, AnEarlierReadingIsNotTakenForOneOfALaterTick) {
  open(4s);
  put("header");
  pass(3s);
  pass(1ns);
  EXPECT_EQ(glance(), "") << "three quarters of its age have gone by";
  // As a thread finds it that was held up between its tick and its reading.
  clock_.ticks -= 2;
  EXPECT_EQ(glance(), "") << "it reads the clocks itself";
  clock_.ticks += 2;
  EXPECT_EQ(glance(), "");
}

// Each header is one character repeated, of a length that goes with it: a mixture of two would show.
TEST_F(HeaderCacheTest, ReadersNeverSeeAMixture) {
  constexpr int kRounds = 20'000;
  HeaderCache cache = make(2, 60s);
  const std::array<TaskId, 3> tasks{task_named("a"), task_named("a-rather-long-name-of-a-task"), task_named("c")};
  std::atomic<bool> is_done{false};
  std::atomic<std::uint64_t> hits{0};
  std::atomic<std::uint64_t> mixtures{0};
  const auto is_whole = [](std::string_view header, std::size_t task) {
    const auto step = static_cast<std::size_t>(header.front() - '0');
    return header.size() == 100 + step * 50 && header.find_first_not_of(header.front()) == std::string_view::npos &&
           step % 3 == task;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      std::array<char, kMaxAuthorizationSize> out{};
      for (std::size_t round = 0; !is_done.load(); ++round) {
        const std::size_t task = round % tasks.size();
        const std::size_t size =
            round % 2 == 0 ? cache.glance(tasks[task], out)
                           : cache.find(cache.key_of(tasks[task]), cache.now(), HeaderCache::Life::whole, out).size;
        if (size == 0) continue;
        hits.fetch_add(1);
        if (!is_whole({out.data(), size}, task)) mixtures.fetch_add(1);
      }
    });
  }
  for (int writer = 0; writer < 2; ++writer) {
    threads.emplace_back([&, writer] {
      for (int round = 0; round < kRounds; ++round) {
        const auto step = static_cast<std::size_t>((round + writer * 4) % 9);
        put(cache, tasks[step % 3], std::string(100 + step * 50, static_cast<char>('0' + step)));
      }
    });
  }
  threads[2].join();
  threads[3].join();
  // On a busy machine the readers may not have run yet.
  while (hits.load() == 0) std::this_thread::yield();
  is_done.store(true);
  threads[0].join();
  threads[1].join();
  EXPECT_EQ(mixtures.load(), 0U);
}

}  // namespace
}  // namespace holdfast
