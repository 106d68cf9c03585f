// SPDX-License-Identifier: Apache-2.0
#include "src/identity/identity_document.hpp"

#include "hal/display.hpp"
#include "hal/key_device.hpp"
#include "hal/percent_encoding.hpp"
#include "src/registrar/authority_url.hpp"

#include <algorithm>

namespace holdfast {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::size_t kMaxTextSize = 1024;

Error refusal(std::string_view member, std::string_view why) {
  return failure(Status::file_invalid, Layer::identity, "reading an identity file")
      .about(std::string(member) + " " + std::string(why));
}

enum class Presence : std::uint8_t { required, optional };

// One object of the document and the name it has there, for messages: "authority.url".
class ObjectReader {
 public:
  ObjectReader(const Json& object, std::string prefix) : object_(object), prefix_(std::move(prefix)) {}

  [[nodiscard]] std::string full_name(std::string_view name) const { return prefix_ + std::string(name); }

  Result<std::string> text(std::string_view name, Presence presence) const {
    const auto found = object_.member(name);
    if (!found && presence == Presence::optional) return std::string();
    if (!found) return refusal(full_name(name), "is missing");
    auto value = found->as_string();
    if (!value) return refusal(full_name(name), "is not a string");
    if (presence == Presence::required && value->empty()) return refusal(full_name(name), "is empty");
    if (value->size() > kMaxTextSize) return refusal(full_name(name), "is longer than 1024 bytes");
    // The tools show these texts on a terminal, and the back ends hand some to C: nothing of either may be steered
    // by them.
    if (!hal::is_printable(*value)) return refusal(full_name(name), "holds a control character");
    return std::move(*value);
  }

  Result<bool> boolean(std::string_view name) const {
    const auto found = object_.member(name);
    if (!found) return false;
    const auto value = found->as_boolean();
    if (!value) return refusal(full_name(name), "is neither true nor false");
    return *value;
  }

  Result<Json> object(std::string_view name, Presence presence) const {
    auto found = object_.member(name);
    if (!found && presence == Presence::optional) return Json::object();
    if (!found) return refusal(full_name(name), "is missing");
    if (!found->is_object()) return refusal(full_name(name), "is not an object");
    return std::move(*found);
  }

 private:
  const Json& object_;
  std::string prefix_;
};

// Lower case with the percent signs resolved: readers of URIs differ in how lax they are, this must not be.
std::string folded(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const char c = hal::take_octet(text).octet;
    result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return result;
}

bool has_pin_value(std::string_view uri) {
  std::size_t start = 0;
  while (start < uri.size()) {
    const std::size_t end = std::min(uri.find_first_of(":;?&", start), uri.size());
    const std::string_view attribute = uri.substr(start, end - start);
    if (folded(attribute.substr(0, attribute.find('='))) == "pin-value") return true;
    start = end + 1;
  }
  return false;
}

Result<void> check_uri(std::string_view name, std::string_view uri) {
  if (uri.size() > hal::kMaxKeyUriSize) return refusal(name, "is too long");
  if (!std::ranges::all_of(uri, [](char c) { return c > 0x20 && c < 0x7f; })) {
    return refusal(name, "is no URI: it holds a space or a character outside ASCII");
  }
  if (has_pin_value(uri)) {
    return refusal(name, "holds a PIN (pin-value)")
        .with_hint("take pin-value out of the file, change that PIN, and name its source instead: pin-source");
  }
  return {};
}

// An id, scheme, profile or key line that its own reader refused: what it said, under the member's name.
Error refusal_of(std::string_view member, const Error& inner) {
  return refusal(member, "is not acceptable: " + std::string(inner.detail.view()));
}

Result<PublicKey> read_public_key(const ObjectReader& reader) {
  const std::string scheme_text = HOLDFAST_TRY(reader.text("scheme", Presence::required));
  const auto scheme = parse_scheme(scheme_text);
  if (!scheme) return refusal_of("scheme", scheme.error());
  const std::string line = HOLDFAST_TRY(reader.text("public_key", Presence::required));
  const auto key = parse_ssh_public_key(line);
  if (!key) return refusal_of("public_key", key.error());
  if (key->scheme() != *scheme) return refusal("scheme", "does not fit public_key");
  return *key;
}

Result<void> read_account(const ObjectReader& reader, AccountMetadata& account) {
  account.account_id = HOLDFAST_TRY(reader.text("account_id", Presence::optional));
  account.user_id = HOLDFAST_TRY(reader.text("user_id", Presence::optional));
  account.email = HOLDFAST_TRY(reader.text("email", Presence::optional));
  account.plan_type = HOLDFAST_TRY(reader.text("plan_type", Presence::optional));
  account.is_fedramp = HOLDFAST_TRY(reader.boolean("is_fedramp"));
  return {};
}

Result<void> read_provisioning(const ObjectReader& reader, Identity& identity) {
  const Json attributes = HOLDFAST_TRY(reader.object("attributes", Presence::optional));
  const ObjectReader attribute_reader(attributes, "provisioning.attributes.");
  for (const std::string& name : attributes.member_names()) {
    if (!hal::is_printable(name)) return refusal("provisioning.attributes", "has a name with a control character");
    identity.attributes[name] = HOLDFAST_TRY(attribute_reader.boolean(name));
  }
  identity.export_probe = HOLDFAST_TRY(reader.text("export_probe", Presence::optional));
  identity.imported_from = HOLDFAST_TRY(reader.text("imported_from", Presence::optional));
  identity.import_check = HOLDFAST_TRY(reader.text("import_check", Presence::optional));
  return {};
}

std::string without_trailing_slashes(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  return text;
}

void set_or_remove(Json& object, std::string_view name, const std::string& text) {
  if (text.empty()) {
    object.remove(name);
  } else {
    object.set(name, text);
  }
}

// The object member as it stands, or a new one.
Json object_member(const Json& document, std::string_view name) {
  auto found = document.member(name);
  return found && found->is_object() ? std::move(*found) : Json::object();
}

}  // namespace

