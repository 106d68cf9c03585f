// SPDX-License-Identifier: Apache-2.0
// What others need for the same job: a complete header, signed by a key on a SoftHSM token; and what it costs with a
// key in memory. On one thread, and on several.
//   token_peers_bench MODULE ROUNDS
#include "holdfast/verifier.hpp"

#include "tests/bench/bench.hpp"
#include "tests/bench/bench_token.hpp"
#include "tests/bench/fresh_key.hpp"
#include "tests/bench/heap_calls.hpp"
#include "tests/bench/ids.hpp"
#include "tests/bench/peers/evp_signing.hpp"
#include "tests/bench/peers/header_peer.hpp"
#include "tests/bench/peers/holdfast_signer.hpp"
#include "tests/bench/rounds.hpp"
#include "tests/bench/table.hpp"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace holdfast::bench {
namespace {

using Buffer = std::array<char, kMaxAuthorizationSize>;
using MakerPtr = std::shared_ptr<HeaderMaker>;

constexpr const char* kUnverified = "holdfast, fresh, the first signature verified";
constexpr const char* kPlainToken = "p256";
constexpr std::array kThreads{1U, 2U, 4U, 8U};
constexpr double kSecond = 1e9;
constexpr double kBlockTime = 40e6;  // ns on one thread: long beside the time in which threads begin

/// A name, and who makes headers under it: one for all threads, or one for each.
struct Entry {
  std::string name;
  std::vector<MakerPtr> makers;
  PublicKey key;
  std::size_t block = 1;
};

std::string on(const std::string& name, unsigned threads) { return name + " x" + std::to_string(threads); }

class Comparison {
 public:
  Comparison(const BenchToken& token, Scheme scheme) : scheme_(scheme) {
    const std::string uri = token.uri(scheme, token.module_path());
    const auto ours = [&](SignerUse use) { return MakerPtr(holdfast_signer(uri, token.pin_source(), use)); };
    const PublicKey& key = token.public_key(scheme);
    add({kUnverified, {ours({VerifySignatures::after_open_and_recovery, Freshness::fresh})}, key});
    add({"holdfast, fresh, every signature verified", {ours({})}, key});
    add({"holdfast, reused within the second", {ours({VerifySignatures::always, Freshness::reuse})}, key, 4000});
  }

  void add_peer(const std::string& name, const PublicKey& key, const std::function<MakerPtr()>& make,
                std::size_t objects = 1) {
    try {
      std::vector<MakerPtr> makers;
      while (makers.size() < objects) makers.push_back(make());
      add({name, std::move(makers), key});
    } catch (const std::exception& failed) {
      cannot_.push_back(name + ": " + failed.what());
    }
  }
  /// A key of OpenSSL's for all threads, and what signs with it for each of them.
  void add_evp(const std::string& name, const PublicKey& key, const std::function<EvpKey()>& load) {
    EvpKey loaded;
    add_peer(
        name, key,
        [&]() -> MakerPtr {
          if (!loaded) loaded = load();
          return evp_signer(loaded, scheme_);
        },
        kThreads.back());
  }
  void note(const std::string& text) { cannot_.push_back(text); }

  void print_all(std::size_t rounds) {
    std::vector<Case> cases;
    for (const Entry& entry : entries_) {
      cases.push_back({entry.name,
                       [&](std::size_t n) {
                         return time_once(n, [&](std::size_t times) { make_headers(*entry.makers[0], times); });
                       },
                       entry.block});
    }
    const Rounds measured(std::move(cases), rounds);
    begin_table(name() + " on SoftHSM, a complete header: holdfast and others, " + measured.counted());
    for (const Entry& entry : entries_) {
      print(entry.name, scaled(measured.time(entry.name), 1e-3), "µs (this machine, this minute)");
    }
    for (const Entry& entry : entries_) {
      if (entry.name != kUnverified)
        print(entry.name + " / the first line", measured.ratio(entry.name, kUnverified), "×");
    }
    for (const Entry& entry : entries_) {
      const HeapUse heap = heap_use_of([&] { make_headers(*entry.makers[0], 1); });
      print_count(entry.name + ": heap calls, the module's too", heap.calls, "calls");
      print_count(entry.name + ": asked for by them", heap.bytes, "bytes");
    }
    for (Entry& entry : entries_) entry.block = block_of(measured.time(entry.name).median);
    print_notes();
  }

