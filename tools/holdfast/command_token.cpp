// SPDX-License-Identifier: Apache-2.0
#include "hal/registry.hpp"
#include "tools/holdfast/commands.hpp"
#include "tools/holdfast/key_access.hpp"
#include "tools/holdfast/key_report.hpp"
#include "tools/holdfast/key_uri.hpp"
#include "tools/holdfast/module_advice.hpp"

namespace holdfast::tool {
namespace {

constexpr std::string_view kAnyPkcs11 = "pkcs11:";
constexpr std::size_t kMostTokens = 64;

std::string_view uri_or_any(const Arguments& arguments) {
  return arguments.has("URI") ? arguments.value("URI") : kAnyPkcs11;
}

// Without either there is no URI that a message could be about.
Result<void> refuse_no_module(const Arguments& arguments) {
  if (arguments.has("URI") || arguments.has("module")) return {};
  return wrong_value("no PKCS#11 module is named, and so no token",
                     "name it with --module PATH, or with a URI: 'pkcs11:?module-name=softhsm2'");
}

Result<void> list_tokens(Terminal& terminal, const Arguments& arguments) {
  HOLDFAST_TRY(refuse_no_module(arguments));
  hal::DeviceOptions options;
  options.uri = uri_or_any(arguments);
  options.access = hal::DeviceAccess::browse;
  options.module_path = arguments.value("module");
  const hal::Backend* backend = HOLDFAST_TRY(hal::backend_for(options.uri));
  std::vector<hal::TokenDescription> tokens(kMostTokens);
  const Result<std::size_t> listed = backend->list_tokens(options, tokens);
  if (!listed) return with_module_advice(listed.error(), options.uri, options.module_path);
  const std::size_t count = *listed;
  tokens.resize(std::min(count, kMostTokens));

  Json list = Json::array();
  bool has_software = false;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (terminal.is_json()) {
      list.append(token_report(tokens[i]).json());
    } else {
      if (i > 0) terminal.print("\n");
      terminal.show(token_report(tokens[i]));
    }
    has_software = has_software || tokens[i].is_software;
  }
  const std::size_t not_shown = count - tokens.size();
  terminal.print_json(
      Json::object().set("tokens", std::move(list)).set("not_shown", static_cast<std::int64_t>(not_shown)));
  if (not_shown > 0) terminal.print("\nnot shown  " + std::to_string(not_shown) + " more\n");
  if (count == 0) terminal.note("the module shows no token that matches");
  if (has_software) terminal.note(kSoftwareTokenNote);
  return {};
}

// The device layer knows no options; a person has these.
Error init_failure(Error error, const hal::TokenInitOptions& options) {
  if (error.status == Status::already_exists) {
    error.hint = options.erase_existing
                     ? "choose another --label: another token has this one"
                     : "choose another --label, or name the token's URI and --erase, which destroys every key on it";
  } else if (error.status == Status::token_not_found) {
    error.hint = "see what is there with: holdfast token list; to erase one, name its serial= and --erase";
  }
  return with_module_advice(error, options.uri, options.module_path);
}

Result<void> init_token(Terminal& terminal, const Arguments& arguments) {
  HOLDFAST_TRY(refuse_no_module(arguments));
  hal::TokenInitOptions options;
  options.uri = uri_or_any(arguments);
  options.label = arguments.value("label");
  options.so_pin = HOLDFAST_TRY(hal::PinSource::parse(arguments.value("so-pin-source")));
  options.user_pin = HOLDFAST_TRY(hal::PinSource::parse(arguments.value("pin-source")));
  options.module_path = arguments.value("module");
  options.erase_existing = arguments.has("erase");
  if (options.so_pin.kind == hal::PinSource::Kind::descriptor &&
      options.user_pin.kind == hal::PinSource::Kind::descriptor &&
      options.so_pin.descriptor == options.user_pin.descriptor) {
    return wrong_value("--so-pin-source and --pin-source name the same descriptor, which can be read once",
                       "give each a descriptor of its own");
  }
  const hal::Backend* backend = HOLDFAST_TRY(hal::backend_for(options.uri));
  const Result<hal::TokenDescription> made = backend->init_token(options);
  if (!made) return init_failure(made.error(), options);
  const hal::TokenDescription& token = *made;
  terminal.remember_done("the token " + std::string(token.label.view()) + " was initialised");
  terminal.show(token_report(token));
  if (token.is_software) terminal.note(kSoftwareTokenNote);
  const DeviceRequest request{options.uri, options.module_path, {}};
  const std::string uri = with_path_attribute(uri_with_module(token.uri.view(), request), "object", "agent-key");
  terminal.next_step("Make a key on it", "holdfast key generate " + shell_quoted(uri) + " --pin-source " +
                                             shell_quoted(arguments.value("pin-source")));
  return {};
}

}  // namespace

std::vector<Command> token_commands(Terminal& terminal) {
  return {
      {.words = "token list",
       .summary = "shows the tokens of a PKCS#11 module",
       .description = "Needs no PIN. The URI narrows the list: by token=, serial=, manufacturer= or model=.",
       .positionals = {{.name = "URI", .help = "pkcs11: URI of the tokens to show", .is_required = false}},
       .options = {kModuleOption},
       .examples = {{.purpose = "Every token of SoftHSM",
                     .command_line = "holdfast token list --module /usr/lib/softhsm/libsofthsm2.so"},
                    {.purpose = "One token, for a program",
                     .command_line = "holdfast token list 'pkcs11:token=agents?module-name=softhsm2' --json"}},
       .run = running(terminal, list_tokens)},
      {.words = "token init",
       .summary = "gives an empty token its label and PINs",
       .description = "A token that is in use is left alone unless --erase is given, which destroys every key on it.",
       .positionals = {{.name = "URI", .help = "which token, if there are several", .is_required = false}},
       .options =
           {{.name = "label", .value_name = "NAME", .help = "the token's name, 1 to 32 bytes", .is_required = true},
            {.name = "so-pin-source",
             .value_name = "SOURCE",
             .help = "where the security officer's PIN comes from, as --pin-source",
             .is_required = true},
            {.name = "pin-source",
             .value_name = "SOURCE",
             .help = "where the user PIN comes from: file:/PATH, fd:N, credential:NAME, env:NAME or prompt",
             .is_required = true},
            kModuleOption,
            {.name = "erase",
             .value_name = "",
             .help = "erase a token that is in use, and every key on it",
             .kind = OptionKind::flag}},
       .examples = {{.purpose = "A SoftHSM token, for CI",
                     .command_line = "holdfast token init --module /usr/lib/softhsm/libsofthsm2.so --label agents "
                                     "--so-pin-source file:/run/ci/so-pin --pin-source file:/run/ci/pin"}},
       .run = running(terminal, init_token)},
      token_check_command(terminal),
  };
}

}  // namespace holdfast::tool
