// SPDX-License-Identifier: Apache-2.0
// What comes before the first header, on SoftHSM: opening a signer cold; a key made or brought in, by ours and by the
// token's own calls.
//   start_bench MODULE ROUNDS
#include "holdfast/signer.hpp"

#include "hal/registry.hpp"
#include "tests/bench/bench.hpp"
#include "tests/bench/bench_token.hpp"
#include "tests/bench/fresh_key.hpp"
#include "tests/bench/raw_key_making.hpp"
#include "tests/bench/required.hpp"
#include "tests/bench/rounds.hpp"
#include "tests/bench/table.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <stdexcept>

namespace holdfast::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::array kId{std::byte{9}};
constexpr double kMicrosecond = 1000;
constexpr const char* kUnit = "µs (this machine, this minute)";

const char* name_of(Scheme scheme) { return scheme == Scheme::ed25519 ? "Ed25519" : "ES256"; }

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

/// Keys that are made or brought in and removed again, on a device that stays open.
class Provisioning {
 public:
  Provisioning(const BenchToken& token, Scheme scheme)
      : scheme_(scheme), uri_(token.uri(scheme, token.module_path())), device_(open(token)), brought_(scheme) {
    const hal::MadeKey made = require(device_->key_generator()->generate(spec(), hal::kNoDeadline));
    require(device_->key_inventory()->destroy(made.handle));
    raw_.emplace(token.module_path(), spec(), made.dropped);
  }

  double generate(std::size_t /*once*/) {
    return keep([&] { return require(device_->key_generator()->generate(spec(), hal::kNoDeadline)); });
  }
  double import_key(std::size_t /*once*/) {
    const auto value = brought_.value();
    hal::SecretBytes secret = require(hal::SecretBytes::allocate(value.size()));
    std::ranges::copy(value, secret.storage(hal::SecretAccess{}).begin());
    secret.set_size(value.size());
    const PublicKey half = brought_.public_key();
    return keep([&] { return require(device_->key_importer()->import_key(spec(), secret, half, hal::kNoDeadline)); });
  }
  double raw_generate(std::size_t /*once*/) { return raw_->generate(); }
  double raw_create(std::size_t /*once*/) { return raw_->create(brought_.value(), brought_.public_key()); }
  /// How the last key came in.
  [[nodiscard]] const std::string& way() const { return way_; }

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
    if (!made->way.empty()) way_ = made->way;
    require(device_->key_inventory()->destroy(made->handle));
    return time;
  }

  Scheme scheme_;
  std::string uri_;
  hal::DevicePtr device_;
  FreshKey brought_;
  std::optional<RawKeyMaking> raw_;
  std::string way_;
};

void measure_provisioning(const BenchToken& token, Scheme scheme, std::size_t rounds) {
  Provisioning desk(token, scheme);
  const Rounds measured({{"make", std::bind_front(&Provisioning::generate, &desk)},
                         {"raw make", std::bind_front(&Provisioning::raw_generate, &desk)},
                         {"bring", std::bind_front(&Provisioning::import_key, &desk)},
                         {"raw bring", std::bind_front(&Provisioning::raw_create, &desk)}},
                        rounds);
  begin_table(std::string(name_of(scheme)) + " on SoftHSM, a key made or brought in, " + measured.counted());
  const auto line = [&](const char* what, const char* which) {
    print(what, scaled(measured.time(which), 1 / kMicrosecond), kUnit);
  };
  line("raw C_GenerateKeyPair", "raw make");
  line("a key made in the token, its attributes read back", "make");
  print("a key made / raw C_GenerateKeyPair", measured.ratio("make", "raw make"), "×");
  line("raw C_CreateObject, private half and public half", "raw bring");
  line("a key brought into the token, its attributes read back", "bring");
  print("a key brought in / raw C_CreateObject of both halves", measured.ratio("bring", "raw bring"), "×");
  std::printf("\nOurs was %s.\n", desk.way().c_str());
}

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
  begin_table("Before the first header, on SoftHSM, " + std::to_string(rounds) + " rounds");
  for (std::size_t i = 0; i < schemes.size(); ++i) {
    const std::string name = std::string(name_of(schemes[i])) + ": ";
    print(name + "open: module initialised, token and key found, logged in", estimate(starts[i].open), kUnit);
    print(name + "the first header", estimate(starts[i].first), kUnit);
    print(name + "the next one, fresh", estimate(starts[i].second), kUnit);
  }
  for (const Scheme scheme : schemes) measure_provisioning(token, scheme, std::max<std::size_t>(rounds / 4, 10));
  return 0;
}

}  // namespace holdfast::bench
