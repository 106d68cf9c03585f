// SPDX-License-Identifier: Apache-2.0
#include "src/signer/header_cache.hpp"

#include "src/signer/header_region.hpp"

#include <errno.h>
#include <sys/mman.h>
#include <sys/random.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <new>

namespace holdfast {
namespace {

constexpr std::size_t kLargePage = std::size_t{2} << 20U;
constexpr int kReadAttempts = 4;
constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
// Two readings of one wall second lie less than a second apart; the coarse wall clock may lag a tick of at most 10
// ms.
constexpr std::int64_t kSameSecondNs = kNanosecondsPerSecond + 10'000'000;
// After a renewal ahead of time that failed, for the next one.
constexpr std::uint32_t kRenewalPauseMs = 1000;
constexpr std::int64_t kNanosecondsPerMillisecond = 1'000'000;

// Whole words at once; the last one reaches back over the one before, so that no text but a tiny one ends in bytes.
void copy_out(const std::atomic<Word>* words, std::span<char> out) noexcept {
  const auto copy = [&](std::size_t i, char* to, std::size_t size) {
    const Word word = words[i].load(std::memory_order_acquire);
    std::memcpy(to, &word, size);
  };
  if (out.size() < sizeof(Word)) [[unlikely]] {
    copy(0, out.data(), out.size());
    return;
  }
  const std::size_t last = words_of(out.size()) - 1;
  char* to = out.data();
  std::size_t i = 0;
  for (; i + 4 <= last; i += 4, to += 4 * sizeof(Word)) {
    copy(i, to, sizeof(Word));
    copy(i + 1, to + sizeof(Word), sizeof(Word));
    copy(i + 2, to + 2 * sizeof(Word), sizeof(Word));
    copy(i + 3, to + 3 * sizeof(Word), sizeof(Word));
  }
  for (; i < last; ++i, to += sizeof(Word)) copy(i, to, sizeof(Word));
  copy(last, out.data() + out.size() - sizeof(Word), sizeof(Word));
}

/// The words of a text that is not empty, as `copy_out` reads them.
template <typename Put>
void for_each_word(std::string_view text, Put put) noexcept {
  const auto word_at = [&](std::size_t at, std::size_t size) {
    Word word = 0;
    std::memcpy(&word, text.data() + at, size);
    return word;
  };
  if (text.size() < sizeof(Word)) [[unlikely]] {
    put(0, word_at(0, text.size()));
    return;
  }
  const std::size_t last = words_of(text.size()) - 1;
  for (std::size_t i = 0; i < last; ++i) put(i, word_at(i * sizeof(Word), sizeof(Word)));
  put(last, word_at(text.size() - sizeof(Word), sizeof(Word)));
}

// With many tasks a slot lies in memory, not in a cache: all of a usual header's lines are asked for at once.
template <typename Slot>
void prefetch(const Slot& slot) noexcept {
  constexpr std::size_t kUsualLines = 8;
  const char* const first = reinterpret_cast<const char*>(&slot);
  for (std::size_t line = 0; line < kUsualLines; ++line) __builtin_prefetch(first + line * kCacheLine);
}

Error no_memory(const char* doing) noexcept {
  Error error = failure(Status::resource_exhausted, Layer::system, doing);
  error.native = static_cast<std::uint64_t>(errno);
  return error;
}

}  // namespace

Result<HeaderCache> HeaderCache::create(std::uint32_t max_tasks, std::chrono::seconds max_age,
                                        hal::Clock& clock) noexcept {
  static_assert(sizeof(Slot) == 768);
  const std::uint32_t index_size = std::bit_ceil(std::max(2 * max_tasks, 16U));
  const std::size_t index_bytes = index_size * sizeof(std::atomic<std::uint32_t>);
  const std::size_t slots_at = (sizeof(Region) + index_bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
  const std::size_t size = slots_at + std::size_t{max_tasks} * sizeof(Slot);

  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return no_memory("mapping the header cache");
  if (madvise(memory, size, MADV_WIPEONFORK) != 0 || madvise(memory, size, MADV_DONTDUMP) != 0) {
    const Error error = no_memory("protecting the header cache");
    munmap(memory, size);
    return error;
  }
  // Calls for many tasks in turn spend time on finding small pages. Where the kernel has no large ones, nothing is
  // lost.
  if (size >= kLargePage) (void)madvise(memory, size, MADV_HUGEPAGE);
  auto* region = new (memory) Region;
  region->max_age = max_age.count();
  region->young_ns = region->max_age == 0 ? kNanosecondsPerSecond : region->max_age * kNanosecondsPerSecond / 4 * 3;
  region->max_tasks = max_tasks;
  region->index_mask = index_size - 1;
  auto* const bytes = static_cast<std::byte*>(memory);
  // Slots are made when they are first used: pages (small or large) of tasks that never come stay untouched.
  region->slots = static_cast<Slot*>(static_cast<void*>(bytes + slots_at));
  region->index = static_cast<std::atomic<std::uint32_t>*>(static_cast<void*>(bytes + sizeof(Region)));
  for (std::uint32_t i = 0; i < index_size; ++i) new (region->index + i) std::atomic<std::uint32_t>(0);

  HeaderCache cache(region, size, clock);
  // Task ids come from an authority: without a seed it could choose ids that share one place of the index.
  if (getrandom(region->seed.data(), sizeof(region->seed), 0) != static_cast<ssize_t>(sizeof(region->seed))) {
    return no_memory("seeding the header cache");
  }
  region->seed[1] |= 1U;  // a multiplier of zero would make every hash zero
  // As if the clocks had been read before: no tick that comes is then taken for one that was noted.
  region->tick.store(clock.tick(), std::memory_order_relaxed);
  region->tick_boot.store(clock.boot().ns, std::memory_order_relaxed);
  region->newest_wall.store(clock.wall().value, std::memory_order_relaxed);
  return cache;
}

HeaderCache::HeaderCache(HeaderCache&& other) noexcept
    : region_(std::exchange(other.region_, nullptr)), mapped_size_(other.mapped_size_), clock_(other.clock_) {}

HeaderCache& HeaderCache::operator=(HeaderCache&& other) noexcept {
  std::swap(region_, other.region_);
  std::swap(mapped_size_, other.mapped_size_);
  std::swap(clock_, other.clock_);
  return *this;
}

HeaderCache::~HeaderCache() {
  if (region_ != nullptr) munmap(region_, mapped_size_);
}

Moment HeaderCache::now() noexcept { return read_clocks(clock_->tick()); }

// One function, without calls but that of the clock: its calls took as long as its work.
[[gnu::flatten]] std::size_t HeaderCache::glance(const TaskId& task, std::span<char> out) noexcept {
  const std::uint64_t tick = clock_->tick();
  Moment moment;
  if (region_->tick.load(std::memory_order_acquire) == tick) [[likely]] {
    // Another thread may have gone on to a later tick: then these are later than the call's beginning, as they
    // should.
    moment.boot.ns = region_->tick_boot.load(std::memory_order_acquire);
    moment.wall.value = region_->newest_wall.load(std::memory_order_acquire);
  } else {
    moment = read_clocks(tick);
  }
  return find(key_of(task), moment, Life::young, out).size;
}

// `tick` was read before.
Moment HeaderCache::read_clocks(std::uint64_t tick) noexcept {
  // The newest wall second is loaded before the clock is read, so that a smaller reading means the clock went back
  // and not that another thread was quicker.
  std::int64_t newest = region_->newest_wall.load(std::memory_order_acquire);
  Moment moment;
  moment.boot = clock_->boot();
  moment.wall = clock_->wall();
  if (moment.wall.value < newest) {
    if (region_->newest_wall.compare_exchange_strong(newest, moment.wall.value, std::memory_order_acq_rel)) forget();
  } else {
    while (newest < moment.wall.value &&
           !region_->newest_wall.compare_exchange_weak(newest, moment.wall.value, std::memory_order_acq_rel)) {
    }
  }
  if (region_->tick.load(std::memory_order_relaxed) != tick) note(tick, moment.boot);
  moment.epoch = region_->epoch.load(std::memory_order_acquire);
  return moment;
}

// One thread at a time, the others go on, and never an earlier reading after a later one: a reader could take that
// for one of the later tick. A thread that is held up in here leaves the tick before, which is nobody's any more.
void HeaderCache::note(std::uint64_t tick, hal::BootTime boot) noexcept {
  if (region_->is_noting.exchange(true, std::memory_order_acquire)) return;
  if (region_->tick_boot.load(std::memory_order_relaxed) <= boot.ns) {
    region_->tick_boot.store(boot.ns, std::memory_order_release);
    region_->tick.store(tick, std::memory_order_release);
  }
  region_->is_noting.store(false, std::memory_order_release);
}

HeaderCache::Key HeaderCache::key_of(const TaskId& task) const noexcept {
  const std::string_view text = task.view();
  Key key;
  key.size = static_cast<std::uint32_t>(text.size());
  key.hash = region_->seed[0] ^ key.size;
  for_each_word(text, [&](std::size_t i, Word word) {
    key.text[i] = word;
    key.hash = mix(key.hash ^ word, region_->seed[1]);
  });
  return key;
}

HeaderCache::Found HeaderCache::find(const Key& key, const Moment& moment, Life life,
                                     std::span<char> out) const noexcept {
  const std::uint32_t tag = tag_of(key.hash);
  for (std::uint32_t i = 0; i <= region_->index_mask; ++i) {
    const std::uint32_t at = static_cast<std::uint32_t>(key.hash + i) & region_->index_mask;
    const std::uint32_t entry = region_->index[at].load(std::memory_order_acquire);
    if (entry == 0) return {};
    if ((entry & ~kPlaceMask) != tag) continue;
    const Slot& slot = region_->slots[(entry & kPlaceMask) - 1];
    prefetch(slot);
    Found found;
    Match match = Match::torn;
    for (int attempt = 0; attempt < kReadAttempts && match == Match::torn; ++attempt) {
      match = read(slot, key, moment, life, out, found);
    }
    if (match == Match::hit) return found;
  }
  return {};
}

HeaderCache::Match HeaderCache::read(const Slot& slot, const Key& key, const Moment& moment, Life life,
                                     std::span<char> out, Found& found) const noexcept {
  const std::uint32_t sequence = slot.sequence.load(std::memory_order_acquire);
  if ((sequence & 1U) != 0) return Match::torn;
  // A mixture of two writers can at worst look like another task or an old header: then the caller asks under the
  // lock.
  if (!slot.is_of(key)) return Match::none;
  const Age age = age_of(slot, moment);
  if (age == Age::over || (age == Age::old && life == Life::young)) return Match::none;
  found.size = slot.header_size.load(std::memory_order_acquire);
  if (found.size > out.size()) return Match::none;
  copy_out(slot.text.data() + key.words(), out.first(found.size));
  if (age == Age::old) {
    found.is_old = true;
    found.is_due = is_due(slot, moment);
  }
  return slot.sequence.load(std::memory_order_relaxed) == sequence ? Match::hit : Match::torn;
}

HeaderCache::Age HeaderCache::age_of(const Slot& slot, const Moment& moment) const noexcept {
  if (slot.epoch.load(std::memory_order_acquire) != region_->epoch.load(std::memory_order_acquire)) return Age::over;
  const std::int64_t wall_age = moment.wall.value - slot.wall.load(std::memory_order_acquire);
  const std::int64_t boot_age = moment.boot.ns - slot.boot.load(std::memory_order_acquire);
  // Signed after this call began, while it waited: not older than what it would have signed itself.
  if (boot_age < 0) return wall_age <= 0 ? Age::young : Age::over;
  const std::int64_t longest = region_->max_age == 0 ? kSameSecondNs : region_->max_age * kNanosecondsPerSecond;
  if (wall_age < 0 || wall_age > region_->max_age || boot_age > longest) return Age::over;
  return boot_age <= region_->young_ns ? Age::young : Age::old;
}

bool HeaderCache::is_due(const Slot& slot, const Moment& moment) const noexcept {
  if (region_->max_age == 0 || (slot.flight.load(std::memory_order_acquire) & kBusy) != 0) return false;
  const std::int64_t age = moment.boot.ns - slot.boot.load(std::memory_order_acquire);
  return age >= slot.renewal_ms.load(std::memory_order_acquire) * kNanosecondsPerMillisecond;
}

HeaderCache::Acquired HeaderCache::acquire(const Key& key, const Moment& moment, Freshness freshness,
                                           hal::BootTime deadline, std::span<char> out) noexcept {
  const auto look = [&] { return freshness == Freshness::reuse ? find(key, moment, Life::whole, out) : Found{}; };
  bool has_waited = false;
  for (bool timed_out = false;;) {
    const Found kept = look();
    if (kept.size != 0 && !kept.is_due) return {.reused_size = kept.size};
    if (kept.size == 0 && timed_out) return {.timed_out = true};
    const Claim claimed = claim(key);
    // Another thread has just begun to renew it.
    if (kept.size != 0 && !claimed.is_owner) return {.reused_size = kept.size};
    if (claimed.is_owner || claimed.slot == nullptr || freshness == Freshness::fresh) {
      Flight flight(*this, claimed.is_owner ? claimed.slot : nullptr);
      // Between the look above and the claim, another flight may have ended.
      const Found since = look();
      if (since.size != 0 && !since.is_old) return {.reused_size = since.size};
      return {.has_waited = has_waited, .flight = std::move(flight)};
    }
    has_waited = true;
    timed_out = !await(*claimed.slot, claimed.ticket, deadline);
  }
}

bool HeaderCache::await(Slot& slot, std::uint32_t ticket, hal::BootTime deadline) noexcept {
  while ((ticket & kAwaited) == 0) {
    const std::uint32_t flight = ticket & ~kAwaited;
    if (slot.flight.compare_exchange_weak(ticket, ticket | kAwaited, std::memory_order_acq_rel)) {
      ticket |= kAwaited;
    } else if ((ticket & ~kAwaited) != flight) {
      return true;
    }
  }
  return clock_->wait(slot.flight, ticket, deadline);
}

void HeaderCache::publish(Slot& slot, std::string_view header, const Moment& moment) noexcept {
  const Slot::Writing writing(slot);
  slot.epoch.store(moment.epoch, std::memory_order_release);
  slot.wall.store(moment.wall.value, std::memory_order_release);
  slot.boot.store(moment.boot.ns, std::memory_order_release);
  slot.renewal_ms.store(0, std::memory_order_release);
  slot.header_size.store(static_cast<std::uint16_t>(header.size()), std::memory_order_release);
  std::atomic<Word>* const words = slot.text.data() + words_of(slot.task_size.load(std::memory_order_relaxed));
  for_each_word(header, [&](std::size_t i, Word word) { words[i].store(word, std::memory_order_release); });
}

void HeaderCache::postpone(Slot& slot, const Moment& moment) noexcept {
  // Of an age beyond `max_age` nobody asks, so it may be cut.
  const std::int64_t age_ms =
      (moment.boot.ns - slot.boot.load(std::memory_order_relaxed)) / kNanosecondsPerMillisecond;
  slot.renewal_ms.store(static_cast<std::uint32_t>(std::clamp<std::int64_t>(age_ms, 0, INT32_MAX)) + kRenewalPauseMs,
                        std::memory_order_release);
}

void HeaderCache::end_flight(Slot& slot) noexcept {
  const std::uint32_t current = slot.flight.load(std::memory_order_relaxed);
  const std::uint32_t idle = (current & ~(kBusy | kAwaited)) + kNextFlight;
  if ((slot.flight.exchange(idle, std::memory_order_acq_rel) & kAwaited) != 0) clock_->wake_all(slot.flight);
}

void HeaderCache::forget() noexcept { region_->epoch.fetch_add(1, std::memory_order_acq_rel); }

}  // namespace holdfast
