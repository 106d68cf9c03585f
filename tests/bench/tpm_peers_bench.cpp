// SPDX-License-Identifier: Apache-2.0
// What others need for the same job: one ES256 signature over a digest by a key in a TPM, each on a throwaway swtpm
// of its own, in turns.
//   tpm_peers_bench [ROUNDS]
#include "hal/registry.hpp"
#include "src/verification/signature.hpp"
#include "tests/bench/bench.hpp"
#include "tests/bench/peers/peer.hpp"
#include "tests/bench/rounds.hpp"
#include "tests/bench/table.hpp"
#include "tests/support/swtpm.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace holdfast::bench {
namespace {

constexpr const char* kAuthValue = "a rather good auth value";

template <typename T>
T require(Result<T>&& result) {
  if (result) return std::move(result).value();
  throw std::runtime_error(test::told(result.error()));
}

constexpr const char* kPointFile = "public.point";

// Ours at the same level as the others: no header, no verification.
class Holdfast final : public Peer {
 public:
  Holdfast(const test::Swtpm& tpm, bool has_auth_value, bool is_bound)
      : device_(test::open_tpm("tpm2:file=" + tpm.folder().file("agent.pem") + (is_bound ? ";pcr=sha256:0,7" : "") +
                                   "?tcti=" + tpm.tcti(),
                               hal::DeviceAccess::provision,
                               has_auth_value ? "file:" + tpm.folder().write("auth", kAuthValue) : "")),
        key_(make_key(tpm)) {}
  void sign(const PeerDigest& digest) override {
    signature_ = require(device_->sign(key_, Scheme::es256, digest, hal::kNoDeadline));
  }
  [[nodiscard]] Signature last_signature() const override { return signature_; }

 private:
  hal::KeyHandle make_key(const test::Swtpm& tpm) {
    const hal::MadeKey made = require(
        device_->key_generator()->generate({.scheme = Scheme::es256, .label = {}, .id = {}}, hal::kNoDeadline));
    const auto point = made.description.public_key.value().bytes();
    tpm.folder().write(kPointFile, {reinterpret_cast<const char*>(point.data()), point.size()});
    return made.handle;
  }

  hal::DevicePtr device_;
  hal::KeyHandle key_;
  Signature signature_{};
};

struct Entry {
  std::string name;
  std::unique_ptr<test::Swtpm> tpm;
  std::unique_ptr<Peer> peer;
  std::size_t block;
};

// Only who signs what it is asked to is compared.
void check_signature(const Entry& entry) {
  PeerDigest digest{};
  digest.fill(std::byte{0x5A});
  entry.peer->sign(digest);
  const std::string point = test::read_file(entry.tpm->folder().file(kPointFile));
  const PublicKey key = require(PublicKey::from_bytes(Scheme::es256, std::as_bytes(std::span(point))));
  require(require(SignatureVerifier::prepare(key)).verify_digest(digest, entry.peer->last_signature()));
}

template <typename Make>
void add(std::vector<Entry>& entries, const std::string& name, std::size_t block, Make make) {
  Entry entry{name, std::make_unique<test::Swtpm>(), nullptr, block};
  entry.peer = make(*entry.tpm);
  check_signature(entry);
  entries.push_back(std::move(entry));
}

// A peer that is not there, or does not work, is told and left out; a missing row is no result. Without ours there is
// nothing to compare with: it is added by `add`.
template <typename Make>
void add_peer(std::vector<Entry>& entries, const std::string& name, std::size_t block, Make make) {
  try {
    add(entries, name, block, make);
  } catch (const std::exception& failed) {
    std::printf("\n%s: left out: %s\n", name.c_str(), failed.what());
  }
}

void compare(const char* title, std::vector<Entry> entries, std::size_t rounds) {
  std::vector<Case> cases;
  for (Entry& entry : entries) {
    Peer* peer = entry.peer.get();
    cases.push_back({entry.name,
                     [peer](std::size_t n) {
                       PeerDigest digest{};
                       return time_once(n, [&](std::size_t times) {
                         for (std::size_t i = 0; i < times; ++i) {
                           digest[0] = static_cast<std::byte>(i);
                           peer->sign(digest);
                         }
                       });
                     },
                     entry.block});
  }
  const Rounds measured(std::move(cases), rounds);
  begin_table(std::string(title) + ", one signature over a digest, " + measured.counted());
  const std::string& ours = entries.front().name;
  for (const Entry& entry : entries) {
    print(entry.name, scaled(measured.time(entry.name), 1e-3), "µs (this machine, this minute)");
  }
  for (const Entry& entry : entries) {
    if (entry.name != ours) print(entry.name + " / the first line", measured.ratio(entry.name, ours), "×");
  }
}

}  // namespace

int run(int argc, char** argv) {
  const std::size_t rounds = std::max<std::size_t>(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 60, 10);
  constexpr std::size_t kBlock = 20;
  constexpr std::size_t kFewer = 5;
  std::vector<Entry> plain;
  add(plain, "holdfast", kBlock, [](const auto& tpm) { return std::make_unique<Holdfast>(tpm, false, false); });
  add(plain, "holdfast, bound to two PCRs", kBlock,
      [](const auto& tpm) { return std::make_unique<Holdfast>(tpm, false, true); });
  add_peer(plain, "tpm2-openssl, its provider in process", kBlock, openssl_provider);
  add_peer(plain, "tpm2_sign, a process each, persistent key", kFewer,
           [](const auto& tpm) { return tpm2_sign_process(tpm, ""); });
  compare("ES256 on swtpm, empty auth", std::move(plain), rounds);
  std::puts("\ntpm2-pkcs11 has no keys without an auth value.");

  std::vector<Entry> guarded;
  add(guarded, "holdfast, a salted session each", kBlock,
      [](const auto& tpm) { return std::make_unique<Holdfast>(tpm, true, false); });
  add(guarded, "holdfast, the same, bound to two PCRs", kBlock,
      [](const auto& tpm) { return std::make_unique<Holdfast>(tpm, true, true); });
  add_peer(guarded, "tpm2-pkcs11, C_SignInit and C_Sign, logged in", kFewer, pkcs11_token);
  add_peer(guarded, "tpm2_sign, a process each, password in clear on the bus", kFewer,
           [](const auto& tpm) { return tpm2_sign_process(tpm, kAuthValue); });
  compare("ES256 on swtpm, auth value", std::move(guarded), rounds);
  return 0;
}

}  // namespace holdfast::bench
