// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/key_import.hpp"

#include "src/assertion/base64.hpp"
#include "src/identity/software_crypto.hpp"
#include "src/signer/key_policy.hpp"
#include "src/signer/signer_core.hpp"
#include "src/signer/twin_opener.hpp"
#include "src/verification/sealed_box.hpp"
#include "tools/holdfast/key_access.hpp"

#include <array>
#include <utility>

namespace holdfast::tool {
namespace {

constexpr std::chrono::seconds kProofTimeout{60};
// Of nobody: what is signed and sealed for the proof is of no use to anybody else.
constexpr std::string_view kProofName = "holdfast-import-proof";

Error no_importer() {
  return failure(Status::scheme_unsupported, Layer::core, "importing a key")
      .about("this kind of device takes no keys from outside")
      .with_hint("make a key on it with: holdfast key generate");
}

}  // namespace

KeyImport::KeyImport(KeyImport&& other) noexcept
    : device_(std::exchange(other.device_, nullptr)),
      key_(std::move(other.key_)),
      twin_(std::move(other.twin_)),
      twin_refusal_(std::move(other.twin_refusal_)) {}

KeyImport::~KeyImport() { (void)take_back(); }

bool KeyImport::take_back() noexcept {
  if (device_ == nullptr) return true;
  hal::KeyInventory* inventory = std::exchange(device_, nullptr)->key_inventory();
  bool is_clean = inventory != nullptr || (!key_ && !twin_);
  for (const auto* made : {&twin_, &key_}) {
    if (*made && inventory != nullptr) is_clean = inventory->destroy((*made)->handle).has_value() && is_clean;
  }
  return is_clean;
}

Result<KeyImport> KeyImport::run(hal::KeyDevice& device, const hal::KeySpec& spec, const SoftwareKey& key,
                                 TwinWish wish, std::span<const std::byte> twin_id) {
  KeyImport import(device);
  const Result<void> done = import.bring_in(spec, key, wish, twin_id);
  if (done) return import;
  Error error = done.error();
  if (!import.take_back()) {
    error.hint = "an unproven key is still on the token: remove it with holdfast key delete, then import again";
  }
  return error;
}

Result<void> KeyImport::bring_in(const hal::KeySpec& spec, const SoftwareKey& key, TwinWish wish,
                                 std::span<const std::byte> twin_id) {
  hal::KeyImporter* importer = device_->key_importer();
  if (importer == nullptr) return no_importer();
  key_ = HOLDFAST_TRY(importer->import_key(spec, key.private_key, key.public_key, patience()));
  HOLDFAST_TRY(check_key_policy(key_->description, KeyProfile::imported));
  if (wish != TwinWish::none) HOLDFAST_TRY(bring_twin(spec, key, wish, twin_id));
  return prove(key.public_key);
}

Result<void> KeyImport::bring_twin(const hal::KeySpec& spec, const SoftwareKey& key, TwinWish wish,
                                   std::span<const std::byte> twin_id) {
  const auto go_without = [&](const Error& error) -> Result<void> {
    if (wish == TwinWish::required) return error;
    twin_refusal_ = error.detail.empty() ? std::string(status_text(error.status)) : std::string(error.detail.view());
    return {};
  };
  const auto public_half = x25519_public_key(key.public_key);
  if (!public_half) return go_without(public_half.error());
  hal::KeyImporter* importer = device_->key_importer();
  if (device_->key_agreement() == nullptr) return go_without(no_importer().about("the device derives no secrets"));
  const std::string label = std::string(spec.label) + "-twin";
  Result<hal::MadeKey> made = [&]() -> Result<hal::MadeKey> {
    const hal::SecretBytes secret = HOLDFAST_TRY(x25519_secret(key.private_key));
    return importer->import_twin({spec.scheme, label, twin_id}, secret, *public_half, patience());
  }();
  if (!made) return made.status() == Status::scheme_unsupported ? go_without(made.error()) : made.error();
  twin_ = std::move(made).value();
  return check_twin_policy(twin_->description);
}

Result<void> KeyImport::prove(const PublicKey& public_key) {
  hal::Clock& clock = hal::system_clock();
  const SignerCore::Settings settings{.runtime_id = HOLDFAST_TRY(RuntimeId::parse(kProofName)),
                                      .expected_key = public_key,
                                      .scheme = public_key.scheme(),
                                      .profile = KeyProfile::imported,
                                      .max_tasks = 1};
  SignerCore::Parts parts = HOLDFAST_TRY(SignerCore::prepare(*device_, clock, settings));
  SignerCore signer(*device_, clock, std::move(parts));
  HOLDFAST_TRY(signer.sign_task_registration(kProofTimeout));  // verified with the old public key
  return twin_ ? prove_twin(*device_, twin_->description.uri.view(), public_key) : Result<void>();
}

Result<void> prove_twin(hal::KeyDevice& device, std::string_view twin_uri, const PublicKey& public_key) {
  std::array<std::byte, kProofName.size() + kSealedBoxOverhead> box{};
  const X25519PublicKey recipient = HOLDFAST_TRY(x25519_public_key(public_key));
  const std::size_t size = HOLDFAST_TRY(seal_box(std::as_bytes(std::span(kProofName)), recipient, box));
  std::array<char, base64_size(Base64::standard, box.size())> text{};
  const std::size_t text_size = encode_base64(Base64::standard, std::span(box).first(size), text);
  CallCount calls;
  TwinOpener opener = HOLDFAST_TRY(TwinOpener::create(device, hal::system_clock(), calls, twin_uri, public_key));
  const auto opened = opener.open_sealed_task({text.data(), text_size}, kProofTimeout);
  if (!opened && opened.status() != Status::authority_answer_invalid) return opened.error();
  if (opened && opened->view() == kProofName) return {};
  return failure(Status::key_changed, Layer::core, "proving the derivation twin")
      .about("it does not open what is sealed to the key")
      .with_hint("it is another key's twin, or the token derives wrongly; name the twin that belongs to this key");
}

}  // namespace holdfast::tool
