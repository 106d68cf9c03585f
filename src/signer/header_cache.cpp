// SPDX-License-Identifier: Apache-2.0
#include "src/signer/header_cache.hpp"

#include "src/signer/clock_lock.hpp"

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

using Word = std::uint64_t;

constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kHeaderWords = (kMaxAuthorizationSize + sizeof(Word) - 1) / sizeof(Word);
constexpr int kReadAttempts = 4;
constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
// Two readings of one wall second lie less than a second apart; the coarse wall clock may lag a tick of at most 10
// ms.
constexpr std::int64_t kSameSecondNs = kNanosecondsPerSecond + 10'000'000;

// The flight word of a slot: a count of flights above two bits.
constexpr std::uint32_t kBusy = 1;
constexpr std::uint32_t kAwaited = 2;
constexpr std::uint32_t kNextFlight = 4;

// An index entry: 0 for none, else the slot's number plus one below a tag from the hash.
constexpr unsigned kTagShift = 17;
constexpr std::uint32_t kPlaceMask = (1U << kTagShift) - 1;
constexpr std::uint32_t kNoPlace = UINT32_MAX;
static_assert(100'000 + 1 <= kPlaceMask, "max_tasks fits an index entry");

std::uint32_t tag_of(std::uint64_t hash) noexcept {
  return static_cast<std::uint32_t>(hash >> (64 - 15)) << kTagShift;
}

// Multiplies to 128 bits and folds: mixes as wyhash does, which is plenty for keys an attacker cannot see the seed
// of.
std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

Error no_memory(const char* doing) noexcept {
  Error error = failure(Status::resource_exhausted, Layer::system, doing);
  error.native = static_cast<std::uint64_t>(errno);
  return error;
}

}  // namespace

// One task's place. Words of a header are written by the owner of the slot's flight only, the id by an owner that
// holds the lock as well; everybody reads.
//
// The sequence lock has no fences, which ThreadSanitizer cannot see: the writer makes the number odd, stores words
// with release and the even number with release; a reader that loads with acquire a word of a later writer also sees
// that writer's odd number, and drops what it read.
struct alignas(kCacheLine) HeaderCache::Slot {
  std::atomic<std::uint32_t> sequence{0};
  std::atomic<std::uint32_t> flight{0};
  std::uint32_t older = kNoPlace;  // the order of signing; with the lock
  std::uint32_t newer = kNoPlace;
  std::atomic<Word> epoch{0};  // 0: no header
  std::atomic<std::int64_t> wall{0};
  std::atomic<std::int64_t> boot{0};
  std::atomic<std::uint32_t> task_size{0};
  std::atomic<std::uint32_t> header_size{0};
  std::array<std::atomic<Word>, Key::kWords> task{};
  std::array<std::atomic<Word>, kHeaderWords> header{};

  // Brackets what a writer stores.
  class Writing {
   public:
    explicit Writing(Slot& slot) noexcept : slot_(slot), even_(slot.sequence.load(std::memory_order_relaxed)) {
      slot_.sequence.store(even_ + 1, std::memory_order_relaxed);
    }
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;
    ~Writing() { slot_.sequence.store(even_ + 2, std::memory_order_release); }

   private:
    Slot& slot_;
    std::uint32_t even_;
  };

  [[nodiscard]] bool is_of(const Key& key) const noexcept {
    if (task_size.load(std::memory_order_acquire) != key.size) return false;
    for (std::size_t i = 0; i < key.words(); ++i) {
      if (task[i].load(std::memory_order_acquire) != key.text[i]) return false;
    }
    return true;
  }
};

