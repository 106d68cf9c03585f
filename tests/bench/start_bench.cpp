// SPDX-License-Identifier: Apache-2.0
// What comes before the first header, on SoftHSM: opening a signer cold, a key made, a key brought in.
//   start_bench MODULE ROUNDS
#include "holdfast/signer.hpp"

#include "hal/registry.hpp"
#include "tests/bench/bench.hpp"
#include "tests/bench/bench_token.hpp"
#include "tests/bench/raw_token.hpp"
#include "tests/bench/required.hpp"
#include "tests/bench/rounds.hpp"
#include "tests/bench/table.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace holdfast::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::array kId{std::byte{9}};
constexpr double kMicrosecond = 1000;

struct Start {
  std::vector<double> open;
  std::vector<double> first;
  std::vector<double> second;
};

// The module is finalised when the signer goes, so that each open initialises it and logs in anew.
void start_once(const BenchToken& token, Scheme scheme, Start& all) {
  SignerOptions options;
  const std::string uri = token.uri(scheme, token.module_path());
  options.runtime_id = "agent-0123456789abcdef";
  options.key_uri = uri;
  options.pin_source = token.pin_source();
  const TaskId task = require(TaskId::parse("task-0123456789abcdef"));
  std::array<char, kMaxAuthorizationSize> out{};
  std::optional<Signer> signer;
  const auto header = [&](std::size_t) { (void)require(signer->authorization(task, 10s, out, Freshness::fresh)); };
  all.open.push_back(time_once(1, [&](std::size_t) { signer.emplace(require(Signer::open(options))); }) /
                     kMicrosecond);
  all.first.push_back(time_once(1, header) / kMicrosecond);
  all.second.push_back(time_once(1, header) / kMicrosecond);
}

/// A key that is made or brought in and removed again, on a device that stays open.
class Provisioning {
 public:
  Provisioning(const BenchToken& token, Scheme scheme)
      : scheme_(scheme), uri_(token.uri(scheme, token.module_path())), device_(open(token)) {}

  double generate() {
    return keep([&] { return require(device_->key_generator()->generate(spec(), hal::kNoDeadline)); });
  }
  double import_ed25519() {
    std::array<unsigned char, crypto_sign_PUBLICKEYBYTES> point{};
    std::array<unsigned char, crypto_sign_SECRETKEYBYTES> pair{};
    crypto_sign_keypair(point.data(), pair.data());
    hal::SecretBytes seed = require(hal::SecretBytes::allocate(crypto_sign_SEEDBYTES));
    std::copy_n(std::as_bytes(std::span(pair)).begin(), crypto_sign_SEEDBYTES,
                seed.storage(hal::SecretAccess{}).begin());
    seed.set_size(crypto_sign_SEEDBYTES);
    const PublicKey half = require(PublicKey::from_bytes(Scheme::ed25519, std::as_bytes(std::span(point))));
    return keep([&] { return require(device_->key_importer()->import_key(spec(), seed, half, hal::kNoDeadline)); });
  }

 private:
  hal::DevicePtr open(const BenchToken& token) {
    hal::DeviceOptions options;
    options.uri = uri_;
    options.access = hal::DeviceAccess::provision;
    options.pin = require(hal::PinSource::parse(token.pin_source()));
    return require(hal::open_device(options));
  }
  [[nodiscard]] hal::KeySpec spec() const { return {.scheme = scheme_, .label = "throwaway", .id = kId}; }

  template <typename Make>
  double keep(Make make) {
    std::optional<hal::MadeKey> made;
    const double time = time_once(1, [&](std::size_t) { made.emplace(make()); });
    require(device_->key_inventory()->destroy(made->handle));
    return time / kMicrosecond;
  }

  Scheme scheme_;
  std::string uri_;
  hal::DevicePtr device_;
};

}  // namespace

int run(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: start_bench MODULE ROUNDS\n", stderr);
    return 2;
  }
  const BenchToken token(argv[1]);
  const std::size_t rounds = std::max<std::size_t>(std::strtoul(argv[2], nullptr, 10) / 2, 10);
  const std::array schemes{Scheme::ed25519, Scheme::es256};
  std::array<Start, 2> starts;
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < schemes.size(); ++i) start_once(token, schemes[i], starts[i]);
  }
  std::array<std::vector<double>, 2> made;
  std::vector<double> imported;
  {
    std::array<Provisioning, 2> desks{Provisioning(token, schemes[0]), Provisioning(token, schemes[1])};
    for (std::size_t round = 0; round < rounds; ++round) {
      for (std::size_t i = 0; i < schemes.size(); ++i) made[i].push_back(desks[i].generate());
      imported.push_back(desks[0].import_ed25519());
    }
  }
  begin_table("Before the first header, on SoftHSM, " + std::to_string(rounds) + " rounds");
  constexpr const char* kUnit = "µs (this machine, this minute)";
  for (std::size_t i = 0; i < schemes.size(); ++i) {
    const std::string name = schemes[i] == Scheme::ed25519 ? "Ed25519: " : "ES256: ";
    print(name + "open: module initialised, token and key found, logged in", estimate(starts[i].open), kUnit);
    print(name + "the first header", estimate(starts[i].first), kUnit);
    print(name + "the next one, fresh", estimate(starts[i].second), kUnit);
    print(name + "a key made in the token, its attributes read back", estimate(made[i]), kUnit);
  }
  print("Ed25519: a key brought into the token, its attributes read back", estimate(imported), kUnit);
  return 0;
}

}  // namespace holdfast::bench
