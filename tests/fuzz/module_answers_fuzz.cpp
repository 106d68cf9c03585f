// SPDX-License-Identifier: Apache-2.0
// What a PKCS#11 module answers (hal/pkcs11): return codes, counts, lengths, handles, texts, points. Whatever comes,
// every step ends with a value that holds or an error that says what is wrong; what is described is described in
// words; sessions are given back; and a PIN that was refused is not sent again.
#include "hal/fake/clock.hpp"
#include "hal/fake/key_material.hpp"
#include "hal/pkcs11/backend.hpp"
#include "tests/fuzz/made_up_module.hpp"
#include "tests/fuzz/refusal.hpp"
#include "tests/support/temporary_folder.hpp"

#include <array>
#include <cstdlib>
#include <vector>

using namespace holdfast;
using fuzz::promise;
using hal::DeviceAccess;

namespace {

constexpr const char* kPinVariable = "HOLDFAST_FUZZ_PIN";
constexpr std::string_view kUri = "pkcs11:token=agents;object=agent-1";

void judge(const hal::KeyDescription& key) {
  promise(hal::is_printable(key.uri.view()) && hal::is_printable(key.id_hex.view()), "a key is described in words");
}
void judge(const hal::TokenDescription& token) {
  promise(hal::is_printable(token.uri.view()), "a token is described in words");
}

class Visit {
 public:
  explicit Visit(const test::TemporaryFolder& records) : records_(records) { clock_.jump_when_blocked(1); }

  void browse() {
    std::array<hal::TokenDescription, 2> tokens;
    const auto count = hal::pkcs11::list_tokens(options(DeviceAccess::browse), tokens);
    if (!fuzz::is_taken(count)) return;
    for (const auto& token : std::span(tokens).first(std::min(*count, tokens.size()))) judge(token);
  }

  void use(DeviceAccess access, bool imports) {
    auto opened = hal::pkcs11::open_device(options(access));
    if (!fuzz::is_taken(opened)) return;
    const hal::DevicePtr device = std::move(opened).value();
    const auto token = device->describe_token();
    if (fuzz::is_taken(token)) judge(*token);
    if (access == DeviceAccess::sign) {
      find_and_sign(*device);
      (void)fuzz::is_taken(device->reset(deadline()));
      find_and_sign(*device);
    } else {
      provision(*device, imports);
    }
  }

 private:
  hal::DeviceOptions options(DeviceAccess access) {
    hal::DeviceOptions options;
    options.uri = kUri;
    options.access = access;
    options.pin = hal::PinSource::parse(std::string("env:") + kPinVariable).value();
    options.module_path = HOLDFAST_FUZZ_MODULE;
    options.sessions = 1;
    options.clock = &clock_;
    options.failure_records = records_.path();
    return options;
  }

  void find_and_sign(hal::KeyDevice& device) {
    const auto key = device.find_key({}, deadline());
    if (!fuzz::is_taken(key)) return;
    const auto described = device.describe(*key);
    if (fuzz::is_taken(described)) judge(*described);
    const std::array<std::byte, 32> message{std::byte{1}};
    (void)fuzz::is_taken(device.sign(*key, Scheme::ed25519, message, deadline()));
  }

  void provision(hal::KeyDevice& device, bool imports) {
    std::vector<hal::KeyDescription> keys(3);
    const auto count = device.key_inventory()->list(keys);
    if (fuzz::is_taken(count)) {
      for (const auto& key : std::span(keys).first(std::min(*count, keys.size()))) judge(key);
    }
    if (imports) return import(device);
    const auto made =
        device.key_generator()->generate({.scheme = Scheme::ed25519, .label = "agent-2", .id = {}}, deadline());
    if (fuzz::is_taken(made)) {
      judge(made->description);
      (void)fuzz::is_taken(device.key_inventory()->destroy(made->handle));
    }
    if (device.export_probe() != nullptr) {
      (void)fuzz::is_taken(device.export_probe()->try_export(Scheme::ed25519, deadline()));
    }
    if (device.key_remnants() != nullptr) (void)fuzz::is_taken(device.key_remnants()->count_nameless());
  }

  void import(hal::KeyDevice& device) {
    const hal::fake::Secret secret{std::byte{7}};
    auto bytes = hal::SecretBytes::allocate(secret.size());
    if (!bytes || device.key_importer() == nullptr) return;
    std::ranges::copy(secret, bytes->storage({}).begin());
    bytes->set_size(secret.size());
    const PublicKey key = hal::fake::derive_public(Scheme::ed25519, secret).value();
    const auto made = device.key_importer()->import_key({.scheme = Scheme::ed25519, .label = "agent-2", .id = {}},
                                                        *bytes, key, deadline());
    if (fuzz::is_taken(made)) judge(made->description);
    const auto twin = device.key_importer()->import_twin({.scheme = Scheme::ed25519, .label = "agent-3", .id = {}},
                                                         *bytes, key.bytes().first<32>(), deadline());
    if (!fuzz::is_taken(twin) || device.key_agreement() == nullptr) return;
    const auto shared = device.key_agreement()->agree(twin->handle, key.bytes().first<32>(), deadline());
    if (fuzz::is_taken(shared)) promise(shared->size() == 32, "a shared secret has 32 bytes");
  }

  hal::BootTime deadline() { return clock_.boot().after(std::chrono::seconds(5)); }

  const test::TemporaryFolder& records_;
  hal::fake::FakeClock clock_;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  setenv(kPinVariable, "1234", 1);
  fuzz::Choices choices(data, size);
  const std::size_t what = choices.choice(4);
  fuzz::MadeUpModule module(choices);
  const test::TemporaryFolder records;
  Visit visit(records);
  if (what == 0) visit.browse();
  if (what == 1) visit.use(DeviceAccess::sign, false);
  if (what >= 2) visit.use(DeviceAccess::provision, what == 3);
  promise(module.refused_pins() <= 1, "a PIN that was refused is not sent again");
  return 0;
}
