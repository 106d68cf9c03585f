// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/commands.hpp"

#include <iterator>

namespace holdfast::tool {
namespace {

using command_line::Surrounding;

std::vector<Surrounding> environment() {
  return {
      {.name = "XDG_CONFIG_HOME",
       .help = "where a user's identity is looked for first; if it is not set, $HOME/.config",
       .with_option = "identity-file"},
      {.name = "XDG_RUNTIME_DIR",
       .help = "where it is remembered which PINs a token refused, except for root",
       .with_option = "pin-source"},
      {.name = "CREDENTIALS_DIRECTORY",
       .help = "the folder in which a source credential:NAME is a file; systemd sets it for a service with "
               "LoadCredential=",
       .with_option = "pin-source"},
      {.name = "SOFTHSM2_CONF",
       .help =
           "looked at by SoftHSM's module, not by holdfast: its configuration, which names the folder of its tokens",
       .with_option = "module"},
      {.name = "TMPDIR", .help = "where the testbed's folder is made; if it is not set, /tmp", .with_option = "tpm"},
      {.name = "NO_COLOR", .help = "if it is set and not empty, messages have no colours"},
      {.name = "TERM", .help = "if it is dumb or not set, messages have no colours"},
  };
}

std::vector<Surrounding> files() {
  return {
      {.name = "$XDG_CONFIG_HOME/holdfast/identity.json",
       .help = "a user's identity: which agent it is, its key's URI, its authority. It holds no secret",
       .with_option = "identity-file"},
      {.name = "/etc/holdfast/identity.json",
       .help = "this machine's identity, looked for after the user's",
       .with_option = "identity-file"},
      {.name = "identity.json.rotation",
       .help = "beside an identity, while its key is being exchanged: how far that has come, and which key is kept",
       .with_option = "identity-file"},
      {.name = "/run/holdfast, $XDG_RUNTIME_DIR/holdfast, /run/user/UID/holdfast, /tmp/holdfast-UID",
       .help = "root's, and the first that can be had for others: which PINs a token refused, so that none is sent "
               "twice. Nothing in it comes from a PIN",
       .with_option = "pin-source"},
      {.name = "/etc/pkcs11/modules/NAME.module, /usr/share/p11-kit/modules/NAME.module",
       .help = "what module-name=NAME in a URI stands for: p11-kit's configuration of modules (pkcs11.conf(5))",
       .with_option = "module"},
  };
}

}  // namespace

command_line::Program program(Terminal& terminal) {
  command_line::Program table;
  table.name = "holdfast";
  table.version = HOLDFAST_VERSION;
  table.summary = "signs agent assertions with keys that never leave an HSM or a TPM";
  table.description = "Secrets are never arguments: every …-source option names where one comes from.";
  table.options = {
      {.name = "json",
       .value_name = "",
       .help = "print the result as one JSON object, and an error as one on standard error",
       .kind = OptionKind::flag},
      {.name = "quiet", .value_name = "", .help = "no notes, no progress, no next step", .kind = OptionKind::flag},
  };
  table.examples = {
      {.purpose = "See the tokens of a module",
       .command_line = "holdfast token list --module /usr/lib/softhsm/libsofthsm2.so"},
      {.purpose = "Ask a service as the agent of this machine",
       .command_line = "holdfast header --register | curl -H @- https://service.example/"},
  };
  table.exit_codes =
      "  0  done\n"
      "  1  failed: a file, the clock, a header that does not hold\n"
      "  2  wrong use: an argument, a URI, an id\n"
      "  3  a person is needed: a PIN, a permission\n"
      "  4  the token, its module or the key\n"
      "  5  the authority";
  table.environment = environment();
  table.files = files();
  for (const auto commands : {token_commands, key_commands, attest_commands, agent_commands, task_commands,
                              header_commands, verify_commands, testbed_commands}) {
    std::vector<Command> more = commands(terminal);
    table.commands.insert(table.commands.end(), std::make_move_iterator(more.begin()),
                          std::make_move_iterator(more.end()));
  }
  table.commands.push_back(doctor_command(terminal));
  return table;
}

}  // namespace holdfast::tool
