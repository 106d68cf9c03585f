// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/commands.hpp"

#include <iterator>

namespace holdfast::tool {

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
