// SPDX-License-Identifier: Apache-2.0
#include "src/identity/software_crypto.hpp"
#include "src/signer/key_policy.hpp"
#include "tools/holdfast/commands.hpp"
#include "tools/holdfast/key_access.hpp"
#include "tools/holdfast/key_import.hpp"
#include "tools/holdfast/key_report.hpp"
#include "tools/holdfast/key_uri.hpp"
#include "tools/holdfast/option_values.hpp"

#include <span>

namespace holdfast::tool {
namespace {

constexpr std::size_t kMostKeys = 256;

DeviceRequest request_of(const Arguments& arguments) {
  return {arguments.value("URI"), arguments.value("module"), arguments.value("pin-source"),
          arguments.value("owner-pin-source")};
}

// What is said of a TPM key by an option instead of in its URI.
Result<std::string> uri_with_options(const Arguments& arguments) {
  struct Row {
    std::string_view option;
    std::string_view attribute;
    std::string_view excludes;
  };
  constexpr Row kRows[] = {{"persist", "handle", "file"}, {"pcr", "pcr", ""}};
  std::string uri(arguments.value("URI"));
  const bool is_tpm = is_tpm_uri(uri);
  for (const std::string_view option : {"persist", "pcr", "owner-pin-source"}) {
    if (is_tpm || !arguments.has(option)) continue;
    return wrong_value("--" + std::string(option) + " is for TPM keys", "leave it out, or name a key tpm2:…");
  }
  for (const Row& row : kRows) {
    if (!arguments.has(row.option)) continue;
    const std::string option = "--" + std::string(row.option);
    const auto there = HOLDFAST_TRY(path_attribute(uri, row.attribute));
    if (there) {
      return wrong_value("the URI says " + std::string(row.attribute) + "= already, and " + option + " once more",
                         "say it once");
    }
    if (!row.excludes.empty() && HOLDFAST_TRY(path_attribute(uri, row.excludes))) {
      return wrong_value(option + " makes a persistent key, and the URI names a file",
                         "leave one of them out: tpm2: with --persist, or tpm2:file=/PATH");
    }
    uri = with_path_attribute(uri, row.attribute, arguments.value(row.option));
  }
  return uri;
}

Result<KeyProfile> profile_of(const Arguments& arguments) {
  const KeyProfile profile =
      arguments.has("profile") ? HOLDFAST_TRY(parse_profile(arguments.value("profile"))) : KeyProfile::strict;
  if (!arguments.has("with-twin")) return profile;
  if (arguments.has("profile") && profile != KeyProfile::imported) {
    return wrong_value("a key with a twin is made outside the token, so its profile is imported",
                       "leave out --profile, or --with-twin");
  }
  return KeyProfile::imported;
}

Result<Scheme> scheme_for(const hal::TokenDescription& token, const Arguments& arguments) {
  Scheme scheme = token.can_ed25519 ? Scheme::ed25519 : Scheme::es256;
  if (arguments.has("scheme")) scheme = HOLDFAST_TRY(parse_scheme(arguments.value("scheme")));
  if (scheme == Scheme::ed25519 ? token.can_ed25519 : token.can_es256) return scheme;
  const bool has_other = token.can_ed25519 || token.can_es256;
  return failure(Status::scheme_unsupported, Layer::core, "choosing a scheme")
      .about(token.label.view())
      .with_hint(has_other ? "choose the other with --scheme (ed25519, es256), or another token: holdfast token list "
                             "shows which schemes each has"
                           : "choose another token: holdfast token list shows which schemes each has");
}

struct GenerateRequest {
  std::string label;
  std::string id;
  KeyProfile profile;
  std::string name;  // for people: the label, or a TPM key's file or handle
};

Result<GenerateRequest> read_generate_request(const Arguments& arguments, std::string_view uri) {
  const KeyProfile profile = HOLDFAST_TRY(profile_of(arguments));
  KeyName name = HOLDFAST_TRY(name_of_new_key(uri));
  std::string called = HOLDFAST_TRY(name_for_people(uri));
  return GenerateRequest{std::move(name.label), std::move(name.id), profile, std::move(called)};
}

Result<void> refuse_second_key(hal::KeyDevice& device, std::string_view name) {
  hal::KeyInventory* inventory = device.key_inventory();
  if (inventory == nullptr) return {};
  const std::size_t count = HOLDFAST_TRY(inventory->list({}));
  if (count == 0) return {};
  return failure(Status::already_exists, Layer::core, "looking for a key of that name")
      .about(name)
      .with_hint(
          "choose another object=, file= or handle=, or see the one that is there with: holdfast key show URI");
}

bool take_back(hal::KeyDevice& device, const hal::MadeKey& made) {
  hal::KeyInventory* inventory = device.key_inventory();
  return inventory != nullptr && inventory->destroy(made.handle).has_value();
}

constexpr const char* kTakenBack = "the key was taken back from the token";
constexpr const char* kLeftBehind = "the key is in the token: remove it with holdfast key delete";

// A key that the gate refuses is not left behind.
Result<void> admit(hal::KeyDevice& device, const hal::MadeKey& made, KeyProfile profile) {
  const Result<void> verdict = check_key_policy(made.description, profile);
  if (verdict) return {};
  Error error = verdict.error();
  error.hint = take_back(device, made)
                   ? "the token cannot hold a key as the profile demands; the one made was removed again"
                   : "the token cannot hold such a key; the refused key is still on it: delete it";
  return error;
}

// A key whose seed is in locked memory for as long as it takes to bring it in twice.
Result<void> make_twins(Terminal& terminal, const Arguments& arguments, const GenerateRequest& wanted,
                        hal::KeyDevice& device, const hal::TokenDescription& token, Scheme scheme) {
  if (scheme != Scheme::ed25519) {
    return failure(Status::scheme_unsupported, Layer::core, "making a key")
        .about("only an Ed25519 key has a twin")
        .with_hint("leave out --with-twin: for a P-256 key no authority seals");
  }
  HOLDFAST_TRY(refuse_second_key(device, wanted.name));
  terminal.progress("trying to export a disposable key");
  const ProbeResult attempts = HOLDFAST_TRY(probe(device, scheme, arguments.has("no-probe")));
  terminal.progress("making the key and its twin");
  const SignalHold& hold = terminal.hold_signals();
  const hal::KeySpec spec{scheme, wanted.label, std::as_bytes(std::span(wanted.id))};
  const auto bring_in = [&]() -> Result<KeyImport> {
    SoftwareKey key{{}, HOLDFAST_TRY(new_seed())};
    key.public_key = HOLDFAST_TRY(public_half(scheme, key.private_key));
    return KeyImport::run(device, spec, key, TwinWish::required);
  };
  KeyImport import = HOLDFAST_TRY(bring_in());
  if (const Result<void> calm = hold.check("making a key"); !calm) {
    terminal.remember_done(import.take_back() ? kTakenBack : kLeftBehind);
    return calm;
  }
  import.keep();
  terminal.remember_done("the key " + wanted.label + " and its twin were made; see them with: holdfast key list");

  const DeviceRequest request = request_of(arguments);
  const std::string uri = uri_with_module(import.key().description.uri.view(), request);
  const std::string twin_uri = uri_with_module(import.twin()->description.uri.view(), request);
  Report report = key_report(import.key().description);
  report.text("key_uri", "", uri)
      .text("twin_uri", "twin", twin_uri)
      .text("token", "token", token.label.view())
      .text("profile", "profile", profile_name(wanted.profile))
      .text("way", "came in", import.key().way)
      .text("twin_way", "twin came in", import.twin()->way)
      .text("export_probe", "export", attempts.verdict)
      .for_programs("is_software", Json::boolean(token.is_software));
  terminal.show(report);
  terminal.print("\nWhat the token says of it:\n" + attributes_in_words(import.key().description.attributes));
  terminal.note(
      "the seed was in this process's locked memory for a moment, and is wiped: hence the profile imported");
  if (token.is_software) terminal.note(kSoftwareTokenNote);
  const bool needs_pin_source = arguments.has("pin-source") && !query_attribute(uri, "pin-source");
  const std::string pin_source =
      needs_pin_source ? " --pin-source " + shell_quoted(arguments.value("pin-source")) : "";
  terminal.next_step("Register it with an authority",
                     "holdfast agent register --key " + shell_quoted(uri) + " --twin " + shell_quoted(twin_uri) +
                         " --profile imported" + pin_source + " --authority URL --access-token-source file:/PATH");
  return {};
}

Result<void> generate_key(Terminal& terminal, const Arguments& arguments) {
  const std::string wanted_uri = HOLDFAST_TRY(uri_with_options(arguments));
  const GenerateRequest wanted = HOLDFAST_TRY(read_generate_request(arguments, wanted_uri));
  DeviceRequest request = request_of(arguments);
  request.uri = wanted_uri;
  const hal::DevicePtr device = HOLDFAST_TRY(open_device(request, hal::DeviceAccess::provision));
  const hal::TokenDescription token = HOLDFAST_TRY(device->describe_token());
  const Scheme scheme = HOLDFAST_TRY(scheme_for(token, arguments));
  if (arguments.has("with-twin")) return make_twins(terminal, arguments, wanted, *device, token, scheme);
  hal::KeyGenerator* generator = device->key_generator();
  if (generator == nullptr) {
    return failure(Status::scheme_unsupported, Layer::core, "making a key").about("this device makes no keys");
  }
  HOLDFAST_TRY(refuse_second_key(*device, wanted.name));

  terminal.progress("trying to export a disposable key");
  const ProbeResult attempts = HOLDFAST_TRY(probe(*device, scheme, arguments.has("no-probe")));
  terminal.progress("making the key");
  const hal::KeySpec spec{scheme, wanted.label, std::as_bytes(std::span(wanted.id))};
  const SignalHold& hold = terminal.hold_signals();
  const hal::MadeKey made = HOLDFAST_TRY(generator->generate(spec, patience()));
  HOLDFAST_TRY(admit(*device, made, wanted.profile));
  if (const Result<void> calm = hold.check("making a key"); !calm) {
    terminal.remember_done(take_back(*device, made) ? kTakenBack : kLeftBehind);
    return calm;
  }
  const std::string uri = uri_with_module(made.description.uri.view(), request);
  terminal.remember_done("the key " + wanted.name + " was made; see it with: holdfast key show " + shell_quoted(uri));

  Report report = key_report(made.description);
  report.text("key_uri", "", uri)
      .text("token", "token", token.label.view())
      .text("profile", "profile", profile_name(wanted.profile))
      .text("export_probe", "export", attempts.verdict)
      .for_programs("export_attempts", attempts_json(attempts.report))
      .for_programs("dropped_attributes", attribute_names_json(made.dropped))
      .for_programs("is_software", Json::boolean(token.is_software));
  terminal.show(report);
  terminal.print("\nWhat the token says of it:\n" + attributes_in_words(made.description.attributes));
  if (attempts.report.count > 0) {
    terminal.print("\nHow a disposable key of the same kind was asked to leave:\n" +
                   attempts_in_words(attempts.report));
  }
  if (!made.dropped.empty()) {
    terminal.note("the token did not take these attributes: " + attribute_names(made.dropped));
  }
  if (token.is_software) terminal.note(kSoftwareTokenNote);
  if (scheme == Scheme::es256) {
    terminal.note("only an authority that accepts ecdsa-sha2-nistp256 will verify this key");
  }
  const bool needs_pin_source = arguments.has("pin-source") && !query_attribute(uri, "pin-source");
  const std::string pin_source =
      needs_pin_source ? " --pin-source " + shell_quoted(arguments.value("pin-source")) : "";
  terminal.next_step("Register it with an authority", "holdfast agent register --key " + shell_quoted(uri) +
                                                          pin_source +
                                                          " --authority URL --access-token-source file:/PATH");
  return {};
}

Result<void> list_keys(Terminal& terminal, const Arguments& arguments) {
  const hal::DevicePtr device = HOLDFAST_TRY(open_device(request_of(arguments), hal::DeviceAccess::provision));
  hal::KeyInventory* inventory = device->key_inventory();
  if (inventory == nullptr) {
    return failure(Status::scheme_unsupported, Layer::core, "listing keys").about("this device lists no keys");
  }
  const hal::TokenDescription token = HOLDFAST_TRY(device->describe_token());
  std::vector<hal::KeyDescription> keys(kMostKeys);
  const std::size_t count = HOLDFAST_TRY(inventory->list(keys));
  keys.resize(std::min(count, kMostKeys));
  Json list = Json::array();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Report report = key_report(keys[i]);
    const bool is_strict = check_key_policy(keys[i], KeyProfile::strict).has_value();
    report.row("is_strict", "strict", is_strict ? "yes" : "no: see holdfast key show", Json::boolean(is_strict))
        .for_programs("is_software", Json::boolean(token.is_software));
    if (terminal.is_json()) {
      list.append(report.json());
    } else {
      if (i > 0) terminal.print("\n");
      terminal.show(report);
    }
  }
  const std::size_t not_shown = count - keys.size();
  terminal.print_json(
      Json::object().set("keys", std::move(list)).set("not_shown", static_cast<std::int64_t>(not_shown)));
  // A result like the keys themselves: whoever wants no notes would take what is shown for all there is.
  if (not_shown > 0) terminal.print("\nnot shown  " + std::to_string(not_shown) + " more\n");
  if (count == 0) terminal.note("the token holds no key that matches");
  if (token.is_software) terminal.note(kSoftwareTokenNote);
  return {};
}

Result<void> show_key(Terminal& terminal, const Arguments& arguments) {
  const OpenKey key = HOLDFAST_TRY(open_key(request_of(arguments), hal::DeviceAccess::sign));
  Report report = key_report(key.description);
  report.text("token", "token", key.token.label.view());
  report.for_programs("is_software", Json::boolean(key.token.is_software));
  std::vector<KeyProfile> profiles{KeyProfile::strict, KeyProfile::imported};
  if (key.description.backend == hal::BackendKind::tpm2) profiles.push_back(KeyProfile::shared);
  Json verdicts = Json::object();
  for (const KeyProfile profile : profiles) {
    const Result<void> verdict = check_key_policy(key.description, profile);
    std::string words = "accepted";
    if (!verdict) words = "refused: " + std::string(verdict.error().detail.view());
    report.row("", profile_name(profile), words, Json());
    verdicts.set(profile_name(profile), words);
  }
  report.for_programs("verdicts", std::move(verdicts));
  terminal.show(report);
  terminal.print("\nWhat the token says of it:\n" + attributes_in_words(key.description.attributes));
  if (key.token.is_software) terminal.note(kSoftwareTokenNote);
  return {};
}

Result<void> delete_key(Terminal& terminal, const Arguments& arguments) {
  HOLDFAST_TRY(refuse_nameless_key(arguments.value("URI")));
  HOLDFAST_TRY(refuse_owner_pin_source(arguments, arguments.value("URI"), "leave it out, or name a key tpm2:…"));
  if (!arguments.has("yes")) HOLDFAST_TRY(terminal.require_person());
  const OpenKey key = HOLDFAST_TRY(open_any_key(request_of(arguments), hal::DeviceAccess::provision));
  hal::KeyInventory* inventory = key.device->key_inventory();
  if (inventory == nullptr) {
    return failure(Status::scheme_unsupported, Layer::core, "deleting a key").about("this device deletes no keys");
  }
  if (!arguments.has("yes")) {
    const std::string question = "Delete key '" + std::string(key.description.label.view()) + "' on token '" +
                                 std::string(key.token.label.view()) + "' for good?";
    const bool is_agreed = HOLDFAST_TRY(terminal.confirm(question));
    if (!is_agreed) {
      return failure(Status::permission_denied, Layer::core, "asking for consent")
          .about("the deletion was not confirmed")
          .with_hint("nothing was deleted; answer y, or give --yes");
    }
  }
  terminal.hold_signals();  // half a key is of no use to anybody
  HOLDFAST_TRY(inventory->destroy(key.handle));
  terminal.remember_done("the key " + std::string(key.description.label.view()) + " was deleted");
  Report report;
  report.row("deleted", "deleted", key.description.label.view(), Json::boolean(true))
      .text("uri", "uri", key.description.uri.view());
  const std::string twin = twin_uri_left(key, request_of(arguments));
  report.for_programs("twin_uri", twin.empty() ? Json() : Json::string(twin));
  terminal.show(report);
  if (!twin.empty()) {
    std::string command = "holdfast key delete " + shell_quoted(twin);
    if (arguments.has("pin-source") && !query_attribute(twin, "pin-source")) {
      command += " --pin-source " + shell_quoted(arguments.value("pin-source"));
    }
    terminal.note("its derivation twin is on the token still; remove that as well with: " + command);
  }
  return {};
}

}  // namespace