struct HeaderCache::Region {
  // Read by every call, written once a second.
  alignas(kCacheLine) std::atomic<Word> epoch{1};
  std::atomic<std::int64_t> newest_wall{INT64_MIN};
  std::array<std::uint64_t, 2> seed{};
  std::int64_t max_age = 0;
  std::uint32_t max_tasks = 0;
  std::uint32_t index_mask = 0;
  std::atomic<std::uint32_t>* index = nullptr;
  Slot* slots = nullptr;
  // Written by every miss, with the lock.
  alignas(kCacheLine) ClockLock lock;
  std::uint32_t used = 0;  // slots made so far
  std::uint32_t oldest = kNoPlace;
  std::uint32_t newest = kNoPlace;
};

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
  auto* region = new (memory) Region;
  region->max_age = max_age.count();
  region->max_tasks = max_tasks;
  region->index_mask = index_size - 1;
  auto* const bytes = static_cast<std::byte*>(memory);
  // Slots are made when they are first used: pages of tasks that never come stay untouched.
  region->slots = reinterpret_cast<Slot*>(bytes + slots_at);
  region->index = reinterpret_cast<std::atomic<std::uint32_t>*>(bytes + sizeof(Region));
  for (std::uint32_t i = 0; i < index_size; ++i) new (region->index + i) std::atomic<std::uint32_t>(0);

  HeaderCache cache(region, size, clock);
  // Task ids come from an authority: without a seed it could choose ids that share one place of the index.
  if (getrandom(region->seed.data(), sizeof(region->seed), 0) != static_cast<ssize_t>(sizeof(region->seed))) {
    return no_memory("seeding the header cache");
  }
  region->seed[1] |= 1U;  // a multiplier of zero would make every hash zero
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

Moment HeaderCache::now() noexcept {
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
  moment.epoch = region_->epoch.load(std::memory_order_acquire);
  return moment;
}

HeaderCache::Key HeaderCache::key_of(const TaskId& task) const noexcept {
  const std::string_view text = task.view();
  Key key;
  key.size = static_cast<std::uint32_t>(text.size());
  key.text[key.words() - 1] = 0;  // an id is never empty
  std::memcpy(key.text.data(), text.data(), text.size());
  key.hash = region_->seed[0] ^ key.size;
  for (std::size_t i = 0; i < key.words(); ++i) key.hash = mix(key.hash ^ key.text[i], region_->seed[1]);
  return key;
}

std::size_t HeaderCache::find(const Key& key, const Moment& moment, std::span<char> out) const noexcept {
  const std::uint32_t tag = tag_of(key.hash);
  for (std::uint32_t i = 0; i <= region_->index_mask; ++i) {
    const std::uint32_t at = static_cast<std::uint32_t>(key.hash + i) & region_->index_mask;
    const std::uint32_t entry = region_->index[at].load(std::memory_order_acquire);
    if (entry == 0) return 0;
    if ((entry & ~kPlaceMask) != tag) continue;
    const Slot& slot = region_->slots[(entry & kPlaceMask) - 1];
    std::size_t size = 0;
    Match match = Match::torn;
    for (int attempt = 0; attempt < kReadAttempts && match == Match::torn; ++attempt) {
      match = read(slot, key, moment, out, size);
    }
    if (match == Match::hit) return size;
  }
  return 0;
}

HeaderCache::Match HeaderCache::read(const Slot& slot, const Key& key, const Moment& moment, std::span<char> out,
                                     std::size_t& size) const noexcept {
  const std::uint32_t sequence = slot.sequence.load(std::memory_order_acquire);
  if ((sequence & 1U) != 0) return Match::torn;
  // A mixture of two writers can at worst look like another task or an old header: then the caller asks under the
  // lock.
  if (!slot.is_of(key) || !is_usable(slot, moment)) return Match::none;
  size = slot.header_size.load(std::memory_order_acquire);
  if (size > out.size()) return Match::none;
  const std::size_t whole = size / sizeof(Word);
  for (std::size_t i = 0; i < whole; ++i) {
    const Word word = slot.header[i].load(std::memory_order_acquire);
    std::memcpy(out.data() + i * sizeof(Word), &word, sizeof(Word));
  }
  if (const std::size_t rest = size % sizeof(Word); rest != 0) {
    const Word word = slot.header[whole].load(std::memory_order_acquire);
    std::memcpy(out.data() + whole * sizeof(Word), &word, rest);
  }
  return slot.sequence.load(std::memory_order_relaxed) == sequence ? Match::hit : Match::torn;
}

