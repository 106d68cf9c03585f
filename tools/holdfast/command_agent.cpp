// SPDX-License-Identifier: Apache-2.0
#include "holdfast/verifier.hpp"

#include "hal/clock.hpp"
#include "src/signer/key_policy.hpp"
#include "src/signer/plausible_time.hpp"
#include "tools/holdfast/access_token.hpp"
#include "tools/holdfast/agent_link.hpp"
#include "tools/holdfast/answer_wait.hpp"
#include "tools/holdfast/commands.hpp"
#include "tools/holdfast/identity_target.hpp"
#include "tools/holdfast/key_access.hpp"
#include "tools/holdfast/key_import.hpp"
#include "tools/holdfast/key_report.hpp"
#include "tools/holdfast/key_uri.hpp"
#include "tools/holdfast/module_advice.hpp"
#include "tools/holdfast/pin_relay.hpp"
#include "tools/holdfast/rotation_report.hpp"

#include <iterator>

namespace holdfast::tool {
namespace {

constexpr const char* kRegistering = "registering an agent";

// What is settled before anything leaves this machine.
struct Candidate {
  PublicKey public_key;
  std::string key_uri;
  KeyProfile profile = KeyProfile::strict;
  std::map<std::string, bool> attributes;
  std::string export_probe;
  std::string twin_uri;
  bool is_software = false;
};

Result<Candidate> examine_key(Terminal& terminal, const Arguments& arguments, PinRelay& pin) {
  const KeyProfile profile =
      arguments.has("profile") ? HOLDFAST_TRY(parse_profile(arguments.value("profile"))) : KeyProfile::strict;
  const bool is_unprobed = arguments.has("no-probe");
  DeviceRequest request{arguments.value("key"), arguments.value("module"), {}};
  request.relayed_pin = HOLDFAST_TRY(pin.next("PIN of the token")).source;
  const OpenKey key =
      HOLDFAST_TRY(open_key(request, is_unprobed ? hal::DeviceAccess::sign : hal::DeviceAccess::provision));
  const hal::KeyDescription& described = key.description;
  HOLDFAST_TRY(check_key_policy(described, profile));
  if (!described.public_key) {
    return failure(Status::key_not_found, Layer::core, "reading the public key")
        .about("the token shows no public half of this key")
        .with_hint("store the public key object beside the private one, with the same id");
  }
  HOLDFAST_TRY(check_public_key(*described.public_key));
  terminal.progress("trying to export a disposable key");
  const ProbeResult attempts = HOLDFAST_TRY(probe(*key.device, described.public_key->scheme(), is_unprobed));

  std::string uri = uri_with_module(described.uri.view(), request);
  if (pin.is_lasting()) uri = with_query_attribute(uri, "pin-source", arguments.value("pin-source"));
  const std::string twin_uri(arguments.value("twin"));
  if (!twin_uri.empty()) HOLDFAST_TRY(prove_twin(*key.device, twin_uri, *described.public_key));
  return Candidate{
      *described.public_key, uri, profile, attribute_snapshot(described.attributes), attempts.verdict, twin_uri,
      key.token.is_software};
}

Result<void> refuse_second_registration(const IdentityTarget& target, const Arguments& arguments) {
  if (!target.existing || arguments.has("again")) return {};
  return failure(Status::already_exists, Layer::identity, "checking that the identity file can be written")
      .about(target.path)
      .with_hint(
          "give --again to register the same key once more and replace the file, or name another --identity-file");
}

Result<void> refuse_other_key(const IdentityTarget& target, const Candidate& candidate) {
  if (!target.existing || target.existing->public_key == candidate.public_key) return {};
  return failure(Status::already_exists, Layer::identity, "comparing the key with the identity file")
      .about(target.path + " is the identity of another key")
      .with_hint("name another --identity-file, or move that one away first");
}

// Of a TPM key: the root that was pinned when it was made (`srk-name=`), which its URI carries.
std::string pinned_storage_root(std::string_view key_uri) {
  if (!is_tpm_uri(key_uri)) return {};
  const auto name = path_attribute(key_uri, "srk-name");
  return name && *name ? **name : std::string();
}

Identity identity_of(const RuntimeId& runtime, const Candidate& candidate, const std::string& ca_file,
                     const Arguments& arguments) {
  Identity identity{.runtime_id = runtime,
                    .key_uri = candidate.key_uri,
                    .public_key = candidate.public_key,
                    .profile = candidate.profile,
                    .authority_url = std::string(arguments.value("authority")),
                    .authority_ca_file = ca_file,
                    .account = {.account_id = std::string(arguments.value("account-id")),
                                .user_id = std::string(arguments.value("user-id")),
                                .email = std::string(arguments.value("email")),
                                .plan_type = std::string(arguments.value("plan-type")),
                                .is_fedramp = arguments.has("fedramp")},
                    .attributes = candidate.attributes,
                    .export_probe = candidate.export_probe,
                    .storage_root_name = pinned_storage_root(candidate.key_uri),
                    .twin_uri = candidate.twin_uri,
                    .imported_from = {},
                    .import_check = {}};
  while (identity.authority_url.ends_with('/')) identity.authority_url.pop_back();
  return identity;
}

Report identity_report(const Identity& identity, std::string_view path) {
  Report report;
  report.text("agent_runtime_id", "agent", identity.runtime_id.view())
      .text("authority_url", "authority", identity.authority_url)
      .text("identity_file", "identity file", path)
      .text("key_uri", "key", identity.key_uri)
      .text("scheme", "scheme", scheme_name(identity.public_key.scheme()))
      .text("public_key", "public key", to_ssh_public_key(identity.public_key).view())
      .text("profile", "profile", profile_name(identity.profile))
      .text("export_probe", "export", identity.export_probe);
  return report;
}

Result<void> try_task(Terminal& terminal, Registrar& registrar, const Identity& identity, PinRelay& pin,
                      Report& report) {
  terminal.progress("registering a trial task");
  const RelayedPin handed = HOLDFAST_TRY(pin.next("PIN of the token"));
  Result<Signer> signer = open_signer(identity, handed.text);
  const AnswerWait wait(terminal, kRegistering);
  const Result<TaskId> task = signer ? register_task(terminal, registrar, *signer) : Result<TaskId>(signer.error());
  if (task) {
    report.row("trial_task", "trial task",
               identity.twin_uri.empty() ? "registered; the authority answers in clear"
                                         : "registered; this key opens sealed answers, too",
               Json::string(identity.twin_uri.empty() ? "clear" : "registered"));
    return {};
  }
  if (task.status() == Status::sealed_answer) {
    report.row("trial_task", "trial task", "the authority answers sealed", Json::string("sealed"));
  } else {
    report.row("trial_task", "trial task", "failed", Json::string("failed"));
  }
  return task.error();
}

// A TPM judges an auth value at a signature, and not before. What is signed is of an agent that there is not, and
// leaves nowhere.
Result<void> prove_that_it_signs(const Candidate& candidate, const Arguments& arguments, PinRelay& pin) {
  const RuntimeId nobody = HOLDFAST_TRY(RuntimeId::parse("not-registered-yet"));
  const RelayedPin handed = HOLDFAST_TRY(pin.next("PIN of the token"));
  Signer signer = HOLDFAST_TRY(open_signer(identity_of(nobody, candidate, {}, arguments), handed.text));
  HOLDFAST_TRY(signer.sign_task_registration(kSigningTimeout));
  return {};
}

Result<RuntimeId> ask_for_runtime_id(Terminal& terminal, Registrar& registrar, const Candidate& candidate,
                                     bool is_fedramp, const hal::SecretBytes& access_token) {
  constexpr std::string_view kNobodyKnows = "the authority may have registered an agent of it, whose id nobody knows";
  terminal.remember_done("the public key was sent, and no answer was waited for: " + std::string(kNobodyKnows));
  const AnswerWait wait(terminal, kRegistering);
  terminal.remember_done({});
  Result<RuntimeId> runtime =
      register_public_key(terminal, registrar, candidate.public_key, is_fedramp, access_token);
  if (!runtime && registrar.may_have_registered()) {
    terminal.remember_done("the public key may have been sent: " + std::string(kNobodyKnows));
  }
  return runtime;
}

Result<void> register_agent(Terminal& terminal, const Arguments& arguments) {
  // Nothing is registered before all of this holds, as it cannot be taken back.
  HOLDFAST_TRY(plausible_timestamp(hal::system_clock().wall(), "checking the clock"));
  const hal::PinSource token_source = HOLDFAST_TRY(hal::PinSource::parse(arguments.value("access-token-source")));
  PinRelay pin = HOLDFAST_TRY(PinRelay::create(arguments.value("pin-source")));
  RegistrarOptions options;
  options.authority_url = arguments.value("authority");
  const std::string ca_file = HOLDFAST_TRY(absolute_path(arguments.value("ca-file")));
  options.ca_file = ca_file;
  Registrar registrar = HOLDFAST_TRY(Registrar::create(std::move(options)));
  const IdentityTarget target = HOLDFAST_TRY(prepare_identity_target(arguments.value("identity-file")));
  HOLDFAST_TRY(refuse_second_registration(target, arguments));
  const Candidate candidate = HOLDFAST_TRY(examine_key(terminal, arguments, pin));
  HOLDFAST_TRY(refuse_other_key(target, candidate));
  HOLDFAST_TRY(prove_that_it_signs(candidate, arguments, pin));

  const hal::SecretBytes access_token = HOLDFAST_TRY(read_access_token(token_source));
  terminal.progress("registering the public key");
  const SignalHold& hold = terminal.hold_signals();
  const RuntimeId runtime =
      HOLDFAST_TRY(ask_for_runtime_id(terminal, registrar, candidate, arguments.has("fedramp"), access_token));
  const Identity identity = identity_of(runtime, candidate, ca_file, arguments);
  const std::string registered = "the key is registered as agent " + std::string(runtime.view());
  // One that is replaced stands there anew, although that fails, if only its folder could not be secured on the disk.
  terminal.remember_done(registered + (target.existing ? ", but the identity file may still be the one before"
                                                       : ", but its identity file is not written"));
  HOLDFAST_TRY(store_identity(identity, target.path, target.existing.has_value()));
  terminal.remember_done(registered + " and the identity file " + target.path +
                         " is written; to register it once more, add --again; for another key, move that file away");
  HOLDFAST_TRY(hold.check(kRegistering));

  Report report = identity_report(identity, target.path);
  const Result<void> trial = try_task(terminal, registrar, identity, pin, report);
  terminal.show(report);
  if (candidate.is_software) terminal.note(kSoftwareTokenNote);
  if (!trial) return trial;
  say_how_to_make_a_header(terminal, arguments, target, pin.is_lasting());
  return {};
}

Result<void> show_agent(Terminal& terminal, const Arguments& arguments) {
  const FoundIdentity found = HOLDFAST_TRY(read_identity(arguments.value("identity-file")));
  const Identity& identity = found.identity;
  Report report = identity_report(identity, found.path);
  const auto optional_row = [&report](std::string_view name, std::string_view label, const std::string& value) {
    report.row(name, value.empty() ? "" : label, value, value.empty() ? Json() : Json::string(value));
  };
  optional_row("authority_ca_file", "CA file", identity.authority_ca_file);
  optional_row("account_id", "account", identity.account.account_id);
  optional_row("user_id", "user", identity.account.user_id);
  optional_row("email", "e-mail", identity.account.email);
  optional_row("plan_type", "plan", identity.account.plan_type);
  report.row("is_fedramp", identity.account.is_fedramp ? "FedRAMP" : "", "yes",
             Json::boolean(identity.account.is_fedramp));
  optional_row("storage_root_name", "storage root", identity.storage_root_name);
  optional_row("twin_uri", "twin", identity.twin_uri);
  optional_row("imported_from", "imported from", identity.imported_from);
  optional_row("import_check", "the JWT was", identity.import_check);
  const auto journal = load_rotation_journal(rotation_journal_path(found.path));
  if (journal) add_rotation(report, identity, *journal, hal::system_clock().wall(), identity_option_again(arguments));
  report.for_programs("attributes", attributes_json(identity.attributes));
  // Of others nothing is known, as no token is asked.
  const bool is_softhsm = names_softhsm(identity.key_uri, {});
  report.for_programs("is_software", is_softhsm ? Json::boolean(true) : Json());
  terminal.show(report);
  if (!identity.attributes.empty()) {
    terminal.print("\nWhat the token said of the key when it was registered:\n" +
                   attributes_in_words(identity.attributes));
  }
  if (is_softhsm) terminal.note(kSoftwareTokenNote);
  // Said last: the identity holds, whatever became of the exchange of its key.
  return journal ? Result<void>() : journal.error();
}

std::vector<Option> register_options() {
  return {
      {.name = "key",
       .value_name = "URI",
       .help = "the key, as holdfast key generate printed it",
       .is_required = true},
      {.name = "authority",
       .value_name = "URL",
       .help = "the authority's base URL: https, or http to this machine",
       .is_required = true},
      {.name = "twin",
       .value_name = "URI",
       .help = "the key's derivation twin, as holdfast key generate --with-twin printed it: opens sealed task ids"},
      {.name = "access-token-source",
       .value_name = "SOURCE",
       .help = "where the bearer token comes from, as --pin-source",
       .is_required = true},
      kNewIdentityFileOption,
      kPinSourceOption,
      kModuleOption,
      kCaFileOption,
      kProfileOption,
      {.name = "account-id", .value_name = "ID", .help = "account metadata, kept in the identity file"},
      {.name = "user-id", .value_name = "ID", .help = "account metadata"},
      {.name = "email", .value_name = "ADDRESS", .help = "account metadata"},
      {.name = "plan-type", .value_name = "NAME", .help = "account metadata"},
      {.name = "fedramp", .value_name = "", .help = "the account is a FedRAMP account", .kind = OptionKind::flag},
      {.name = "again",
       .value_name = "",
       .help = "register a key once more and replace its identity file",
       .kind = OptionKind::flag},
      kNoProbeOption,
  };
}

}  // namespace

std::vector<Command> agent_commands(Terminal& terminal) {
  std::vector<Command> commands = rotation_commands(terminal);
  std::vector<Command> others{
      import_command(terminal),
      {.words = "agent register",
       .summary = "registers a key's public half with an authority and writes the identity file",
       .description = "Checks the key against the profile, lets it sign, registers its public half, writes the "
                      "identity file (which\n"
                      "holds no secret), and registers a trial task to learn whether the authority answers in a form "
                      "this key can use.",
       .positionals = {},
       .options = register_options(),
       .examples = {{.purpose = "Register with an authority of one's own",
                     .command_line =
                         "holdfast agent register --key 'pkcs11:token=agents;object=agent-key?module-path="
                         "/usr/lib/softhsm/libsofthsm2.so' --pin-source file:/run/ci/pin --authority "
                         "https://authority.example --access-token-source file:/run/ci/bearer"}},
       .run = running(terminal, register_agent)},
      {.words = "agent show",
       .summary = "shows the identity this machine has",
       .description = "Reads the identity file, and the journal beside it if its key is being exchanged; the token "
                      "is not asked.",
       .positionals = {},
       .options = {kIdentityFileOption},
       .examples = {{.purpose = "Show it to a program", .command_line = "holdfast agent show --json"}},
       .run = running(terminal, show_agent)},
  };
  commands.insert(commands.begin(), std::make_move_iterator(others.begin()), std::make_move_iterator(others.end()));
  return commands;
}

}  // namespace holdfast::tool
