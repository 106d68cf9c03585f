// SPDX-License-Identifier: Apache-2.0
#include "hal/trusted_file.hpp"
#include "src/identity/service_urls.hpp"
#include "src/identity/upstream_record.hpp"
#include "src/registrar/authority_url.hpp"
#include "src/registrar/jwks_endpoint.hpp"
#include "tools/holdfast/commands.hpp"
#include "tools/holdfast/identity_target.hpp"
#include "tools/holdfast/import_source.hpp"
#include "tools/holdfast/key_access.hpp"
#include "tools/holdfast/key_import.hpp"
#include "tools/holdfast/key_report.hpp"
#include "tools/holdfast/key_uri.hpp"
#include "tools/holdfast/pin_relay.hpp"

#include <fcntl.h>

namespace holdfast::tool {
namespace {

// What the command line says, checked as far as that goes without reading anything.
struct ImportRequest {
  ImportSource source;
  std::optional<RuntimeId> runtime_id;
  ServiceUrls urls;
  std::string ca_file;
  std::string label;
  std::string id;
  TwinWish twin = TwinWish::if_possible;
};

Result<ServiceUrls> read_urls(const Arguments& arguments) {
  const bool is_jwks_given = arguments.has("jwks-url") || arguments.has("jwks-file") || arguments.has("unverified");
  ServiceBases bases{arguments.value("chatgpt-base-url"), arguments.value("authority"),
                     arguments.value("jwks-base-url")};
  // Who names the keys themselves leaves nothing for a base URL to decide.
  if (is_jwks_given && bases.jwks_base.empty()) bases.jwks_base = bases.chatgpt_base;
  ServiceUrls urls = HOLDFAST_TRY(service_urls(bases));
  if (arguments.has("jwks-url")) urls.jwks_url = arguments.value("jwks-url");
  // Both refused now rather than when a key is in the token.
  HOLDFAST_TRY(AuthorityUrl::parse(urls.authapi_base));
  if (!arguments.has("jwks-file") && !arguments.has("unverified")) HOLDFAST_TRY(AuthorityUrl::parse(urls.jwks_url));
  return urls;
}

Result<void> refuse_contradictions(const Arguments& arguments) {
  const auto both = [&](std::string_view a, std::string_view b) { return arguments.has(a) && arguments.has(b); };
  if (both("unverified", "jwks-file") || both("unverified", "jwks-url") || both("jwks-file", "jwks-url")) {
    return wrong_value("--unverified, --jwks-file and --jwks-url exclude each other", "give one of them");
  }
  if (both("no-twin", "with-twin")) {
    return wrong_value("--no-twin and --with-twin exclude each other", "give one of them, or neither");
  }
  if (arguments.has("yes") && !arguments.has("shred")) {
    return wrong_value("--yes answers what --shred asks, and nothing else is asked", "leave it out, or add --shred");
  }
  return {};
}

Result<ImportRequest> read_request(const Arguments& arguments) {
  HOLDFAST_TRY(refuse_contradictions(arguments));
  ImportRequest request{.source = HOLDFAST_TRY(ImportSource::parse(arguments.value("from"))),
                        .runtime_id = std::nullopt,
                        .urls = HOLDFAST_TRY(read_urls(arguments)),
                        .ca_file = HOLDFAST_TRY(absolute_path(arguments.value("ca-file"))),
                        .label = {},
                        .id = {}};
  if (arguments.has("runtime-id")) request.runtime_id = HOLDFAST_TRY(RuntimeId::parse(arguments.value("runtime-id")));
  if (arguments.has("shred") && !request.source.is_file()) {
    return wrong_value("--shred is for a source that is a file", "leave it out, or import with --from file:/PATH");
  }
  if (arguments.has("no-twin")) request.twin = TwinWish::none;
  if (arguments.has("with-twin")) request.twin = TwinWish::required;
  KeyName name = HOLDFAST_TRY(name_of_new_key(arguments.value("key")));
  request.label = std::move(name.label);
  request.id = std::move(name.id);
  return request;
}

// The readers of bytes know nothing of where those came from.
Error in_place(const Error& inner, std::string_view place, const char* hint) {
  if (inner.status != Status::file_invalid) return inner;
  Error error = inner;
  error.detail = FixedText<190>(std::string(place) + ": " + std::string(inner.detail.view()));
  if (error.hint == nullptr) error.hint = hint;
  return error;
}

Result<SoftwareIdentity> read_software_identity(const ImportSource& source, hal::SecretBytes& bytes) {
  auto software = read_upstream_record(bytes.storage({}).first(bytes.size()));
  if (software) return software;
  return in_place(software.error(), source.in_words(),
                  "name with --from what holds the agent's key, whole: its JWT, auth.json, or an Ed25519 or P-256 "
                  "private key (PKCS#8 or OpenSSH)");
}

Result<std::string> read_jwks_file(std::string_view path) {
  const std::string whole = HOLDFAST_TRY(absolute_path(path));
  // Whoever can change it decides whose JWTs are believed.
  const hal::FileDescriptor file = HOLDFAST_TRY(hal::open_trusted(whole, hal::FilePrivacy::readable));
  std::string text(kMaxImportSize, '\0');
  text.resize(HOLDFAST_TRY(hal::read_all(file.get(), std::as_writable_bytes(std::span(text)))));
  return text;
}

Result<void> verify(Terminal& terminal, const SoftwareIdentity& software, const ImportRequest& request,
                    const Arguments& arguments) {
  if (!software.jwt || arguments.has("unverified")) return {};
  // Before anything is fetched: what is no RS256 will not become one.
  HOLDFAST_TRY(check_claims(software.claims, hal::system_clock().wall()));
  std::string text;
  if (arguments.has("jwks-file")) {
    text = HOLDFAST_TRY(read_jwks_file(arguments.value("jwks-file")));
  } else {
    terminal.progress("fetching the issuer's keys from " + request.urls.jwks_url);
    RegistrarOptions options;
    options.ca_file = request.ca_file;
    text = HOLDFAST_TRY(fetch_jwks(request.urls.jwks_url, std::move(options)));
  }
  const auto keys = read_jwks(text);
  if (!keys) {
    const bool is_file = arguments.has("jwks-file");
    return in_place(keys.error(), is_file ? arguments.value("jwks-file") : request.urls.jwks_url,
                    "name the issuer's JSON Web Key Set with --jwks-file or --jwks-url");
  }
  return verify_jwt(*software.jwt, *keys);
}

Result<RuntimeId> runtime_of(const SoftwareIdentity& software, const ImportRequest& request) {
  if (!software.runtime_id && !request.runtime_id) {
    return wrong_value("a bare key does not say whose it is", "name the agent with --runtime-id ID");
  }
  if (software.runtime_id && request.runtime_id && software.runtime_id->view() != request.runtime_id->view()) {
    return wrong_value("--runtime-id is not the agent that the source names", "leave out --runtime-id");
  }
  return software.runtime_id ? *software.runtime_id : *request.runtime_id;
}

Result<void> check_scheme(const hal::TokenDescription& token, Scheme scheme) {
  if (scheme == Scheme::ed25519 ? token.can_ed25519 : token.can_es256) return {};
  return failure(Status::scheme_unsupported, Layer::core, "importing a key")
      .about("the token " + std::string(token.label.view()) + " has no " + std::string(scheme_name(scheme)))
      .with_hint("choose a token that has it: holdfast token list shows which schemes each has");
}

Identity identity_of(const SoftwareIdentity& software, const RuntimeId& runtime, const ImportRequest& request,
                     const Arguments& arguments) {
  Identity identity{.runtime_id = runtime, .public_key = software.key.public_key};
  identity.profile = KeyProfile::imported;
  identity.authority_url = request.urls.authapi_base;
  identity.authority_ca_file = request.ca_file;
  identity.account = software.account;
  identity.imported_from = form_name(software.form);
  if (software.jwt) identity.import_check = arguments.has("unverified") ? "unverified" : "verified";
  return identity;
}

// Asks before anything is done, so that nobody is left half way by the answer.
Result<bool> may_shred(Terminal& terminal, const ImportRequest& request, const Arguments& arguments) {
  if (!arguments.has("shred")) return false;
  if (arguments.has("yes")) return true;
  const bool is_agreed =
      HOLDFAST_TRY(terminal.confirm("When the key is in the token and proven, overwrite and remove " +
                                    request.source.path() + ", with whatever else is in it?"));
  if (is_agreed) return true;
  return failure(Status::permission_denied, Layer::core, "asking for consent")
      .about("the removal of the source was not confirmed")
      .with_hint("nothing was imported; answer y, give --yes, or leave out --shred");
}

void show(Terminal& terminal, const Identity& identity, const IdentityTarget& target, const KeyImport& import,
          bool is_shredded) {
  Report report;
  report.text("agent_runtime_id", "agent", identity.runtime_id.view())
      .text("imported_from", "from", identity.imported_from)
      .row("import_check", identity.import_check.empty() ? "" : "the JWT was", identity.import_check,
           identity.import_check.empty() ? Json() : Json::string(identity.import_check))
      .text("authority_url", "authority", identity.authority_url)
      .text("identity_file", "identity file", target.path)
      .text("key_uri", "key", identity.key_uri)
      .text("scheme", "scheme", scheme_name(identity.public_key.scheme()))
      .text("public_key", "public key", to_ssh_public_key(identity.public_key).view())
      .text("profile", "profile", profile_name(identity.profile))
      .text("way", "came in", import.key().way)
      .row("twin_uri", "twin",
           identity.twin_uri.empty() ? "none: sealed task ids cannot be opened" : identity.twin_uri,
           identity.twin_uri.empty() ? Json() : Json::string(identity.twin_uri))
      .row("twin_way", import.twin() ? "twin came in" : "", import.twin() ? import.twin()->way : "",
           import.twin() ? Json::string(import.twin()->way) : Json())
      .for_programs("twin_refusal", import.twin_refusal().empty() ? Json() : Json::string(import.twin_refusal()))
      .text("proof", "proof",
            import.twin() ? "the token signed, and opened a sealed box; both fit the old public key"
                          : "the token signed; that fits the old public key")
      .text("export_probe", "export", identity.export_probe)
      .row("is_shredded", "source", is_shredded ? "overwritten and removed" : "untouched", Json::boolean(is_shredded))
      .for_programs("attributes", attributes_json(identity.attributes));
  terminal.show(report);
}

void say_what_remains(Terminal& terminal, const ImportRequest& request, const KeyImport& import, bool is_shredded,
                      bool is_unverified) {
  if (is_unverified) {
    terminal.note(
        "unverified: nobody vouches that the service issued this key, or that the agent exists; the identity file "
        "records it");
  }
  if (!import.twin_refusal().empty()) terminal.note("there is no twin: " + import.twin_refusal());
  if (request.source.is_environment()) {
    terminal.note(
        "the variable was wiped in this process; the shell or service that set it, its other children and its files "
        "still hold the key: remove it there");
  } else if (is_shredded) {
    terminal.note(
        "a journal, a copy-on-write file system, snapshots, backups and flash disks may keep earlier blocks of it");
  } else if (request.source.is_file()) {
    terminal.note("the software copy is still there: remove it (--shred does), or it remains a second key");
  }
}

Result<void> import_identity(Terminal& terminal, const Arguments& arguments) {
  const ImportRequest request = HOLDFAST_TRY(read_request(arguments));
  PinRelay pin = HOLDFAST_TRY(PinRelay::create(arguments.value("pin-source")));
  const IdentityTarget target = HOLDFAST_TRY(prepare_identity_target(arguments.value("identity-file")));
  if (target.existing) {
    return failure(Status::already_exists, Layer::identity, "checking that the identity file can be written")
        .about(target.path)
        .with_hint("name another --identity-file, or move that one away first");
  }
  const bool is_to_be_shredded = HOLDFAST_TRY(may_shred(terminal, request, arguments));

  std::optional<hal::SecretBytes> source = HOLDFAST_TRY(request.source.read());
  SoftwareIdentity software = HOLDFAST_TRY(read_software_identity(request.source, *source));
  const RuntimeId runtime = HOLDFAST_TRY(runtime_of(software, request));
  HOLDFAST_TRY(verify(terminal, software, request, arguments));
  Identity identity = identity_of(software, runtime, request, arguments);
  software.jwt.reset();  // it points into the source
  source.reset();

  DeviceRequest device_request{arguments.value("key"), arguments.value("module"), {}};
  device_request.relayed_pin = HOLDFAST_TRY(pin.next("PIN of the token")).source;
  const hal::DevicePtr device = HOLDFAST_TRY(open_device(device_request, hal::DeviceAccess::provision));
  const hal::TokenDescription token = HOLDFAST_TRY(device->describe_token());
  const Scheme scheme = software.key.public_key.scheme();
  HOLDFAST_TRY(check_scheme(token, scheme));
  terminal.progress("trying to export a disposable key");
  identity.export_probe = HOLDFAST_TRY(probe(*device, scheme, arguments.has("no-probe"))).verdict;

  terminal.progress("importing the key");
  const SignalHold& hold = terminal.hold_signals();
  const hal::KeySpec spec{scheme, request.label, std::as_bytes(std::span(request.id))};
  KeyImport import = HOLDFAST_TRY(KeyImport::run(*device, spec, software.key, request.twin));
  software.key.private_key = hal::SecretBytes();
  const auto give_up = [&](const Error& error) {
    terminal.remember_done(
        import.take_back() ? "the key was taken back from the token, and no identity was written"
                           : "the key is in the token and no identity names it: remove it with holdfast key delete");
    return error;
  };
  if (const Result<void> calm = hold.check("importing a key"); !calm) return give_up(calm.error());
  const auto lasting = [&](std::string_view described) {
    const std::string uri = uri_with_module(described, device_request);
    return pin.is_lasting() ? with_query_attribute(uri, "pin-source", arguments.value("pin-source")) : uri;
  };
  identity.key_uri = lasting(import.key().description.uri.view());
  if (import.twin()) identity.twin_uri = lasting(import.twin()->description.uri.view());
  identity.attributes = attribute_snapshot(import.key().description.attributes);
  if (const auto stored = store_identity(identity, target.path, false); !stored) return give_up(stored.error());
  import.keep();
  terminal.remember_done("the key is in the token and the identity file " + target.path + " is written");
  HOLDFAST_TRY(hold.check("importing a key"));
  if (is_to_be_shredded) HOLDFAST_TRY(shred_file(request.source.path()));

  show(terminal, identity, target, import, is_to_be_shredded);
  say_what_remains(terminal, request, import, is_to_be_shredded, identity.import_check == "unverified");
  if (token.is_software) terminal.note(kSoftwareTokenNote);
  say_how_to_make_a_header(terminal, arguments, target, pin.is_lasting());
  return {};
}

std::vector<Option> import_options() {
  return {
      {.name = "from",
       .value_name = "SOURCE",
       .help = "the software identity: file:/PATH, fd:N, credential:NAME or env:NAME",
       .is_required = true},
      {.name = "key",
       .value_name = "URI",
       .help = "token and name of the key to make: pkcs11:token=LABEL;object=NAME",
       .is_required = true},
      {.name = "runtime-id", .value_name = "ID", .help = "the agent, where the source is a bare key"},
      kNewIdentityFileOption,
      kPinSourceOption,
      kModuleOption,
      {.name = "jwks-file", .value_name = "PATH", .help = "the issuer's keys as a file; default: fetched"},
      {.name = "jwks-url", .value_name = "URL", .help = "where the issuer's keys are; default: by the ChatGPT base"},
      {.name = "unverified",
       .value_name = "",
       .help = "import a JWT that nobody vouches for; the identity file records it",
       .kind = OptionKind::flag},
      {.name = "chatgpt-base-url", .value_name = "URL", .help = "default: https://chatgpt.com/backend-api"},
      {.name = "jwks-base-url",
       .value_name = "URL",
       .help = "overrides the base of the JWKS; must equal a --chatgpt-base-url that is not a known one"},
      {.name = "authority",
       .value_name = "URL",
       .help = "the authority's base URL; default: the one that belongs to the ChatGPT base"},
      kCaFileOption,
      {.name = "with-twin",
       .value_name = "",
       .help = "fail if the token takes no derivation twin; default: go without",
       .kind = OptionKind::flag},
      {.name = "no-twin",
       .value_name = "",
       .help = "make no derivation twin: sealed task ids will not open",
       .kind = OptionKind::flag},
      {.name = "shred",
       .value_name = "",
       .help = "overwrite and remove the source file after the proof, asking first",
       .kind = OptionKind::flag},
      {.name = "yes", .value_name = "", .help = "with --shred: do not ask", .kind = OptionKind::flag},
      kNoProbeOption,
  };
}

}  // namespace

Command import_command(Terminal& terminal) {
  return {
      .words = "agent import",
      .summary = "moves an identity that is kept in software into a token",
      .description =
          "Reads an Agent Identity JWT, an upstream auth.json with a JWT or a record, or a bare PKCS#8 or OpenSSH\n"
          "key with --runtime-id. Imports the key and, for Ed25519, its twin that opens sealed task ids; proves "
          "both\n"
          "with the old public key; only then writes the identity file. A failure leaves nothing on the token.",
      .positionals = {},
      .options = import_options(),
      .examples = {{.purpose = "Move the identity of this user's auth.json into the token named agents",
                    .command_line = "holdfast agent import --from file:$HOME/.codex/auth.json --key "
                                    "'pkcs11:token=agents;object=agent-1?module-name=softhsm2' --pin-source prompt"},
                   {.purpose = "Import a JWT from a descriptor and shred nothing",
                    .command_line = "holdfast agent import --from fd:3 --key "
                                    "'pkcs11:token=agents;object=agent-1?module-name=softhsm2' --pin-source "
                                    "file:/run/ci/pin 3< agent.jwt"}},
      .run = running(terminal, import_identity)};
}

}  // namespace holdfast::tool
