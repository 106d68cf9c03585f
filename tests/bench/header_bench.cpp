// SPDX-License-Identifier: Apache-2.0
// What a fresh header costs above the token's own call: ratios within one run, on a throwaway SoftHSM token.
//   header_bench MODULE ROUNDS SHIM TIMED_MODULE
// The modules in front of MODULE serve a pass of their own each: SHIM counts heap calls in our frames, TIMED_MODULE
// measures the time in them.
#include "holdfast/signer.hpp"

#include "hal/pipe_shield.hpp"
#include "src/verification/signature.hpp"
#include "tests/bench/bench.hpp"
#include "tests/bench/bench_token.hpp"
#include "tests/bench/heap_calls.hpp"
#include "tests/bench/raw_token.hpp"
#include "tests/bench/required.hpp"
#include "tests/bench/rounds.hpp"
#include "tests/bench/table.hpp"

#include <sodium.h>

#include <dlfcn.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace holdfast::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto kTimeout = 10s;
constexpr std::uint16_t kMostThreads = 8;
constexpr std::array kThreads{1U, 2U, 4U, 8U};
// Our share is measured in many short turns: neighbours that empty the caches come and go by the second.
constexpr std::size_t kTurns = 20;
constexpr auto kFirstOnly = VerifySignatures::after_open_and_recovery;

struct SignerSetting {
  VerifySignatures verify = VerifySignatures::always;
  bool sigpipe_is_ignored = false;
};

Signer open_signer(const BenchToken& token, Scheme scheme, const std::string& module_path, SignerSetting set = {}) {
  SignerOptions options;
  const std::string uri = token.uri(scheme, module_path);
  options.runtime_id = "agent-0123456789abcdef";
  options.key_uri = uri;
  options.pin_source = token.pin_source();
  options.verify = set.verify;
  options.sessions = kMostThreads;
  options.sigpipe_is_ignored = set.sigpipe_is_ignored;
  return require(Signer::open(options));
}

void make_headers(Signer& signer, Freshness freshness, std::size_t n) {
  static const TaskId task = require(TaskId::parse("task-0123456789abcdef"));
  std::array<char, kMaxAuthorizationSize> out;  // NOLINT: written before it is read
  for (std::size_t i = 0; i < n; ++i) (void)require(signer.authorization(task, kTimeout, out, freshness));
}