Result<Json> open_identity_document(std::string_view text) {
  std::string_view why;
  auto document = Json::parse(text, why);
  if (!document) return refusal("the file", why);
  if (!document->is_object()) return refusal("the file", "is not a JSON object");
  const auto version_member = document->member("version");
  if (!version_member) return refusal("version", "is missing");
  const auto version = version_member->as_integer();
  if (!version) return refusal("version", "is not a whole number");
  if (*version != kVersion) {
    return refusal("version " + std::to_string(*version), "is unknown: this build knows version 1")
        .with_hint("use a Holdfast of the version that wrote the file");
  }
  return std::move(*document);
}

Result<Identity> read_identity_document(std::string_view text) {
  const Json document = HOLDFAST_TRY(open_identity_document(text));
  const ObjectReader reader(document, "");

  const std::string runtime_text = HOLDFAST_TRY(reader.text("agent_runtime_id", Presence::required));
  const auto runtime_id = RuntimeId::parse(runtime_text);
  if (!runtime_id) return refusal_of("agent_runtime_id", runtime_id.error());
  const PublicKey public_key = HOLDFAST_TRY(read_public_key(reader));
  Identity identity{.runtime_id = *runtime_id, .public_key = public_key};

  identity.key_uri = HOLDFAST_TRY(reader.text("key_uri", Presence::required));
  HOLDFAST_TRY(check_uri("key_uri", identity.key_uri));
  const std::string profile_text = HOLDFAST_TRY(reader.text("key_profile", Presence::required));
  const auto profile = parse_profile(profile_text);
  if (!profile) return refusal("key_profile", "is none of strict, imported, shared");
  identity.profile = *profile;

  const Json authority = HOLDFAST_TRY(reader.object("authority", Presence::required));
  const ObjectReader authority_reader(authority, "authority.");
  identity.authority_url = without_trailing_slashes(HOLDFAST_TRY(authority_reader.text("url", Presence::required)));
  const auto url = AuthorityUrl::parse(identity.authority_url);
  if (!url) return refusal_of("authority.url", url.error());
  identity.authority_ca_file = HOLDFAST_TRY(authority_reader.text("ca_file", Presence::optional));

  const Json account = HOLDFAST_TRY(reader.object("account", Presence::optional));
  HOLDFAST_TRY(read_account(ObjectReader(account, "account."), identity.account));
  const Json provisioning = HOLDFAST_TRY(reader.object("provisioning", Presence::optional));
  HOLDFAST_TRY(read_provisioning(ObjectReader(provisioning, "provisioning."), identity));
  identity.storage_root_name = HOLDFAST_TRY(reader.text("storage_root_name", Presence::optional));
  identity.twin_uri = HOLDFAST_TRY(reader.text("twin_uri", Presence::optional));
  HOLDFAST_TRY(check_uri("twin_uri", identity.twin_uri));
  // Here, and not by the signer: that would open the token first, and send it the PIN.
  if (!identity.twin_uri.empty() && public_key.scheme() != Scheme::ed25519) {
    return refusal("twin_uri", "is for keys of ed25519 only, and this key is of " +
                                   std::string(scheme_name(public_key.scheme())));
  }
  return identity;
}

void write_identity_document(const Identity& identity, Json& document) {
  document.set("version", kVersion);
  document.set("agent_runtime_id", identity.runtime_id.view());
  document.set("key_uri", identity.key_uri);
  document.set("scheme", scheme_name(identity.public_key.scheme()));
  document.set("public_key", to_ssh_public_key(identity.public_key).view());
  document.set("key_profile", profile_name(identity.profile));

  Json authority = object_member(document, "authority");
  authority.set("url", without_trailing_slashes(identity.authority_url));
  set_or_remove(authority, "ca_file", identity.authority_ca_file);
  document.set("authority", std::move(authority));

  Json account = object_member(document, "account");
  set_or_remove(account, "account_id", identity.account.account_id);
  set_or_remove(account, "user_id", identity.account.user_id);
  set_or_remove(account, "email", identity.account.email);
  set_or_remove(account, "plan_type", identity.account.plan_type);
  account.set("is_fedramp", identity.account.is_fedramp);
  document.set("account", std::move(account));

  Json provisioning = object_member(document, "provisioning");
  // A snapshot is one moment's: attributes of an earlier one would be read as if they were of this key.
  Json attributes = Json::object();
  for (const auto& [name, value] : identity.attributes) attributes.set(name, value);
  provisioning.set("attributes", std::move(attributes));
  set_or_remove(provisioning, "export_probe", identity.export_probe);
  set_or_remove(provisioning, "imported_from", identity.imported_from);
  set_or_remove(provisioning, "import_check", identity.import_check);
  document.set("provisioning", std::move(provisioning));

  set_or_remove(document, "storage_root_name", identity.storage_root_name);
  set_or_remove(document, "twin_uri", identity.twin_uri);
}

}  // namespace holdfast
