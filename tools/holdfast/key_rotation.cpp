// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/key_rotation.hpp"

#include "holdfast/verifier.hpp"

#include "src/identity/software_crypto.hpp"
#include "src/signer/key_policy.hpp"
#include "tools/holdfast/commands.hpp"
#include "tools/holdfast/key_access.hpp"
#include "tools/holdfast/key_import.hpp"
#include "tools/holdfast/key_report.hpp"
#include "tools/holdfast/key_uri.hpp"

#include <errno.h>
#include <sys/random.h>

#include <array>
#include <charconv>

namespace holdfast::tool {
namespace {

constexpr const char* kPlanning = "choosing a name for the new key";
constexpr std::size_t kIdSize = 16;
constexpr std::string_view kFileEnd = ".pem";
constexpr std::string_view kTwinEnd = "-twin";

Result<std::string> random_hex(std::size_t size) {
  std::array<unsigned char, kIdSize> bytes{};
  if (getrandom(bytes.data(), size, 0) != static_cast<ssize_t>(size)) {
    Error error = failure(Status::resource_exhausted, Layer::system, kPlanning);
    error.native = static_cast<std::uint64_t>(errno);
    return error;
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : std::span(bytes).first(size)) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

// The journal holds lower-case hexadecimal digits only.
std::string bytes_of(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned value = 0;
    std::from_chars(hex.data() + i, hex.data() + i + 2, value, 16);
    bytes += static_cast<char>(value);
  }
  return bytes;
}

// "agent-1-r0011aabb" follows "agent-1" as well as "agent-1-rffeeddcc".
std::string next_name(std::string name, std::string_view mark, std::size_t largest, std::string_view end) {
  if (!end.empty() && name.ends_with(end)) name.resize(name.size() - end.size());
  const std::size_t dash = name.rfind("-r");
  const bool is_marked = dash != std::string::npos && dash > 0 && name.size() - dash == 10 &&
                         name.find_first_not_of("0123456789abcdef", dash + 2) == std::string::npos;
  if (is_marked) name.resize(dash);
  std::size_t room = largest - 2 - mark.size() - end.size();
  // No UTF-8 sequence is cut in two.
  while (room < name.size() && (static_cast<unsigned char>(name[room]) & 0xC0U) == 0x80U) --room;
  name.resize(std::min(name.size(), room));
  return name + "-r" + std::string(mark) + std::string(end);
}

// The same URI for another key of the same token.
std::string sibling_uri(std::string_view uri, const RotationJournal& journal) {
  constexpr std::array<std::string_view, 3> kNames{"object", "id", "file"};
  const std::string result = without_path_attributes(uri, kNames);
  if (is_tpm_uri(uri)) return with_path_attribute(result, "file", journal.new_name);
  return with_path_attribute(with_path_attribute(result, "object", journal.new_name), "id", bytes_of(journal.new_id));
}

// What a KeySpec points to.
struct NextSpec {
  Scheme scheme;
  std::string label;
  std::string id;
  [[nodiscard]] hal::KeySpec view() const { return {scheme, label, std::as_bytes(std::span(id))}; }
};

NextSpec spec_of(const RotationJournal& journal) {
  const Scheme scheme = journal.old_public_key.scheme();
  // A TPM key is called by its file, which the URI names.
  if (is_tpm_uri(journal.old_key_uri)) return {scheme, {}, {}};
  return {scheme, journal.new_name, bytes_of(journal.new_id)};
}

Result<hal::DevicePtr> open_for(std::string_view uri, const RotationAccess& access) {
  DeviceRequest request{uri, access.module_path, {}};
  request.relayed_pin = access.pin;
  request.relayed_owner_pin = access.owner_pin;
  return open_device(request, hal::DeviceAccess::provision);
}

Error not_provisioned(const char* doing) {
  return failure(Status::scheme_unsupported, Layer::core, doing).about("this device makes and removes no keys");
}

// A key made on the token is judged as strictly as it can be; what the host asked for before is the least.
Result<KeyProfile> judge(const hal::KeyDescription& key, const Identity& identity) {
  if (check_key_policy(key, KeyProfile::strict)) return KeyProfile::strict;
  HOLDFAST_TRY(check_key_policy(key, identity.profile));
  return identity.profile;
}

std::string lasting_uri(std::string_view described, const Identity& identity, const RotationAccess& access) {
  std::string uri = uri_with_module(described, {identity.key_uri, access.module_path, {}});
  const auto pin_source = query_attribute(identity.key_uri, "pin-source");
  return pin_source ? with_query_attribute(uri, "pin-source", *pin_source) : uri;
}

Result<Identity> describe_next(const hal::KeyDescription& key, std::string_view twin_uri, const Identity& identity,
                               const RotationAccess& access) {
  if (!key.public_key) {
    return failure(Status::key_not_found, Layer::core, "reading the new key's public half")
        .about("the token shows no public half of it");
  }
  HOLDFAST_TRY(check_public_key(*key.public_key));
  Identity next = identity;
  next.public_key = *key.public_key;
  next.profile = HOLDFAST_TRY(judge(key, identity));
  next.key_uri = lasting_uri(key.uri.view(), identity, access);
  next.twin_uri = twin_uri.empty() ? std::string() : lasting_uri(twin_uri, identity, access);
  next.attributes = attribute_snapshot(key.attributes);
  next.imported_from.clear();
  next.import_check.clear();
  return next;
}

std::string next_twin_uri(const RotationJournal& journal) {
  RotationJournal twin = journal;
  twin.new_name += kTwinEnd;
  twin.new_id = journal.new_twin_id;
  return sibling_uri(journal.old_key_uri, twin);
}

Result<Identity> make_with_twin(hal::KeyDevice& device, const RotationJournal& journal, const Identity& identity,
                                const RotationAccess& access) {
  const NextSpec spec = spec_of(journal);
  const std::string twin_id = bytes_of(journal.new_twin_id);
  const auto bring_in = [&]() -> Result<KeyImport> {
    SoftwareKey key{{}, HOLDFAST_TRY(new_seed())};
    key.public_key = HOLDFAST_TRY(public_half(spec.scheme, key.private_key));
    return KeyImport::run(device, spec.view(), key, TwinWish::required, std::as_bytes(std::span(twin_id)));
  };
  KeyImport import = HOLDFAST_TRY(bring_in());
  Result<Identity> next =
      describe_next(import.key().description, import.twin()->description.uri.view(), identity, access);
  if (next) import.keep();
  return next;
}

// Removes the key that `device` was opened for, and what a removal or a making of it left that was cut off: one half,
// which no listing of keys shows.
Result<void> remove_key(hal::KeyDevice& device, const hal::KeySelector& which, const hal::KeySpec& spec) {
  hal::KeyInventory* inventory = device.key_inventory();
  if (inventory == nullptr) return not_provisioned("removing a key");
  const auto key = device.find_key(which, patience());
  if (key) return inventory->destroy(*key);
  if (key.status() != Status::key_not_found) return key.error();
  hal::KeyRemnants* remnants = device.key_remnants();
  if (remnants == nullptr || spec.label.empty() || spec.id.empty()) return {};
  return remnants->remove(spec, patience());
}

// Removes whatever a making that was cut off has left of the new key. Nothing is taken over: a half-written private
// key cannot be told from a whole one before it signs.
Result<void> remove_half_made(hal::KeyDevice& device, const RotationJournal& journal) {
  hal::KeyRemnants* remnants = device.key_remnants();
  const NextSpec spec = spec_of(journal);
  if (remnants == nullptr) return remove_key(device, {}, spec.view());
  HOLDFAST_TRY(remnants->remove(spec.view(), patience()));
  if (!journal.new_twin_id.empty()) {
    const NextSpec twin{spec.scheme, spec.label + std::string(kTwinEnd), bytes_of(journal.new_twin_id)};
    HOLDFAST_TRY(remnants->remove(twin.view(), patience()));
  }
  return journal.nameless_before == 0 ? remnants->remove_nameless(patience()) : Result<void>();
}

Result<void> remove_twin(hal::KeyDevice& device, std::string_view twin_uri) {
  hal::KeyInventory* inventory = device.key_inventory();
  hal::KeyAgreement* agreement = device.key_agreement();
  if (inventory == nullptr || agreement == nullptr) return not_provisioned("removing a derivation twin");
  const auto twin = agreement->find_twin(twin_uri, patience());
  if (twin) return inventory->destroy(*twin);
  return twin.status() == Status::key_not_found ? Result<void>() : twin.error();
}

}  // namespace

Result<RotationJournal> plan_rotation(const Identity& identity, std::int64_t keep_for) {
  constexpr std::size_t kMaxLabel = 128 - 5;  // the twin's has "-twin" behind it
  RotationJournal journal{.old_runtime_id = identity.runtime_id};
  journal.old_public_key = identity.public_key;
  journal.old_key_uri = identity.key_uri;
  journal.old_twin_uri = identity.twin_uri;
  journal.keep_for = keep_for;
  const std::string mark = HOLDFAST_TRY(random_hex(4));
  if (is_tpm_uri(identity.key_uri)) {
    const auto file = HOLDFAST_TRY(path_attribute(identity.key_uri, "file"));
    const auto snapshot = identity.attributes.find(std::string(hal::attribute_name(hal::KeyAttribute::pcr_bound)));
    const bool is_bound = snapshot != identity.attributes.end() && snapshot->second;
    if (!file || is_bound) {
      return failure(Status::scheme_unsupported, Layer::core, kPlanning)
          .about(is_bound ? "the key is bound to PCRs"
                          : "the key is persistent in the TPM, under a handle of its own")
          .with_hint("make the next key by hand: holdfast key generate, then holdfast agent register");
    }
    journal.new_name = next_name(*file, mark, hal::kMaxKeyUriSize / 4, kFileEnd);
    return journal;
  }
  const auto label = HOLDFAST_TRY(path_attribute(identity.key_uri, "object"));
  journal.new_name = next_name(label && !label->empty() ? *label : "agent", mark, kMaxLabel, "");
  journal.new_id = HOLDFAST_TRY(random_hex(kIdSize));
  if (!identity.twin_uri.empty()) journal.new_twin_id = HOLDFAST_TRY(random_hex(kIdSize));
  return journal;
}

bool is_switched(const RotationJournal& journal, const Identity& identity) {
  return journal.new_public_key && *journal.new_public_key == identity.public_key;
}

Result<void> check_journal_fits(const RotationJournal& journal, const Identity& identity,
                                const std::string& journal_path) {
  const auto refusal = [&](std::string_view why) {
    return failure(Status::file_invalid, Layer::identity, "comparing the journal of a key rotation with the identity")
        .about(journal_path + " " + std::string(why))
        .with_hint(
            "nothing was changed; if the identity file was replaced by hand, move the journal away, and remove the "
            "keys "
            "it names yourself if they are not in use");
  };
  const bool needs_id = !is_tpm_uri(journal.old_key_uri);
  if (needs_id == journal.new_id.empty()) return refusal("does not say which key it is about");
  if (is_switched(journal, identity)) return {};
  if (journal.stage == RotationStage::switched || journal.old_public_key != identity.public_key) {
    return refusal("is about another identity");
  }
  // The key in use is never the one that is discarded.
  const auto name = HOLDFAST_TRY(path_attribute(identity.key_uri, needs_id ? "object" : "file"));
  const auto id = HOLDFAST_TRY(path_attribute(identity.key_uri, "id"));
  if (name == journal.new_name || (needs_id && id == bytes_of(journal.new_id)) ||
      journal.old_key_uri != identity.key_uri) {
    return refusal("names the key that is in use");
  }
  return {};
}

Result<std::int64_t> count_nameless_keys(const Identity& identity, const RotationAccess& access) {
  if (is_tpm_uri(identity.key_uri)) return 0;
  const hal::DevicePtr device = HOLDFAST_TRY(open_for(identity.key_uri, access));
  hal::KeyRemnants* remnants = device->key_remnants();
  return remnants == nullptr ? 0 : static_cast<std::int64_t>(HOLDFAST_TRY(remnants->count_nameless()));
}

Result<Identity> make_next_key(const RotationJournal& journal, const Identity& identity, const RotationAccess& access,
                               bool is_resumed) {
  const std::string uri = sibling_uri(journal.old_key_uri, journal);
  const hal::DevicePtr device = HOLDFAST_TRY(open_for(uri, access));
  const NextSpec spec = spec_of(journal);
  if (is_resumed) HOLDFAST_TRY(remove_half_made(*device, journal));
  if (!journal.new_twin_id.empty()) return make_with_twin(*device, journal, identity, access);
  hal::KeyGenerator* generator = device->key_generator();
  if (generator == nullptr) return not_provisioned("making the new key");
  const hal::MadeKey made = HOLDFAST_TRY(generator->generate(spec.view(), patience()));
  return describe_next(made.description, "", identity, access);
}

Result<Identity> find_next_key(const RotationJournal& journal, const Identity& identity,
                               const RotationAccess& access) {
  const std::string uri = sibling_uri(journal.old_key_uri, journal);
  const hal::DevicePtr device = HOLDFAST_TRY(open_for(uri, access));
  const hal::KeyHandle key = HOLDFAST_TRY(device->find_key({journal.new_public_key}, patience()));
  const hal::KeyDescription description = HOLDFAST_TRY(device->describe(key));
  if (journal.new_twin_id.empty()) return describe_next(description, "", identity, access);
  hal::KeyAgreement* agreement = device->key_agreement();
  if (agreement == nullptr) return not_provisioned("finding the new key's twin");
  const hal::KeyHandle twin = HOLDFAST_TRY(agreement->find_twin(next_twin_uri(journal), patience()));
  const hal::KeyDescription described = HOLDFAST_TRY(device->describe(twin));
  return describe_next(description, described.uri.view(), identity, access);
}

Result<void> discard_next_key(const RotationJournal& journal, const RotationAccess& access) {
  const std::string uri = sibling_uri(journal.old_key_uri, journal);
  const hal::DevicePtr device = HOLDFAST_TRY(open_for(uri, access));
  const NextSpec spec = spec_of(journal);
  if (journal.stage == RotationStage::making) return remove_half_made(*device, journal);
  HOLDFAST_TRY(remove_key(*device, {journal.new_public_key}, spec.view()));
  return journal.new_twin_id.empty() ? Result<void>() : remove_twin(*device, next_twin_uri(journal));
}

Result<void> remove_old_key(const RotationJournal& journal, const RotationAccess& access) {
  const hal::DevicePtr device = HOLDFAST_TRY(open_for(journal.old_key_uri, access));
  NextSpec spec{journal.old_public_key.scheme(), {}, {}};
  if (!is_tpm_uri(journal.old_key_uri)) {
    spec.label = HOLDFAST_TRY(path_attribute(journal.old_key_uri, "object")).value_or("");
    spec.id = HOLDFAST_TRY(path_attribute(journal.old_key_uri, "id")).value_or("");
  }
  HOLDFAST_TRY(remove_key(*device, {journal.old_public_key}, spec.view()));
  return journal.old_twin_uri.empty() ? Result<void>() : remove_twin(*device, journal.old_twin_uri);
}

Result<std::int64_t> parse_duration(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const std::int64_t seconds = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : unit == "d" ? 86400 : 0;
  if (code != std::errc() || seconds == 0 || number < 0 || number > kMaxOverlap / seconds) {
    return wrong_value("--keep-for takes a duration",
                       "write a number and s, m, h or d, at most 365d: 90s, 30m, 24h, 7d");
  }
  return number * seconds;
}

}  // namespace holdfast::tool