void measure(const BenchToken& token, Scheme scheme, std::size_t rounds) {
  Signer signer = open_signer(token, scheme, token.module_path());
  Signer unverified = open_signer(token, scheme, token.module_path(), {kFirstOnly});
  Signer unshielded = open_signer(token, scheme, token.module_path(), {kFirstOnly, true});
  RawToken raw(token.module_path(), std::string(scheme_name(scheme)), scheme);

  // What the token signs and what is verified: the same sizes as in a header.
  std::array<std::byte, 66> message{};
  std::array<std::byte, kSha256Size> digest{};
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(digest.data()),
                     reinterpret_cast<const unsigned char*>(message.data()), message.size());
  const std::span<const std::byte> input =
      scheme == Scheme::ed25519 ? std::span<const std::byte>(message) : std::span<const std::byte>(digest);

  const SignatureVerifier verifier = require(SignatureVerifier::prepare(signer.public_key()));
  RawToken::Session own_session(raw);
  const auto raw_calls = [&](std::size_t n) { (void)own_session.sign(input, n); };
  const auto raw_calls_on_a_thread = [&](std::size_t n) {
    RawToken::Session session(raw);
    (void)session.sign(input, n);
  };
  // In turn and over that very signature, as within a header: each finds the caches as the other left them, and the
  // verification of ES256 takes a course of its own with every signature.
  const auto raw_and_verify = [&](std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      const Signature signature = own_session.sign(input, 1);
      require(scheme == Scheme::ed25519 ? verifier.verify_message(message, signature)
                                        : verifier.verify_digest(digest, signature));
    }
  };
  const auto fresh_unverified = [&](std::size_t n) { make_headers(unverified, Freshness::fresh, n); };
  const auto fresh_unshielded = [&](std::size_t n) { make_headers(unshielded, Freshness::fresh, n); };
  const auto fresh = [&](std::size_t n) { make_headers(signer, Freshness::fresh, n); };
  const auto timed = [](const std::function<void(std::size_t)>& body) {
    return [body](std::size_t n) { return time_once(n, body); };
  };
  const auto on_threads = [](unsigned threads, const std::function<void(std::size_t)>& body) {
    return [threads, body](std::size_t n) { return time_threads(threads, n, body); };
  };

  // One operation a turn: what drifts (frequency, neighbours) then hits the raw call and ours alike.
  const auto shield = [](std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) hal::PipeShield().trust();
  };
  const Rounds single({{"raw", timed(raw_calls)},
                       {"raw and verify", timed(raw_and_verify)},
                       {"fresh", timed(fresh)},
                       {"fresh unverified", timed(fresh_unverified)},
                       {"fresh unshielded", timed(fresh_unshielded)},
                       {"shield", timed(shield)}},
                      rounds * 20);
  const std::string name = scheme == Scheme::ed25519 ? "Ed25519" : "ES256";
  begin_table(name + " on SoftHSM, " + single.counted());
  print("raw C_SignInit + C_Sign", single.time("raw"), "ns (this machine, this minute)");
  print("the SIGPIPE shield alone, two system calls", single.time("shield"), "ns");
  print("fresh header, verification left out, / raw call", single.ratio("fresh unverified", "raw"), "×");
  print("the same, where the host ignores SIGPIPE", single.ratio("fresh unshielded", "raw"), "×");
  print("whole fresh header / raw call", single.ratio("fresh", "raw"), "×");
  print("raw call and verification / raw call", single.ratio("raw and verify", "raw"), "×");
  print("verification", single.difference("raw and verify", {"raw"}), "ns");
  print("whole fresh header", single.time("fresh"), "ns (this machine, this minute)");
  for (const char* which : {"raw", "fresh unverified", "fresh"})
    keep_distribution(which, single.samples(which), "ns");

  std::vector<Case> shared;
  const std::size_t block = scheme == Scheme::ed25519 ? 200 : 400;
  for (const unsigned threads : kThreads) {
    const std::string on = " x" + std::to_string(threads);
    shared.push_back({"raw" + on, on_threads(threads, raw_calls_on_a_thread), block});
    shared.push_back({"fresh" + on, on_threads(threads, fresh_unverified), block});
    shared.push_back({"whole" + on, on_threads(threads, fresh), block});
  }
  const Rounds scaling(std::move(shared), std::max<std::size_t>(rounds / 4, 10));
  begin_table(name + " on SoftHSM, threads against one, " + scaling.counted());
  for (const unsigned threads : kThreads) {
    if (threads == 1) continue;
    const std::string on = " x" + std::to_string(threads);
    const std::string text = std::to_string(threads) + " threads, ";
    print(text + "raw calls: speed-up", scaling.ratio("raw x1", "raw" + on), "×");
    print(text + "fresh headers, verification left out: speed-up", scaling.ratio("fresh x1", "fresh" + on), "×");
    print(text + "whole fresh headers: speed-up", scaling.ratio("whole x1", "whole" + on), "×");
    print(text + "fresh header, verification left out, / raw call", scaling.ratio("fresh" + on, "raw" + on), "×");
  }
}

/// What one reading of the clock takes, among others.
double clock_reading() {
  constexpr std::size_t kReadings = 1000;
  const auto read = [](std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) (void)std::chrono::steady_clock::now();
  };
  std::vector<double> readings;
  for (int i = 0; i < 100; ++i) readings.push_back(time_once(kReadings, read) / kReadings);
  return estimate(std::move(readings)).median;
}

