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

std::uint64_t pack(hal::KeyHandle handle) noexcept { return std::uint64_t{handle.slot} << 32U | handle.generation; }
hal::KeyHandle unpack(std::uint64_t packed) noexcept {
  return {static_cast<std::uint32_t>(packed >> 32U), static_cast<std::uint32_t>(packed)};
}

// Threads write to buffers of their own: the page of the buffer spreads them over the counters.
std::size_t counter_for(const char* buffer, std::size_t counters) noexcept {
  return (reinterpret_cast<std::uintptr_t>(buffer) >> 12U) % counters;
}

void count(std::atomic<std::uint64_t>& counter) noexcept { counter.fetch_add(1, std::memory_order_relaxed); }

// What finding the key again can cure.
bool is_curable(Status status) noexcept { return status == Status::stale_key || status == Status::device_gone; }

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
  return Parts{settings.runtime_id, settings.verify, handle, verifier, std::move(fork_guard), std::move(cache)};
}

SignerCore::SignerCore(hal::KeyDevice& device, hal::Clock& clock, Parts parts) noexcept
    : device_(device),
      clock_(clock),
      runtime_id_(parts.runtime_id),
      verifier_(parts.verifier),
      verify_(parts.verify),
      fork_guard_(std::move(parts.fork_guard)),
      cache_(std::move(parts.cache)),
      handle_(pack(parts.handle)),
      verified_handle_(0) {}

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
  if (const std::size_t size = authorization_size(runtime_id_, task); out.size() < size) [[unlikely]] {
    return failure(Status::buffer_too_small, Layer::core, kAuthorizing)
        .about((DetailText() << "the value has " << size << " bytes, room is for " << out.size()).view());
  }
  const Moment moment = cache_.now();
  if (moment.wall < kEarliestPlausible) [[unlikely]] {
    return plausible_timestamp(moment.wall, kAuthorizing).error();
  }

  const HeaderCache::Key key = cache_.key_of(task);
  std::size_t reused_size = freshness == Freshness::reuse ? cache_.find(key, moment, out) : 0;
  if (reused_size != 0) {
    count(headers_reused_[counter_for(out.data(), kReuseCounters)].value);
    return reused_size;
  }

  const hal::BootTime deadline = moment.boot.after(std::max(timeout, std::chrono::nanoseconds::zero()));
  HeaderCache::Acquired acquired = cache_.acquire(key, moment, freshness, deadline, out);
  if (acquired.timed_out) {
    return failure(Status::deadline_exceeded, Layer::core, kAuthorizing)
        .about("another thread is signing for the task");
  }
  if (acquired.reused_size != 0) {
    count(headers_reused_[counter_for(out.data(), kReuseCounters)].value);
    return acquired.reused_size;
  }

  // Whoever waited may have waited for the signature that stopped this signer.
  if (const Status status = refusal(); status != Status::ok) [[unlikely]] {
    return refused(status, kAuthorizing);
  }

  const TimestampText timestamp = HOLDFAST_TRY(plausible_timestamp(moment.wall, kAuthorizing));
  const AssertionMessage message = build_assertion_message(runtime_id_, task, timestamp);
  const Signature signature = HOLDFAST_TRY(sign(message.bytes(), deadline));
  const std::size_t size = HOLDFAST_TRY(write_authorization(runtime_id_, task, timestamp, signature, out));
  acquired.flight.publish({out.data(), size}, moment);
  count(headers_signed_);
  return size;
}

Result<TaskRegistration> SignerCore::sign_task_registration(std::chrono::nanoseconds timeout) noexcept {
  if (const Status status = refusal(); status != Status::ok) return refused(status, kRegistering);
  const Moment moment = cache_.now();
  const hal::BootTime deadline = moment.boot.after(std::max(timeout, std::chrono::nanoseconds::zero()));
  const TimestampText timestamp = HOLDFAST_TRY(plausible_timestamp(moment.wall, kRegistering));
  const RegistrationMessage message = build_registration_message(runtime_id_, timestamp);
  const Signature signature = HOLDFAST_TRY(sign(message.bytes(), deadline));
  return TaskRegistration{timestamp, signature_text(signature)};
}

