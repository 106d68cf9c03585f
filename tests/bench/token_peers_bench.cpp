// SPDX-License-Identifier: Apache-2.0
// What others need for the same job: a complete header, signed by a key on a SoftHSM token; and what it costs with a
// key in memory.
//   token_peers_bench MODULE ROUNDS
#include "holdfast/signer.hpp"
#include "holdfast/verifier.hpp"

#include "tests/bench/bench.hpp"
#include "tests/bench/bench_token.hpp"
#include "tests/bench/heap_calls.hpp"
#include "tests/bench/peers/header_peer.hpp"
#include "tests/bench/required.hpp"
#include "tests/bench/rounds.hpp"
#include "tests/bench/table.hpp"

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace holdfast::bench {
namespace {

using namespace std::chrono_literals;
using Buffer = std::array<char, kMaxAuthorizationSize>;

constexpr const char* kUnverified = "holdfast, fresh, the first signature verified";
constexpr const char* kPlainToken = "p256";

struct Ids {
  RuntimeId runtime = require(RuntimeId::parse("agent-0123456789abcdef"));
  TaskId task = require(TaskId::parse("task-0123456789abcdef"));
};

/// Somebody who makes headers.
struct Maker {
  std::string name;
  std::function<std::size_t(std::span<char>)> header;
  PublicKey key;
  std::size_t block = 1;
};

class Comparison {
 public:
  Comparison(const BenchToken& token, Scheme scheme) : token_(token), scheme_(scheme) {
    SignerOptions options;
    const std::string uri = token.uri(scheme, token.module_path());
    options.runtime_id = ids_.runtime.view();
    options.key_uri = uri;
    options.pin_source = token.pin_source();
    for (const auto verify : {VerifySignatures::always, VerifySignatures::after_open_and_recovery}) {
      options.verify = verify;
      signers_.push_back(require(Signer::open(options)));
    }
    const auto ours = [this](std::size_t which, Freshness freshness) {
      return [this, which, freshness](std::span<char> out) {
        return require(signers_[which].authorization(ids_.task, 10s, out, freshness));
      };
    };
    add({kUnverified, ours(1, Freshness::fresh), token.public_key(scheme)});
    add({"holdfast, fresh, every signature verified", ours(0, Freshness::fresh), token.public_key(scheme)});
    add({"holdfast, reused within the second", ours(0, Freshness::reuse), token.public_key(scheme), 4000});
  }

  void add_peer(const std::string& name, const std::function<std::unique_ptr<HeaderPeer>(PublicKey&)>& make) {
    try {
      PublicKey key = token_.public_key(scheme_);
      std::shared_ptr<HeaderPeer> peer = make(key);
      add({name, [this, peer](std::span<char> out) { return peer->header(ids_.runtime, ids_.task, out); }, key});
    } catch (const std::exception& failed) {
      cannot_.push_back(name + ": " + failed.what());
    }
  }
  void note(const std::string& text) { cannot_.push_back(text); }

  void print_all(std::size_t rounds) const {
    std::vector<Case> cases;
    for (const Maker& maker : makers_) {
      cases.push_back({maker.name,
                       [&maker](std::size_t n) {
                         return time_once(n, [&maker](std::size_t times) {
                           Buffer out;  // NOLINT: written before it is read
                           for (std::size_t i = 0; i < times; ++i) maker.header(out);
                         });
                       },
                       maker.block});
    }
    const Rounds measured(std::move(cases), rounds);
    const std::string name = scheme_ == Scheme::ed25519 ? "Ed25519" : "ES256";
    begin_table(name + " on SoftHSM, a complete header: holdfast and others, " + std::to_string(rounds) + " rounds");
    for (const Maker& maker : makers_) {
      Estimate time = measured.time(maker.name);
      for (double* part : {&time.median, &time.low, &time.high}) *part /= 1000;
      print(maker.name, time, "µs (this machine, this minute)");
    }
    for (const Maker& maker : makers_) {
      if (maker.name != kUnverified)
        print(maker.name + " / the first line", measured.ratio(maker.name, kUnverified), "×");
    }
    for (const Maker& maker : makers_) print_count(maker.name + ": heap calls, the module's too", heap_of(maker), "");
    for (const std::string& line : cannot_) std::printf("\n%s.\n", line.c_str());
  }

 private:
  // Only who makes headers that verify is compared.
  void add(Maker maker) {
    Buffer out{};
    const std::size_t size = maker.header(out);
    const auto assertion = require(parse_authorization({out.data(), size}));
    require(verify_assertion(assertion, maker.key, {.now = {time(nullptr)}, .seconds = 5}));
    makers_.push_back(std::move(maker));
  }

  static double heap_of(const Maker& maker) {
    constexpr int kTimes = 50;
    Buffer out;  // NOLINT: written before it is read
    maker.header(out);
    const std::uint64_t before = heap_calls();
    for (int i = 0; i < kTimes; ++i) maker.header(out);
    return static_cast<double>(heap_calls() - before) / kTimes;
  }

  const BenchToken& token_;
  Scheme scheme_;
  Ids ids_;
  std::vector<Signer> signers_;
  std::vector<Maker> makers_;
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
  const std::size_t rounds = std::max<std::size_t>(std::strtoul(argv[2], nullptr, 10), 10) * 5;
  for (const Scheme scheme : {Scheme::ed25519, Scheme::es256}) {
    Comparison all(token, scheme);
    all.add_peer("GnuTLS, the same key", [&](PublicKey&) { return gnutls_privkey(token, scheme); });
    if (scheme == Scheme::ed25519) {
      all.note("OpenSSL's pkcs11 engine (libp11 0.4.12) has no Ed25519");
      all.add_peer("libsodium, a key in memory", [](PublicKey& key) { return sodium_key(key); });
    } else {
      all.note(
          "OpenSSL's pkcs11 engine finds no key on a token that also holds an Ed25519 key: it has a token to itself");
      all.add_peer("OpenSSL with the pkcs11 engine, a token without Ed25519", [&](PublicKey& key) {
        key = plain;
        return openssl_engine(token, kPlainToken, std::string(scheme_name(scheme)));
      });
    }
    all.add_peer("libcrypto, a key in memory", [&](PublicKey& key) { return libcrypto_key(scheme, key); });
    all.print_all(rounds);
  }
  return 0;
}

}  // namespace holdfast::bench
