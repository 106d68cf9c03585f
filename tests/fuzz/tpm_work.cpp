// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/tpm_work.hpp"

#include "hal/fake/clock.hpp"
#include "hal/fake/key_material.hpp"
#include "hal/tpm2/backend.hpp"
#include "hal/tpm2/public_area.hpp"
#include "tests/fuzz/refusal.hpp"
#include "tests/support/temporary_folder.hpp"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace holdfast::fuzz {
namespace {

using hal::DeviceAccess;
using hal::KeyHandle;

constexpr const char* kAuthVariable = "HOLDFAST_FUZZ_AUTH";
constexpr std::array<std::byte, kSha256Size> kDigest{std::byte{1}, std::byte{2}, std::byte{3}};

void judge(const hal::KeyDescription& key) {
  promise(hal::is_printable(key.label.view()) && hal::is_printable(key.uri.view()), "a key is described in words");
}

void judge(const hal::TokenDescription& token) {
  promise(hal::is_printable(token.label.view()) && hal::is_printable(token.manufacturer.view()) &&
              hal::is_printable(token.model.view()) && hal::is_printable(token.serial.view()) &&
              hal::is_printable(token.library.view()) && hal::is_printable(token.uri.view()),
          "a TPM is described in words");
}

// One piece of work, in a folder of its own, from open to close.
class Bench {
 public:
  explicit Bench(TpmWork work) : work_(work) {
    clock_.jump_when_blocked(1);
    setenv(kAuthVariable, kTpmAuthValue, 1);
  }

  bool run() {
    open(uri(), work_ == TpmWork::browse ? DeviceAccess::browse : DeviceAccess::provision);
    if (device_ != nullptr) work();
    device_.reset();
    return is_fine_;
  }

 private:
  // Goes on after a failure: what comes next is to be as safe as if there had been none.
  template <typename T>
  bool good(const Result<T>& result) {
    const bool is_good = is_taken(result);
    is_fine_ = is_fine_ && is_good;
    return is_good;
  }

  [[nodiscard]] std::string uri() const {
    switch (work_) {
      case TpmWork::browse:
        return "tpm2:";
      case TpmWork::a_file_key:
      case TpmWork::an_import:
        return "tpm2:file=" + folder_.file("key.pem");
      case TpmWork::a_bound_key:
        return "tpm2:file=" + folder_.file("key.pem") + ";pcr=sha256:0,7";
      default:
        return "tpm2:handle=0x81000010";
    }
  }

  void open(const std::string& uri, DeviceAccess access) {
    device_.reset();
    const hal::PinSource source = hal::PinSource::parse(std::string("env:") + kAuthVariable).value();
    hal::DeviceOptions options;
    options.uri = uri;
    options.access = access;
    if (work_ == TpmWork::a_secret_key) options.pin = source;
    if (work_ == TpmWork::an_owned_tpm) options.owner_pin = source;
    options.clock = &clock_;
    options.failure_records = folder_.path();
    auto opened = hal::tpm2::open_device(options);
    if (good(opened)) device_ = std::move(opened).value();
  }

  void work() {
    switch (work_) {
      case TpmWork::browse:
        return browse();
      case TpmWork::an_import:
        return import_and_export();
      case TpmWork::an_endorsement:
        return endorse();
      default:
        return make_and_use();
    }
  }

  void browse() {
    const auto token = device_->describe_token();
    if (good(token)) judge(*token);
    std::vector<hal::KeyDescription> keys(4);
    const auto count = device_->key_inventory()->list(keys);
    if (good(count)) {
      for (const hal::KeyDescription& key : std::span(keys).first(std::min(*count, keys.size()))) judge(key);
    }
    std::vector<hal::EndorsementCertificate> certificates(2);
    const auto there = device_->endorsement()->certificates(certificates, deadline());
    if (!good(there)) return;
    for (const auto& certificate : std::span(certificates).first(std::min(*there, certificates.size()))) {
      promise(certificate.size <= certificate.der.size(), "a certificate fits");
    }
  }

  void make_and_use() {
    const auto made =
        device_->key_generator()->generate({.scheme = Scheme::es256, .label = {}, .id = {}}, deadline());
    if (good(made)) {
      judge(made->description);
      sign(made->handle);
    }
    const auto found = device_->find_key({}, deadline());
    if (good(found)) {
      const auto key = device_->describe(*found);
      if (good(key)) judge(*key);
      sign(*found);
      if (work_ != TpmWork::a_bound_key && work_ != TpmWork::an_owned_tpm) attest(*found);
    }
    if (work_ == TpmWork::a_key) return find_the_only_one();
    if (work_ == TpmWork::a_file_key) {
      (void)good(device_->reset(deadline()));
      // Every handle of before is stale.
      const auto again = device_->find_key({}, deadline());
      if (!good(again)) return;
      sign(*again);
      (void)good(device_->key_inventory()->destroy(*again));
      return;
    }
    if (made) (void)good(device_->key_inventory()->destroy(made->handle));
  }

  void find_the_only_one() {
    open("tpm2:", DeviceAccess::provision);
    if (device_ == nullptr) return;
    const auto found = device_->find_key({}, deadline());
    if (!good(found)) return;
    sign(*found);
    (void)good(device_->key_inventory()->destroy(*found));
  }

  void sign(KeyHandle key) { (void)good(device_->sign(key, Scheme::es256, kDigest, deadline())); }

  void attest(KeyHandle key) {
    const auto attestation = device_->attestor()->attest(key, kDigest, deadline());
    if (!good(attestation)) return;
    promise(attestation->statement_size <= attestation->statement.size() &&
                attestation->signature_size <= attestation->signature.size() &&
                attestation->attestation_key_size <= attestation->attestation_key.size() &&
                attestation->key_size <= attestation->key.size(),
            "an attestation fits");
  }

  void import_and_export() {
    hal::fake::Secret secret{std::byte{7}, std::byte{7}};
    auto bytes = hal::SecretBytes::allocate(secret.size());
    if (!bytes) std::abort();
    std::ranges::copy(secret, bytes->storage({}).begin());
    bytes->set_size(secret.size());
    const PublicKey key = hal::fake::derive_public(Scheme::es256, secret).value();
    const auto made = device_->key_importer()->import_key({.scheme = Scheme::es256, .label = {}, .id = {}}, *bytes,
                                                          key, deadline());
    if (good(made)) {
      judge(made->description);
      sign(made->handle);
    }
    (void)good(device_->export_probe()->try_export(Scheme::es256, deadline()));
  }

  void endorse() {
    const std::array<std::byte, 66> credential{std::byte{0}, std::byte{32}};
    const std::array<std::byte, 256> seed{std::byte{1}};
    const auto secret = device_->endorsement()->answer(credential, seed, deadline());
    // Made for nobody: an honest TPM refuses it.
    if (is_taken(secret)) promise(secret->size() <= 64, "a secret has a bounded size");
  }

  hal::BootTime deadline() { return clock_.boot().after(std::chrono::seconds(30)); }

  const TpmWork work_;
  test::TemporaryFolder folder_;
  hal::fake::FakeClock clock_;
  hal::DevicePtr device_{nullptr, [](hal::KeyDevice*) noexcept {}};
  bool is_fine_ = true;
};

}  // namespace

bool do_tpm_work(TpmWork work) { return Bench(work).run(); }

}  // namespace holdfast::fuzz