void SignerCore::forget_headers() noexcept {
  // In a forked child the cache is empty already, and its memory is nobody's.
  if (!fork_guard_.is_forked()) cache_.forget();
}

SignerCounters SignerCore::counters() const noexcept {
  SignerCounters counters;
  for (const Counter& counter : headers_reused_) {
    counters.headers_reused += counter.value.load(std::memory_order_relaxed);
  }
  counters.headers = headers_signed_.load(std::memory_order_relaxed) + counters.headers_reused;
  counters.signatures = signatures_.load(std::memory_order_relaxed);
  counters.verifications = verifications_.load(std::memory_order_relaxed);
  counters.device_errors = device_errors_.load(std::memory_order_relaxed);
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

Result<Signature> SignerCore::sign(std::span<const std::byte> message, hal::BootTime deadline) noexcept {
  const bool is_hashed = public_key().scheme() == Scheme::es256;
  Sha256Digest digest;
  if (is_hashed) digest = sha256(message);

  std::uint64_t handle = 0;
  auto signature = sign_with_device(is_hashed ? std::span<const std::byte>(digest) : message, deadline, handle);
  if (!signature) [[unlikely]] {
    return settle(signature.error());
  }
  if (verify_ != VerifySignatures::always && verified_handle_.load(std::memory_order_relaxed) == handle) {
    return signature;
  }

  count(verifications_);
  const auto verified =
      is_hashed ? verifier_.verify_digest(digest, *signature) : verifier_.verify_message(message, *signature);
  if (!verified) [[unlikely]] {
    return settle(verified.error());
  }
  if (verify_ != VerifySignatures::always) verified_handle_.store(handle, std::memory_order_relaxed);
  return signature;
}

// One remedy, once: find the key again. Whatever more there is to try belongs to the recovery ladder (design: use,
// re-find, reset, wait), which will stand here.
Result<Signature> SignerCore::sign_with_device(std::span<const std::byte> input, hal::BootTime deadline,
                                               std::uint64_t& handle) noexcept {
  handle = handle_.load(std::memory_order_acquire);
  auto signature = sign_once(input, deadline, handle);
  if (signature || !is_curable(signature.status())) [[likely]] {
    return signature;
  }
  handle = HOLDFAST_TRY(find_again(handle, deadline));
  return sign_once(input, deadline, handle);
}

Result<Signature> SignerCore::sign_once(std::span<const std::byte> input, hal::BootTime deadline,
                                        std::uint64_t handle) noexcept {
  count(signatures_);
  auto signature = device_.sign(unpack(handle), public_key().scheme(), input, deadline);
  if (!signature) [[unlikely]] {
    count(device_errors_);
  }
  return signature;
}

// Single-flight: whoever waited takes the handle that was found meanwhile.
Result<std::uint64_t> SignerCore::find_again(std::uint64_t used, hal::BootTime deadline) noexcept {
  if (!find_lock_.take(clock_, deadline)) {
    return failure(Status::deadline_exceeded, Layer::core, "finding the key again");
  }
  std::uint64_t current = handle_.load(std::memory_order_acquire);
  if (current != used) {
    find_lock_.release(clock_);
    return current;
  }
  auto found = device_.find_key({public_key()}, deadline);
  if (found) {
    current = pack(*found);
    handle_.store(current, std::memory_order_release);
  } else {
    count(device_errors_);
  }
  find_lock_.release(clock_);
  if (!found) return found.error();
  return current;
}

// A wrong signature or another key: nothing that this signer could still say would be worth believing.
Error SignerCore::settle(const Error& error) noexcept {
  if (error.status == Status::signature_mismatch || error.status == Status::key_changed) {
    holdfast_status none = HOLDFAST_OK;
    latched_.compare_exchange_strong(none, static_cast<holdfast_status>(error.status), std::memory_order_acq_rel);
    cache_.forget();
  }
  return error;
}

}  // namespace holdfast