  // After `print_all`, which knows how long a header takes.
  void print_threads(std::size_t rounds) const {
    std::vector<Case> cases;
    for (const Entry& entry : entries_) {
      for (const unsigned threads : kThreads) {
        cases.push_back({on(entry.name, threads),
                         [&entry, threads, this](std::size_t n) {
                           std::atomic<std::size_t> next{0};
                           return time_threads(threads, n, [&](std::size_t times) {
                             make_headers(*entry.makers[next.fetch_add(1) % entry.makers.size()], times);
                           });
                         },
                         entry.block});
      }
    }
    const Rounds measured(std::move(cases), rounds);
    std::vector<std::string> columns;
    for (const unsigned threads : kThreads) {
      columns.push_back(std::to_string(threads) + (threads == 1 ? " thread" : " threads"));
    }
    const std::string title = name() + " on SoftHSM, headers per second by threads";
    begin_grid(title + ", " + measured.counted(), columns);
    for (const Entry& entry : entries_) {
      std::vector<Estimate> cells;
      for (const unsigned threads : kThreads)
        cells.push_back(times_in(kSecond, measured.time(on(entry.name, threads))));
      print_row(entry.name, cells, "headers/s");
    }
    for (const Entry& entry : entries_) {
      if (entry.name == kUnverified) continue;
      std::vector<Estimate> cells;
      for (const unsigned threads : kThreads) {
        cells.push_back(measured.ratio(on(kUnverified, threads), on(entry.name, threads)));
      }
      print_row(entry.name + " / the first line", cells, "×");
    }
    print_notes();
  }

 private:
  // Only who makes headers that verify is compared.
  void add(Entry entry) {
    for (const MakerPtr& maker : entry.makers) {
      Buffer out{};
      const std::size_t size = maker->header(ids_.runtime, ids_.task, out);
      const auto assertion = require(parse_authorization({out.data(), size}));
      require(verify_assertion(assertion, entry.key, {.now = {time(nullptr)}, .seconds = 5}));
    }
    entries_.push_back(std::move(entry));
  }

  // Who is not in the table above, or is there in another way.
  void print_notes() const {
    for (const std::string& line : cannot_) std::printf("\n%s.\n", line.c_str());
  }

  void make_headers(HeaderMaker& maker, std::size_t n) const {
    Buffer out;  // NOLINT: written before it is read
    for (std::size_t i = 0; i < n; ++i) maker.header(ids_.runtime, ids_.task, out);
  }

  // As many for each thread.
  static std::size_t block_of(double nanoseconds) {
    const std::size_t most = kThreads.back();
    return (static_cast<std::size_t>(kBlockTime / nanoseconds) / most + 1) * most;
  }

  [[nodiscard]] std::string name() const { return scheme_ == Scheme::ed25519 ? "Ed25519" : "ES256"; }

  Scheme scheme_;
  Ids ids_;
  std::vector<Entry> entries_;
  std::vector<std::string> cannot_;
};

}  // namespace

int run(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: token_peers_bench MODULE ROUNDS\n", stderr);
    return 2;
  }
  BenchToken token(argv[1]);
  const PublicKey plain = token.add_token(kPlainToken, Scheme::es256);
  const std::size_t rounds = std::max<std::size_t>(std::strtoul(argv[2], nullptr, 10), 10);
  for (const Scheme scheme : {Scheme::ed25519, Scheme::es256}) {
    Comparison all(token, scheme);
    all.add_peer(
        "GnuTLS, the same key", token.public_key(scheme), [&] { return gnutls_privkey(token.module_path(), scheme); },
        kThreads.back());
    const FreshKey key(scheme);
    const std::string pem_file = token.folder().write("key.pem", key.pem());
    if (scheme == Scheme::ed25519) {
      all.note("OpenSSL's pkcs11 engine (libp11 0.4.12) has no Ed25519");
      const auto seed = key.value();
      const std::string seed_file =
          token.folder().write("seed", {reinterpret_cast<const char*>(seed.data()), seed.size()});
      all.add_peer("libsodium, a key in memory", key.public_key(), [&] { return sodium_key(seed_file); });
    } else {
      all.note(
          "OpenSSL's pkcs11 engine finds no key on a token that also holds an Ed25519 key: it has a token to itself");
      all.add_evp("OpenSSL with the pkcs11 engine, a token without Ed25519", plain,
                  [&] { return engine_key(token.module_path(), kPlainToken, std::string(scheme_name(scheme))); });
    }
    all.add_evp("libcrypto, a key in memory", key.public_key(), [&] { return libcrypto_key(pem_file); });
    all.print_all(rounds * 5);
    all.print_threads(std::max<std::size_t>(rounds / 5, 10));
  }
  return 0;
}

}  // namespace holdfast::bench
