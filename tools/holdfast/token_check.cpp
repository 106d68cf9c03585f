// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/token_check.hpp"

#include "holdfast/verifier.hpp"

#include "src/signer/key_policy.hpp"
#include "src/verification/sha256.hpp"
#include "tools/holdfast/key_report.hpp"
#include "tools/holdfast/key_uri.hpp"

#include <algorithm>
#include <array>
#include <thread>
#include <vector>

namespace holdfast::tool {
namespace {

constexpr const char* kChecking = "checking the token";
constexpr std::size_t kMostKeys = 256;
// As many as a host asks for that says nothing of it (`hal::DeviceOptions`).
constexpr std::uint16_t kSessionsOfHost = hal::DeviceOptions{}.sessions;

// The rows of the sheet.
constexpr std::string_view kOpening = "opened";
constexpr std::string_view kExport = "export attempt";
constexpr std::string_view kMaking = "made on the token";
constexpr std::string_view kProfile = "profile strict";
constexpr std::string_view kSigning = "signatures verified";
constexpr std::string_view kWrongUse = "wrong use refused";
constexpr std::string_view kTakenName = "taken name refused";
constexpr std::string_view kAttesting = "attestation";
constexpr std::string_view kFoundAgain = "found again after close";
constexpr std::string_view kAtOnce = "signatures at once";
constexpr std::string_view kRebuilding = "signs after a reset";
constexpr std::string_view kRemoving = "deleted";

Error not_refused(std::string_view what) {
  return failure(Status::device_fault, Layer::core, kChecking)
      .about(what)
      .with_hint("this token needs more care than Holdfast takes: report it, with what --report shows");
}

std::string counted(std::size_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace

Result<void> TokenCheck::run(Scheme scheme) {
  scheme_ = scheme;
  sheet_.begin(scheme);
  made_.reset();
  // What a person or the system interrupts is taken back first: the key must not outlive the check.
  const SignalHold hold;
  const Result<ThrowawayPlace> place = ThrowawayPlace::choose(token_.uri);
  if (!place) {
    sheet_.failed(kMaking, place.error());
    return {};
  }
  make(*place, hold);
  if (made_ && is_calm(hold)) use_as_host(hold);
  if (made_) remove();
  if (is_calm(hold)) return {};
  return *interruption_;
}

Result<hal::DevicePtr> TokenCheck::open(std::string_view uri, hal::DeviceAccess access, std::uint16_t sessions) {
  DeviceRequest request{uri, token_.module_path, {}};
  request.relayed_pin = HOLDFAST_TRY(token_.pin.next("PIN of the token")).source;
  request.relayed_owner_pin = HOLDFAST_TRY(token_.owner_pin.next("auth value of the owner hierarchy")).source;
  request.sessions = sessions;
  return open_device(request, access);
}

bool TokenCheck::is_calm(const SignalHold& hold) {
  if (interruption_) return false;
  const Result<void> calm = hold.check(kChecking);
  if (!calm) interruption_ = calm.error();
  return calm.has_value();
}

Result<void> TokenCheck::sign_and_verify(hal::KeyDevice& device, hal::KeyHandle key, std::string_view message) {
  const auto bytes = std::as_bytes(std::span(message));
  const Sha256Digest digest = sha256(bytes);
  const auto input = scheme_ == Scheme::ed25519 ? bytes : std::span<const std::byte>(digest);
  const auto signature = HOLDFAST_TRY(device.sign(key, scheme_, input, patience()));
  return verify_signature(*made_->description.public_key, bytes, signature);
}

// ---- by the device that makes the key --------------------------------------------------------------------------

void TokenCheck::make(const ThrowawayPlace& place, const SignalHold& hold) {
  terminal_.progress("making a throwaway key: " + std::string(scheme_name(scheme_)));
  const Result<hal::DevicePtr> device = open(place.uri(), hal::DeviceAccess::provision, 1);
  is_shut_ = !device;
  if (!device) return sheet_.failed(kOpening, device.error());
  sheet_.passed(kOpening, "to make and delete keys");
  look_for_remnants(**device);
  try_export(**device);
  if (!is_calm(hold) || !generate(**device, place)) return;
  if (is_calm(hold)) judge(*made_);
  if (is_calm(hold)) sign_many(**device);
  if (is_calm(hold)) use_wrongly(**device, place);
  if (is_calm(hold)) attest(**device);
  // No other device has to be opened for it, and no PIN sent.
  if (!is_calm(hold) && remove_by(**device, made_->handle)) made_.reset();
}

// A check that was killed outright could not take its key back.
void TokenCheck::look_for_remnants(hal::KeyDevice& device) {
  hal::KeyInventory* inventory = device.key_inventory();
  if (has_looked_for_remnants_ || inventory == nullptr || is_tpm_uri(token_.uri)) return;
  has_looked_for_remnants_ = true;
  std::vector<hal::KeyDescription> keys(kMostKeys);
  const auto count = inventory->list(keys);
  if (!count) {
    return sheet_.note("the keys on the token cannot be listed: " + std::string(status_text(count.status())));
  }
  keys.resize(std::min(*count, kMostKeys));
  for (const hal::KeyDescription& key : keys) {
    if (!key.label.view().starts_with(kThrowawayPrefix)) continue;
    sheet_.note("an earlier check was killed and left its key " + std::string(key.label.view()),
                "remove it: holdfast key delete " + shell_quoted(key.uri.view()));
  }
}

void TokenCheck::try_export(hal::KeyDevice& device) {
  hal::ExportProbe* probe = device.export_probe();
  if (probe == nullptr) return sheet_.skipped(kExport, "not offered");
  const Result<hal::ExportReport> report = probe->try_export(scheme_, patience());
  if (!report) return sheet_.failed(kExport, report.error());
  sheet_.state(*report);
  const Result<void> kept = check_attempts(*report);
  if (!kept) return sheet_.failed(kExport, kept.error());
  const auto attempts = std::span(report->attempts).first(report->count);
  const auto refused = static_cast<std::size_t>(
      std::ranges::count(attempts, hal::ExportAttempt::Outcome::refused, &hal::ExportAttempt::outcome));
  const bool is_all = refused == report->count;
  sheet_.passed(kExport,
                "a disposable key was refused in " + counted(refused, "way") +
                    (is_all ? "" : ", and " + std::to_string(report->count - refused) + " more are not offered"),
                "refused");
}

bool TokenCheck::generate(hal::KeyDevice& device, const ThrowawayPlace& place) {
  hal::KeyGenerator* generator = device.key_generator();
  if (generator == nullptr) {
    sheet_.skipped(kMaking, "not offered");
    return false;
  }
  const Result<hal::MadeKey> made = generator->generate({scheme_, place.label(), {}}, patience());
  if (!made) {
    sheet_.failed(kMaking, made.error());
    return false;
  }
  made_ = *made;
  const DeviceRequest request{token_.uri, token_.module_path, {}};
  key_uri_ = uri_with_module(made->description.uri.view(), request);
  sheet_.passed(kMaking, place.label().empty() ? "in a file that this TPM alone can load" : place.label());
  sheet_.state(made->description.attributes);
  if (!made->dropped.empty()) {
    sheet_.note("the token did not take these attributes: " + attribute_names(made->dropped));
  }
  return true;
}

void TokenCheck::judge(const hal::MadeKey& made) {
  const Result<void> verdict = check_key_policy(made.description, KeyProfile::strict);
  if (!verdict) return sheet_.failed(kProfile, verdict.error());
  sheet_.passed(kProfile, "accepted", "accepted");
}

void TokenCheck::sign_many(hal::KeyDevice& device) {
  for (std::uint32_t i = 0; i < token_.signatures; ++i) {
    const auto done = sign_and_verify(device, made_->handle, "message " + std::to_string(i));
    if (!done) return sheet_.failed(kSigning, done.error());
  }
  sheet_.passed(kSigning, "all of " + std::to_string(token_.signatures), std::to_string(token_.signatures));
}

void TokenCheck::use_wrongly(hal::KeyDevice& device, const ThrowawayPlace& place) {
  const Scheme other = scheme_ == Scheme::ed25519 ? Scheme::es256 : Scheme::ed25519;
  const std::array<std::byte, kSha256Size> digest{};
  const auto wrong = [&]() -> Result<void> {
    if (device.sign(made_->handle, other, digest, patience())) return not_refused("it signed in another scheme");
    const bool is_digest = scheme_ == Scheme::es256;
    if (is_digest && device.sign(made_->handle, scheme_, std::span(digest).first(20), patience())) {
      return not_refused("it signed a digest of another size");
    }
    return sign_and_verify(device, made_->handle, "and the next call works");
  };
  const Result<void> done = wrong();
  done ? sheet_.passed(kWrongUse, "and the next call works") : sheet_.failed(kWrongUse, done.error());

  const auto again = device.key_generator()->generate({scheme_, place.label(), {}}, patience());
  if (again) {
    sheet_.failed(kTakenName, not_refused("it made a second key of the same name"));
    if (!remove_by(device, again->handle)) sheet_.note("the second key is still there");
  } else if (again.status() != Status::already_exists) {
    sheet_.failed(kTakenName, again.error());
  } else {
    sheet_.passed(kTakenName, "no second key of that name is made");
  }
}

void TokenCheck::attest(hal::KeyDevice& device) {
  hal::Attestor* attestor = device.attestor();
  if (attestor == nullptr) return sheet_.skipped(kAttesting, "not offered");
  const std::array<std::byte, 32> nonce{};
  const auto evidence = attestor->attest(made_->handle, nonce, patience());
  if (!evidence) return sheet_.failed(kAttesting, evidence.error());
  sheet_.passed(kAttesting, "given, as " + std::string(evidence->format.view()));
}

// ---- by one that is opened as a host opens it ------------------------------------------------------------------

void TokenCheck::use_as_host(const SignalHold& hold) {
  terminal_.progress("finding it again and signing");
  const Result<hal::DevicePtr> device = open(key_uri_, hal::DeviceAccess::sign, kSessionsOfHost);
  if (!device) return sheet_.failed(kFoundAgain, device.error());
  const auto found = (*device)->find_key({made_->description.public_key}, patience());
  const auto signed_once = found ? sign_and_verify(**device, *found, "message") : Result<void>(found.error());
  if (!signed_once) return sheet_.failed(kFoundAgain, signed_once.error());
  sheet_.passed(kFoundAgain, "by its URI and its public key, and it signs");
  if (is_calm(hold)) sign_at_once(**device, *found);
  if (is_calm(hold)) rebuild(**device);
}

void TokenCheck::sign_at_once(hal::KeyDevice& device, hal::KeyHandle key) {
  constexpr int kEach = 2;
  std::array<std::optional<Error>, kSessionsOfHost> failures;
  std::vector<std::thread> threads;
  threads.reserve(failures.size());
  for (std::optional<Error>& failed : failures) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach && !failed; ++i) {
        const auto done = sign_and_verify(device, key, "message " + std::to_string(i));
        if (!done) failed = done.error();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto failed = std::ranges::find_if(failures, [](const auto& one) { return one.has_value(); });
  if (failed != failures.end()) return sheet_.failed(kAtOnce, **failed);
  sheet_.passed(kAtOnce, "by " + counted(failures.size(), "thread") + ", and all verify");
}

void TokenCheck::rebuild(hal::KeyDevice& device) {
  const auto again = [&]() -> Result<void> {
    HOLDFAST_TRY(device.reset(patience()));
    const hal::KeyHandle key = HOLDFAST_TRY(device.find_key({made_->description.public_key}, patience()));
    return sign_and_verify(device, key, "message");
  };
  const Result<void> done = again();
  if (!done) return sheet_.failed(kRebuilding, done.error());
  sheet_.passed(kRebuilding, "the connection is made anew, and the key is found again");
}

// ---- taken back ------------------------------------------------------------------------------------------------

Result<void> TokenCheck::remove_by(hal::KeyDevice& device, hal::KeyHandle key) {
  hal::KeyInventory* inventory = device.key_inventory();
  if (inventory != nullptr) return inventory->destroy(key);
  return failure(Status::scheme_unsupported, Layer::core, kChecking).about("this device deletes no keys");
}

void TokenCheck::remove() {
  terminal_.progress("deleting it");
  const auto gone = [&]() -> Result<void> {
    const hal::DevicePtr device = HOLDFAST_TRY(open(key_uri_, hal::DeviceAccess::provision, 1));
    const hal::KeyHandle key = HOLDFAST_TRY(device->find_key({made_->description.public_key}, patience()));
    HOLDFAST_TRY(remove_by(*device, key));
    const std::size_t left = HOLDFAST_TRY(device->key_inventory()->list({}));
    if (left == 0) return {};
    return failure(Status::device_fault, Layer::core, kChecking)
        .about("it says that the key is deleted, and lists it");
  };
  const Result<void> done = gone();
  if (done) return sheet_.passed(kRemoving, "the throwaway key is gone");
  sheet_.failed(kRemoving, done.error());
  sheet_.note("the throwaway key may be there still", "remove it: holdfast key delete " + shell_quoted(key_uri_));
  terminal_.remember_done("a throwaway key was made and could not be deleted: " + key_uri_);
}

}  // namespace holdfast::tool
