// SPDX-License-Identifier: Apache-2.0
#include "src/signer/signer_core.hpp"

#include "src/assertion/detail_text.hpp"
#include "src/assertion/envelope.hpp"
#include "src/assertion/message.hpp"
#include "src/signer/key_policy.hpp"
#include "src/signer/plausible_time.hpp"
#include "src/verification/sha256.hpp"

#include <algorithm>

namespace holdfast {
namespace {

constexpr const char* kAuthorizing = "signing an assertion";
constexpr const char* kRegistering = "signing a task registration";
constexpr const char* kOpening = "opening a signer";

// Threads write to buffers of their own: the page of the buffer spreads them over the counters.
std::size_t counter_for(const char* buffer, std::size_t counters) noexcept {
  return (reinterpret_cast<std::uintptr_t>(buffer) >> 12U) % counters;
}

void count(std::atomic<std::uint64_t>& counter) noexcept { counter.fetch_add(1, std::memory_order_relaxed); }

Result<PublicKey> key_to_verify_with(const hal::KeyDescription& key,
                                     const std::optional<PublicKey>& expected) noexcept {
  if (key.public_key && expected && *key.public_key != *expected) {
    return failure(Status::key_changed, Layer::core, kOpening);
  }
  if (key.public_key) return *key.public_key;
  if (expected) return *expected;
  return failure(Status::key_refused, Layer::core, kOpening)
      .about("the device shows no public half for the key")
      .with_hint("give the expected public key, or store the public half beside the private key");
}

Result<void> check_scheme(const hal::KeyDescription& key, Scheme wanted) noexcept {
  if (key.scheme == wanted) return {};
  return failure(Status::scheme_unsupported, Layer::core, kOpening)
      .about((DetailText() << "the key is of " << (key.scheme ? scheme_name(*key.scheme) : "another kind")
                           << ", asked for is " << scheme_name(wanted))
                 .view());
}

Result<SignatureVerifier> verifier_for(const PublicKey& key, bool is_expected) noexcept {
  auto verifier = SignatureVerifier::prepare(key);
  if (verifier || is_expected) return verifier;
  // Nobody passed this key in: the device stated it.
  Error error = verifier.error();
  error.status = Status::key_refused;
  return error;
}

}  // namespace

Result<SignerCore::Parts> SignerCore::prepare(hal::KeyDevice& device, hal::Clock& clock,
                                              const Settings& settings) noexcept {
  // The guard first: a fork while the device opens is noticed as well.
  hal::ForkGuard fork_guard = HOLDFAST_TRY(hal::ForkGuard::create());
  const hal::KeyHandle handle = HOLDFAST_TRY(device.find_key({settings.expected_key}, hal::kNoDeadline));
  const hal::KeyDescription key = HOLDFAST_TRY(device.describe(handle));
  const PublicKey public_key = HOLDFAST_TRY(key_to_verify_with(key, settings.expected_key));
  for (const Scheme wanted : {settings.scheme.value_or(public_key.scheme()), public_key.scheme()}) {
    if (auto fits = check_scheme(key, wanted); !fits) return fits.error();
  }
  if (auto allowed = check_key_policy(key, settings.profile); !allowed) return allowed.error();
  SignatureVerifier verifier = HOLDFAST_TRY(verifier_for(public_key, settings.expected_key.has_value()));
  HeaderCache cache = HOLDFAST_TRY(HeaderCache::create(settings.max_tasks, settings.max_age, clock));
  return Parts{settings.runtime_id,   settings.verify,  handle,      verifier,
               std::move(fork_guard), std::move(cache), settings.log};
}

SignerCore::SignerCore(hal::KeyDevice& device, hal::Clock& clock, Parts parts) noexcept
    : device_(device),
      runtime_id_(parts.runtime_id),
      verifier_(parts.verifier),
      verify_(parts.verify),
      fork_guard_(std::move(parts.fork_guard)),
      cache_(std::move(parts.cache)),
      events_(parts.log, clock),
      recovery_(device, clock, verifier_.public_key(), parts.handle, events_) {}

// One signature under way, made with the key in use or with one that recovery found.
class SignerCore::Signing final : private Recovery::Trial {
 public:
  // `task` null: a task registration.
  Signing(SignerCore& core, const TaskId* task, const Moment& moment, hal::BootTime deadline) noexcept
      : core_(core), task_(task), moment_(moment), deadline_(deadline) {}

  // Signs at the moment the call began; after a recovery, whoever made it, at the moment it ended, so that no header
  // is old when it is new.
  Result<void> run() noexcept {
    while (true) {
      const hal::KeyHandle handle = core_.recovery_.handle();
      if (handle.generation == 0) [[unlikely]] {
        if (HOLDFAST_TRY(recover(handle, Error())) == Recovery::Ascent::proven) return {};
        continue;
      }
      const auto used = use(handle);
      if (used) [[likely]] {
        return used;
      }
      if (HOLDFAST_TRY(recover(handle, used.error())) == Recovery::Ascent::proven) return {};
    }
  }