/// Our share is a microsecond, and the token's own time varies by more: it is measured within each header.
void measure_share(const BenchToken& token, Scheme scheme, const std::string& timed_module, std::size_t headers) {
  setenv("HOLDFAST_TIMED_MODULE", token.module_path().c_str(), 1);
  // Of the readings that are taken for this alone three lie in our share: one of each of the module's two pairs, and
  // one of the pair around the header.
  const double readings = 3 * clock_reading();
  struct Setting {
    Signer signer;
    const char* text;
    std::vector<double> shares;
  };
  std::array settings{
      Setting{open_signer(token, scheme, timed_module, {kFirstOnly, false}), "", {}},
      Setting{open_signer(token, scheme, timed_module, {kFirstOnly, true}), ", where the host ignores SIGPIPE", {}}};
  void* module = dlopen(timed_module.c_str(), RTLD_NOW | RTLD_NOLOAD);
  const auto below = reinterpret_cast<std::int64_t (*)()>(
      module == nullptr ? nullptr : dlsym(module, "holdfast_timed_module_nanoseconds"));
  if (below == nullptr) throw std::runtime_error("the timed module does not tell the time");
  for (std::size_t turn = 0; turn < kTurns; ++turn) {
    for (Setting& setting : settings) {
      make_headers(setting.signer, Freshness::fresh, 1);
      for (std::size_t i = 0; i < headers / kTurns; ++i) {
        const std::int64_t before = below();
        const double total = time_once(1, [&](std::size_t n) { make_headers(setting.signer, Freshness::fresh, n); });
        setting.shares.push_back(total - static_cast<double>(below() - before) - readings);
      }
    }
  }
  const std::string name = scheme == Scheme::ed25519 ? "Ed25519" : "ES256";
  for (Setting& setting : settings) print((name + setting.text).c_str(), estimate(std::move(setting.shares)), "ns");
}

void count_heap_calls(const BenchToken& token, Scheme scheme, const std::string& shim_path) {
  setenv("HOLDFAST_SHIM_MODULE", token.module_path().c_str(), 1);
  Signer signer = open_signer(token, scheme, shim_path);
  void* shim = dlopen(shim_path.c_str(), RTLD_NOW | RTLD_NOLOAD);
  const auto is_inside =
      reinterpret_cast<bool (*)()>(shim == nullptr ? nullptr : dlsym(shim, "holdfast_shim_is_inside_native_call"));
  if (is_inside == nullptr) throw std::runtime_error("the shim does not tell when a call is native");
  const auto use = [&](Freshness freshness) { return heap_use_of([&] { make_headers(signer, freshness, 1); }, 200); };
  const HeapUse all = use(Freshness::fresh);
  leave_out_calls_while(is_inside);
  const HeapUse ours = use(Freshness::fresh);
  const HeapUse reused = use(Freshness::reuse);
  leave_out_calls_while(nullptr);
  const std::string name = scheme == Scheme::ed25519 ? "Ed25519" : "ES256";
  const auto both = [](const std::string& what, const HeapUse& heap) {
    print_count(what, heap.calls, "calls");
    print_count(what + ": asked for", heap.bytes, "bytes");
  };
  both(name + ", fresh, in our frames", ours);
  both(name + ", reused", reused);
  both(name + ", fresh, inside the module", {all.calls - ours.calls, all.bytes - ours.bytes});
}

}  // namespace

int run(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: header_bench MODULE ROUNDS SHIM TIMED_MODULE\n", stderr);
    return 2;
  }
  const BenchToken token(argv[1]);
  const std::size_t rounds = std::max<std::size_t>(std::strtoul(argv[2], nullptr, 10), 10);
  signal(SIGPIPE, SIG_IGN);  // for the signers that are told so; the others hold it back all the same
  for (const Scheme scheme : {Scheme::ed25519, Scheme::es256}) measure(token, scheme, rounds);

  const std::size_t headers = rounds * kTurns * 5;
  begin_table("Our share: a fresh header, less the token's calls in it and without verification, " +
              std::to_string(headers) + " of each");
  for (const Scheme scheme : {Scheme::ed25519, Scheme::es256}) measure_share(token, scheme, argv[4], headers);

  begin_table("Heap calls per header, and the bytes they ask for");
  for (const Scheme scheme : {Scheme::ed25519, Scheme::es256}) count_heap_calls(token, scheme, argv[3]);
  return 0;
}

}  // namespace holdfast::bench