std::vector<Command> key_commands(Terminal& terminal) {
  const command_line::Positional one_key{.name = "URI", .help = "the key: pkcs11:token=LABEL;object=NAME"};
  return {
      {.words = "key generate",
       .summary = "makes a signing key inside a token",
       .description =
           "The key is made inside the token with the strongest attributes it takes and never leaves it. Before "
           "that\n"
           "a disposable key of the same kind is made, asked to leave in every way there is, and removed; a token "
           "that\n"
           "gives it away is refused. A key whose attributes are weaker than the profile demands is removed again.",
       .positionals = {{.name = "URI", .help = "token and name of the key to make: pkcs11:token=LABEL;object=NAME"}},
       .options = {{.name = "scheme",
                    .value_name = "SCHEME",
                    .help =
                        "ed25519 or es256; default: ed25519 where the token has it. Only an authority that accepts "
                        "ecdsa-sha2-nistp256 verifies es256"},
                   kPinSourceOption,
                   kModuleOption,
                   kProfileOption,
                   {.name = "persist",
                    .value_name = "HANDLE",
                    .help = "TPM: keep the key in the TPM under this handle (0x81000010), not in a file; the same as "
                            "handle= in the URI"},
                   {.name = "pcr",
                    .value_name = "BANK:LIST",
                    .help = "TPM: the key signs only while these registers hold what they hold now (sha256:0,7), "
                            "whoever asks"},
                   kOwnerPinSourceOption,
                   {.name = "with-twin",
                    .value_name = "",
                    .help = "for an authority that seals task ids: make the seed here, import it and its derivation "
                            "twin, wipe it; the profile is then imported",
                    .kind = OptionKind::flag},
                   kNoProbeOption},
       .examples = {{.purpose = "Make a key on the token named agents",
                     .command_line = "holdfast key generate 'pkcs11:token=agents;object=agent-key?module-path="
                                     "/usr/lib/softhsm/libsofthsm2.so' --pin-source file:/run/ci/pin"},
                    {.purpose = "Make a key in this machine's TPM that signs only while firmware and secure boot are "
                                "as they are now",
                     .command_line = "holdfast key generate tpm2:file=/etc/holdfast/agent.pem --pcr sha256:0,7"}},
       .run = running(terminal, generate_key)},
      {.words = "key list",
       .summary = "lists the signing keys on a token",
       .description = "",
       .positionals = {{.name = "URI", .help = "the token: pkcs11:token=LABEL; object= and id= narrow the list"}},
       .options = {kPinSourceOption, kModuleOption},
       .examples = {{.purpose = "List the keys of one token",
                     .command_line =
                         "holdfast key list 'pkcs11:token=agents?module-name=softhsm2' --pin-source prompt"}},
       .run = running(terminal, list_keys)},
      {.words = "key show",
       .summary = "shows one key, its attributes in words, and which profiles accept it",
       .description = "",
       .positionals = {one_key},
       .options = {kPinSourceOption, kModuleOption},
       .examples = {{.purpose = "See why a key is refused",
                     .command_line = "holdfast key show 'pkcs11:token=agents;object=agent-key?module-name=softhsm2' "
                                     "--pin-source prompt"}},
       .run = running(terminal, show_key)},
      {.words = "key delete",
       .summary = "removes one key from a token for good",
       .description = "",
       .positionals = {one_key},
       .options = {{.name = "yes", .value_name = "", .help = "do not ask", .kind = OptionKind::flag},
                   kPinSourceOption,
                   kOwnerPinSourceOption,
                   kModuleOption},
       .examples = {{.purpose = "Remove a key without being asked",
                     .command_line =
                         "holdfast key delete 'pkcs11:token=agents;object=agent-key?module-name=softhsm2' "
                         "--pin-source file:/run/ci/pin --yes"}},
       .run = running(terminal, delete_key)},
  };
}

}  // namespace holdfast::tool