  [[nodiscard]] const Moment& moment() const noexcept { return moment_; }
  [[nodiscard]] const TimestampText& timestamp() const noexcept { return timestamp_; }
  [[nodiscard]] const Signature& signature() const noexcept { return signature_; }

 private:
  Result<Recovery::Ascent> recover(hal::KeyHandle handle, const Error& failed) noexcept {
    has_waited_ = true;
    auto ascent = core_.recovery_.climb(handle, failed, *this, deadline_);
    if (!ascent) return core_.settle(ascent.error());
    return ascent;
  }
  Result<void> use(hal::KeyHandle handle) noexcept override {
    if (has_waited_) moment_ = core_.cache_.now();
    if (task_ != nullptr) {
      timestamp_ = HOLDFAST_TRY(plausible_timestamp(moment_.wall, kAuthorizing));
      const AssertionMessage message = build_assertion_message(core_.runtime_id_, *task_, timestamp_);
      signature_ = HOLDFAST_TRY(core_.sign(message.bytes(), handle, deadline_));
    } else {
      timestamp_ = HOLDFAST_TRY(plausible_timestamp(moment_.wall, kRegistering));
      const RegistrationMessage message = build_registration_message(core_.runtime_id_, timestamp_);
      signature_ = HOLDFAST_TRY(core_.sign(message.bytes(), handle, deadline_));
    }
    return {};
  }
  void was_reset() noexcept override { core_.cache_.forget(); }

