// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/agent_link.hpp"
#include "tools/holdfast/commands.hpp"
#include "tools/holdfast/identity_target.hpp"

namespace holdfast::tool {
namespace {

Result<void> register_one(Terminal& terminal, const Arguments& arguments) {
  const FoundIdentity found = HOLDFAST_TRY(read_identity(arguments.value("identity-file")));
  Registrar registrar = HOLDFAST_TRY(registrar_for(found.identity));
  Signer signer = HOLDFAST_TRY(open_signer(found.identity, arguments.value("pin-source")));
  terminal.progress("registering a task with " + found.identity.authority_url);
  const TaskId task = HOLDFAST_TRY(register_task(terminal, registrar, signer));
  terminal.remember_done("a task was registered, but its id was not handed out: register another");
  terminal.show_line("task_id", task.view());
  return {};
}

}  // namespace

std::vector<Command> task_commands(Terminal& terminal) {
  return {
      {.words = "task register",
       .summary = "registers a task with the authority and prints its id",
       .description = "The id is printed and kept nowhere else: hand it to holdfast header --task.",
       .positionals = {},
       .options = {kIdentityFileOption, kPinSourceOption},
       .examples = {{.purpose = "Keep the id in a shell variable", .command_line = "task=$(holdfast task register)"}},
       .run = running(terminal, register_one)},
  };
}

}  // namespace holdfast::tool