bool HeaderCache::is_usable(const Slot& slot, const Moment& moment) const noexcept {
  if (slot.epoch.load(std::memory_order_acquire) != region_->epoch.load(std::memory_order_acquire)) return false;
  const std::int64_t wall_age = moment.wall.value - slot.wall.load(std::memory_order_acquire);
  const std::int64_t boot_age = moment.boot.ns - slot.boot.load(std::memory_order_acquire);
  // Signed after this call began, while it waited: not older than what it would have signed itself.
  if (boot_age < 0) return wall_age <= 0;
  if (region_->max_age == 0) return wall_age == 0 && boot_age <= kSameSecondNs;
  return wall_age >= 0 && wall_age <= region_->max_age && boot_age <= region_->max_age * kNanosecondsPerSecond;
}

HeaderCache::Acquired HeaderCache::acquire(const Key& key, const Moment& moment, Freshness freshness,
                                           hal::BootTime deadline, std::span<char> out) noexcept {
  for (bool timed_out = false;;) {
    if (freshness == Freshness::reuse) {
      if (const std::size_t size = find(key, moment, out); size != 0) return {.reused_size = size};
      if (timed_out) return {.timed_out = true};
    }
    const Claim claimed = claim(key);
    if (claimed.is_owner || claimed.slot == nullptr || freshness == Freshness::fresh) {
      Flight flight(*this, claimed.is_owner ? claimed.slot : nullptr);
      // Between the look above and the claim, another flight may have ended.
      const std::size_t size = freshness == Freshness::reuse ? find(key, moment, out) : 0;
      if (size != 0) return {.reused_size = size};
      return {.flight = std::move(flight)};
    }
    timed_out = !await(*claimed.slot, claimed.ticket, deadline);
  }
}

HeaderCache::Claim HeaderCache::claim(const Key& key) noexcept {
  // No deadline: nothing done under the lock waits for anything.
  (void)region_->lock.take(*clock_, hal::kNoDeadline);
  Slot* slot = locate(key);
  const bool is_known = slot != nullptr;
  if (!is_known) slot = take_slot();
  Claim claimed{.slot = slot};
  if (slot != nullptr) {
    // Only a flight's owner changes the word without the lock, and it makes it idle.
    std::uint32_t word = slot->flight.load(std::memory_order_acquire);
    claimed.is_owner = (word & kBusy) == 0;
    claimed.ticket = word;
    const auto place = static_cast<std::uint32_t>(slot - region_->slots);
    if (claimed.is_owner) {
      slot->flight.store(word | kBusy, std::memory_order_relaxed);
      if (is_known) remove_from_order(place);
      append_to_order(place);
    }
    if (!is_known) {
      const Slot::Writing writing(*slot);
      slot->epoch.store(0, std::memory_order_release);
      slot->task_size.store(key.size, std::memory_order_release);
      for (std::size_t i = 0; i < key.words(); ++i) slot->task[i].store(key.text[i], std::memory_order_release);
    }
    if (!is_known) insert_into_index(key, place);
  }
  region_->lock.release(*clock_);
  return claimed;
}

HeaderCache::Slot* HeaderCache::locate(const Key& key) noexcept {
  const std::uint32_t tag = tag_of(key.hash);
  for (auto at = static_cast<std::uint32_t>(key.hash);; ++at) {
    const std::uint32_t entry = region_->index[at & region_->index_mask].load(std::memory_order_relaxed);
    if (entry == 0) return nullptr;  // the index has twice as many entries as slots
    Slot& slot = region_->slots[(entry & kPlaceMask) - 1];
    if ((entry & ~kPlaceMask) == tag && slot.is_of(key)) return &slot;
  }
}

