// SPDX-License-Identifier: Apache-2.0
#include "tests/soak/traffic.hpp"

#include "holdfast/verifier.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace holdfast::soak {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto kLongestTimeout = 10s;
// A header bears the second of the call, or of the token's return: it is as old as the call lasted.
constexpr std::int64_t kWindow = 60;

// Not an exception: the process is kept as it is, for whoever looks into it.
[[noreturn]] void condemn(const char* what, const std::string& shown) {
  std::fprintf(stderr, "soak: %s: %s\n", what, shown.c_str());
  std::abort();
}

bool is_stopped(Status status) {
  return status == Status::signature_mismatch || status == Status::key_changed || status == Status::pin_incorrect ||
         status == Status::pin_refused_before || status == Status::pin_locked;
}

void add(SignerCounters& sum, const SignerCounters& more) {
  sum.headers += more.headers;
  sum.headers_reused += more.headers_reused;
  sum.signatures += more.signatures;
  sum.verifications += more.verifications;
  sum.device_errors += more.device_errors;
  sum.resets += more.resets;
  sum.recoveries += more.recoveries;
  sum.abandoned_calls += more.abandoned_calls;
}

}  // namespace

Traffic::Traffic(Ground& ground, std::uint64_t seed, unsigned threads) : ground_(ground), served_by_(threads) {
  auto opened = ground.open();
  if (!opened) give_up(opened.error());
  signer_ = std::move(*opened);
  for (unsigned number = 0; number < threads; ++number) {
    threads_.emplace_back([this, number, seed] { ask_again_and_again(number, Dice(seed + 1 + number)); });
  }
}

Traffic::~Traffic() { stop(); }

void Traffic::stop() {
  is_stopping_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Traffic::ask_again_and_again(unsigned number, Dice dice) {
  const auto pause = std::chrono::nanoseconds(1s) * static_cast<std::int64_t>(served_by_.size()) / ground_.rate();
  while (!is_stopping_) {
    ask_once(number, dice);
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(dice.until_next(pause), 1s));
  }
}

void Traffic::ask_once(unsigned number, Dice& dice) {
  const auto kind = dice.between(0, 9);
  const std::chrono::nanoseconds timeout = dice.of_any_length(10ms, kLongestTimeout);
  // Some threads share a task: then one signs and the others get the same header.
  const std::string task = "task-" + std::to_string(dice.between(0U, 2U));
  const auto start = steady_clock::now();
  Status status{};
  std::uint64_t signer = 0;
  {
    const std::shared_lock lock(signer_mutex_);
    if (!signer_) return;
    signer = signer_number_;
    status = kind == 0 ? ask_for_registration(timeout)
                       : ask_for_header(task, timeout, kind < 3 ? Freshness::reuse : Freshness::fresh);
  }
  if (status == Status::ok) {
    note_served(start, kind == 0 ? &Served::registrations : &Served::headers);
    const std::lock_guard lock(served_mutex_);
    ++served_by_[number];
    return;
  }
  {
    const std::lock_guard lock(served_mutex_);
    ++served_.failed[static_cast<std::size_t>(status)];
    served_.most_late = std::max<std::chrono::nanoseconds>(served_.most_late, steady_clock::now() - start - timeout);
  }
  if (is_stopped(status)) open_another(signer, status);
}

Status Traffic::ask_for_header(const std::string& task, std::chrono::nanoseconds timeout, Freshness freshness) {
  std::array<char, kMaxAuthorizationSize> out{};
  const TaskId task_id = TaskId::parse(task).value();
  const auto size = signer_->signer().authorization(task_id, timeout, out, freshness);
  const std::string_view header(out.data(), size ? *size : out.size());
  if (!size) {
    if (header.find_first_not_of('\0') != std::string_view::npos) condemn("a call failed and left bytes", task);
    return size.status();
  }
  const auto parsed = parse_authorization(header);
  if (!parsed || parsed->task_id.view() != task || parsed->runtime_id.view() != "agent-123" ||
      !verify_assertion(*parsed, ground_.public_key(), {.now = {std::time(nullptr)}, .seconds = kWindow})) {
    condemn("a header does not verify", std::string(header));
  }
  return Status::ok;
}

Status Traffic::ask_for_registration(std::chrono::nanoseconds timeout) {
  TypedSigner& signer = signer_->signer();
  const auto made = signer.sign_task_registration(timeout);
  if (!made) return made.status();
  if (!verify_task_registration(signer.runtime_id(), made->timestamp.view(), made->signature.view(),
                                ground_.public_key(), {.now = {std::time(nullptr)}, .seconds = kWindow})) {
    condemn("a registration does not verify", std::string(made->signature.view()));
  }
  return Status::ok;
}

// What a host does whose signer has stopped: close it, ask the person if it was the PIN, open again until that works.
void Traffic::open_another(std::uint64_t stopped, Status why) {
  const std::unique_lock lock(signer_mutex_);
  if (signer_number_ != stopped) return;
  add(earlier_, signer_->counters());
  signer_.reset();
  ++signer_number_;
  const auto needs_pin = [](Status status) { return is_stopped(status) && status != Status::signature_mismatch; };
  while (!is_stopping_) {
    if (needs_pin(why)) {
      ground_.give_pin_again();
      const std::lock_guard noting(served_mutex_);
      ++served_.pins_given_again;
    }
    auto opened = ground_.open();
    if (opened) {
      signer_ = std::move(*opened);
      const std::lock_guard noting(served_mutex_);
      ++served_.reopened;
      return;
    }
    why = opened.status();
    std::this_thread::sleep_for(20ms);
  }
}

void Traffic::note_served(steady_clock::time_point start, std::uint64_t Served::*kind) {
  const auto now = steady_clock::now();
  const std::lock_guard lock(served_mutex_);
  ++(served_.*kind);
  served_.latencies.add(now - start);
  served_.longest_gap = std::max<std::chrono::nanoseconds>(served_.longest_gap, now - last_served_);
  last_served_ = now;
}

bool Traffic::comes_back(std::chrono::seconds patience) {
  const auto count = [this] {
    const std::lock_guard lock(served_mutex_);
    return served_by_;
  };
  const std::vector<std::uint64_t> before = count();
  const auto end = steady_clock::now() + patience;
  while (steady_clock::now() < end) {
    const std::vector<std::uint64_t> now = count();
    // Twice: the first may have been under way.
    if (std::ranges::equal(before, now, [](std::uint64_t then, std::uint64_t since) { return since >= then + 2; })) {
      return true;
    }
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

Served Traffic::served() const {
  const std::lock_guard lock(served_mutex_);
  return served_;
}

SignerCounters Traffic::counters() const {
  const std::shared_lock lock(signer_mutex_);
  SignerCounters sum = earlier_;
  if (signer_) add(sum, signer_->counters());
  return sum;
}

}  // namespace holdfast::soak