  SignerCore& core_;
  const TaskId* task_;
  Moment moment_;
  const hal::BootTime deadline_;
  bool has_waited_ = false;  // the moment the call began has passed
  TimestampText timestamp_;
  Signature signature_;
};

// The life of one header, top to bottom.
Result<std::size_t> SignerCore::authorization(const TaskId& task, std::chrono::nanoseconds timeout,
                                              std::span<char> out, Freshness freshness) noexcept {
  auto written = write_header(task, timeout, out, freshness);
  if (!written) [[unlikely]] {
    std::ranges::fill(out, '\0');
  }
  return written;
}

Result<std::size_t> SignerCore::write_header(const TaskId& task, std::chrono::nanoseconds timeout,
                                             std::span<char> out, Freshness freshness) noexcept {
  if (const Status status = refusal(); status != Status::ok) [[unlikely]] {
    return refused(status, kAuthorizing);
  }
  if (freshness == Freshness::reuse) [[likely]] {
    if (const std::size_t size = cache_.glance(task, out); size != 0) [[likely]] {
      return reused(size, out);
    }
  }
  return sign_header(task, timeout, out, freshness);
}

Result<std::size_t> SignerCore::sign_header(const TaskId& task, std::chrono::nanoseconds timeout, std::span<char> out,
                                            Freshness freshness) noexcept {
  if (const std::size_t size = authorization_size(runtime_id_, task); out.size() < size) [[unlikely]] {
    return failure(Status::buffer_too_small, Layer::core, kAuthorizing)
        .about((DetailText() << "the value has " << size << " bytes, room is for " << out.size()).view());
  }
  const Moment moment = cache_.now();
  if (moment.wall < kEarliestPlausible) [[unlikely]] {
    return plausible_timestamp(moment.wall, kAuthorizing).error();
  }

  const hal::BootTime deadline = moment.boot.after(std::max(timeout, std::chrono::nanoseconds::zero()));
  const CallCount::UnderWay under_way(under_way_);
  const HeaderCache::Key key = cache_.key_of(task);
  HeaderCache::Acquired acquired = cache_.acquire(key, moment, freshness, deadline, out);
  if (acquired.timed_out) {
    return failure(Status::deadline_exceeded, Layer::core, kAuthorizing)
        .about("another thread is signing for the task");
  }
  if (acquired.reused_size != 0) return reused(acquired.reused_size, out);

  // Whoever waited may have waited for the signature that stopped this signer.
  if (const Status status = refusal(); status != Status::ok) [[unlikely]] {
    return refused(status, kAuthorizing);
  }

  // Whoever waited, for a thread that then failed, begins only now.
  Signing signing(*this, &task, acquired.has_waited ? cache_.now() : moment, deadline);
  if (const auto is_signed = signing.run(); !is_signed) [[unlikely]] {
    // If that was a renewal ahead of time, the header that was to be renewed may still do.
    const Moment later = cache_.now();
    acquired.flight.postpone(later);
    const auto kept =
        freshness == Freshness::reuse ? cache_.find(key, later, HeaderCache::Life::whole, out) : HeaderCache::Found{};
    if (kept.size != 0) return reused(kept.size, out);
    return is_signed.error();
  }
  const std::size_t size =
      HOLDFAST_TRY(write_authorization(runtime_id_, task, signing.timestamp(), signing.signature(), out));
  acquired.flight.publish({out.data(), size}, signing.moment());
  count(headers_signed_);
  return size;
}

std::size_t SignerCore::reused(std::size_t size, std::span<const char> header) noexcept {
  count(headers_reused_[counter_for(header.data(), kReuseCounters)].value);
  return size;
}

Result<TaskRegistration> SignerCore::sign_task_registration(std::chrono::nanoseconds timeout) noexcept {
  if (const Status status = refusal(); status != Status::ok) return refused(status, kRegistering);
  const CallCount::UnderWay under_way(under_way_);
  const Moment moment = cache_.now();
  const hal::BootTime deadline = moment.boot.after(std::max(timeout, std::chrono::nanoseconds::zero()));
  Signing signing(*this, nullptr, moment, deadline);
  HOLDFAST_TRY(signing.run());
  return TaskRegistration{signing.timestamp(), signature_text(signing.signature())};
}

void SignerCore::forget_headers() noexcept {
  // In a forked child the cache is empty already, and its memory is nobody's.
  if (!fork_guard_.is_forked()) cache_.forget();
}

void SignerCore::silence() noexcept {
  // The threads that may still be in here are the parent's, and so is the lock that one of them may hold.
  if (!fork_guard_.is_forked()) events_.shut();
}

SignerCounters SignerCore::counters() const noexcept {
  SignerCounters counters;
  for (const Counter& counter : headers_reused_) {
    counters.headers_reused += counter.value.load(std::memory_order_relaxed);
  }
  counters.headers = headers_signed_.load(std::memory_order_relaxed) + counters.headers_reused;
  counters.signatures = signatures_.load(std::memory_order_relaxed);
  counters.verifications = verifications_.load(std::memory_order_relaxed);
  counters.device_errors = device_errors_.load(std::memory_order_relaxed) + recovery_.failures();
  counters.resets = recovery_.resets();
  counters.recoveries = recovery_.recoveries();
  counters.abandoned_calls = device_.abandoned_calls();
  return counters;
}

Status SignerCore::refusal() const noexcept {
  if (fork_guard_.is_forked()) return Status::forked;
  return static_cast<Status>(latched_.load(std::memory_order_acquire));
}

Error SignerCore::refused(Status status, const char* doing) const noexcept {
  if (status == Status::forked) return failure(status, Layer::core, doing);
  return failure(status, Layer::core, doing).about("this signer stopped when it was found");
}

Result<Signature> SignerCore::sign(std::span<const std::byte> message, hal::KeyHandle handle,
                                   hal::BootTime deadline) noexcept {
  const bool is_hashed = public_key().scheme() == Scheme::es256;
  Sha256Digest digest;
  if (is_hashed) digest = sha256(message);

  auto signature = ask_device(is_hashed ? std::span<const std::byte>(digest) : message, handle, deadline);
  if (!signature) [[unlikely]] {
    return signature;
  }
  const bool is_always = verify_ == VerifySignatures::always;
  if (!is_always && verified_generation_.load(std::memory_order_relaxed) == handle.generation) return signature;

  count(verifications_);
  const auto verified =
      is_hashed ? verifier_.verify_digest(digest, *signature) : verifier_.verify_message(message, *signature);
  if (!verified) [[unlikely]] {
    return verified.error();
  }
  if (!is_always) verified_generation_.store(handle.generation, std::memory_order_relaxed);
  return signature;
}

Result<Signature> SignerCore::ask_device(std::span<const std::byte> input, hal::KeyHandle handle,
                                         hal::BootTime deadline) noexcept {
  count(signatures_);
  auto signature = device_.sign(handle, public_key().scheme(), input, deadline);
  if (!signature) [[unlikely]] {
    count(device_errors_);
  }
  return signature;
}

// A wrong signature or another key: nothing that this signer could still say would be worth believing.
Error SignerCore::settle(const Error& error) noexcept {
  if (error.status == Status::signature_mismatch || error.status == Status::key_changed) {
    holdfast_status none = HOLDFAST_OK;
    latched_.compare_exchange_strong(none, static_cast<holdfast_status>(error.status), std::memory_order_acq_rel);
    cache_.forget();
    events_.record_once(EventKind::signer_stopped, error);
  }
  if (is_refused_pin(error.status)) events_.record_once(EventKind::pin_refused, error);
  return error;
}

}  // namespace holdfast