// A slot that is of no task: an unused one, or that of the least recently signed task that nobody is signing for.
HeaderCache::Slot* HeaderCache::take_slot() noexcept {
  if (region_->used < region_->max_tasks) return new (region_->slots + region_->used++) Slot;
  for (std::uint32_t place = region_->oldest; place != kNoPlace; place = region_->slots[place].newer) {
    if ((region_->slots[place].flight.load(std::memory_order_acquire) & kBusy) != 0) continue;
    remove_from_index(place);
    remove_from_order(place);
    return region_->slots + place;
  }
  return nullptr;
}

std::uint64_t HeaderCache::hash_of(std::uint32_t place) const noexcept {
  const Slot& slot = region_->slots[place];
  const std::uint32_t size = slot.task_size.load(std::memory_order_relaxed);
  std::uint64_t hash = region_->seed[0] ^ size;
  for (std::size_t i = 0; i < (size + 7) / 8; ++i) {
    hash = mix(hash ^ slot.task[i].load(std::memory_order_relaxed), region_->seed[1]);
  }
  return hash;
}

void HeaderCache::insert_into_index(const Key& key, std::uint32_t place) noexcept {
  auto at = static_cast<std::uint32_t>(key.hash) & region_->index_mask;
  while (region_->index[at].load(std::memory_order_relaxed) != 0) at = (at + 1) & region_->index_mask;
  region_->index[at].store(tag_of(key.hash) | (place + 1), std::memory_order_release);
}

// Entries behind the gap move up, so that a chain never has a hole (Knuth, TAOCP 6.4 R). A reader may meanwhile miss
// an entry; it then asks under the lock.
void HeaderCache::remove_from_index(std::uint32_t place) noexcept {
  const std::uint32_t mask = region_->index_mask;
  auto gap = static_cast<std::uint32_t>(hash_of(place)) & mask;
  while ((region_->index[gap].load(std::memory_order_relaxed) & kPlaceMask) != place + 1) gap = (gap + 1) & mask;
  for (std::uint32_t at = (gap + 1) & mask;; at = (at + 1) & mask) {
    const std::uint32_t entry = region_->index[at].load(std::memory_order_relaxed);
    if (entry == 0) break;
    const auto home = static_cast<std::uint32_t>(hash_of((entry & kPlaceMask) - 1));
    if (((at - home) & mask) < ((at - gap) & mask)) continue;
    region_->index[gap].store(entry, std::memory_order_release);
    gap = at;
  }
  region_->index[gap].store(0, std::memory_order_release);
}

void HeaderCache::append_to_order(std::uint32_t place) noexcept {
  Slot& slot = region_->slots[place];
  slot.older = region_->newest;
  slot.newer = kNoPlace;
  (region_->newest == kNoPlace ? region_->oldest : region_->slots[region_->newest].newer) = place;
  region_->newest = place;
}

void HeaderCache::remove_from_order(std::uint32_t place) noexcept {
  const Slot& slot = region_->slots[place];
  (slot.older == kNoPlace ? region_->oldest : region_->slots[slot.older].newer) = slot.newer;
  (slot.newer == kNoPlace ? region_->newest : region_->slots[slot.newer].older) = slot.older;
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
  slot.header_size.store(static_cast<std::uint32_t>(header.size()), std::memory_order_release);
  for (std::size_t at = 0; at < header.size(); at += sizeof(Word)) {
    Word word = 0;
    std::memcpy(&word, header.data() + at, std::min(sizeof(Word), header.size() - at));
    slot.header[at / sizeof(Word)].store(word, std::memory_order_release);
  }
}

void HeaderCache::end_flight(Slot& slot) noexcept {
  const std::uint32_t current = slot.flight.load(std::memory_order_relaxed);
  const std::uint32_t idle = (current & ~(kBusy | kAwaited)) + kNextFlight;
  if ((slot.flight.exchange(idle, std::memory_order_acq_rel) & kAwaited) != 0) clock_->wake_all(slot.flight);
}

void HeaderCache::forget() noexcept { region_->epoch.fetch_add(1, std::memory_order_acq_rel); }

}  // namespace holdfast
