// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/agent_link.hpp"
#include "tools/holdfast/commands.hpp"
#include "tools/holdfast/identity_target.hpp"

#include <array>

namespace holdfast::tool {
namespace {

constexpr const char* kWhichTask =
    "give --task ID, as printed by holdfast task register, or --register to register a task for this one header";

Result<void> print_header(Terminal& terminal, const Arguments& arguments) {
  const bool is_registering = arguments.has("register");
  if (is_registering && arguments.has("task")) {
    return wrong_value("--task and --register exclude each other", kWhichTask);
  }
  if (!is_registering && !arguments.has("task")) return wrong_value("a header is made for a task", kWhichTask);
  // Looked at before the token is touched.
  std::optional<TaskId> task;
  if (!is_registering) task = HOLDFAST_TRY(TaskId::parse(arguments.value("task")));

  const FoundIdentity found = HOLDFAST_TRY(read_identity(arguments.value("identity-file")));
  Signer signer = HOLDFAST_TRY(open_signer(found.identity, arguments.value("pin-source")));
  if (is_registering) {
    Registrar registrar = HOLDFAST_TRY(registrar_for(found.identity));
    terminal.progress("registering a task with " + found.identity.authority_url);
    task = HOLDFAST_TRY(register_task(terminal, registrar, signer));
    terminal.remember_done("a task was registered for this header");
  }
  std::array<char, kMaxAuthorizationSize> value{};
  const std::size_t size = HOLDFAST_TRY(signer.authorization(*task, kSigningTimeout, value));
  terminal.show_line("header", "Authorization: " + std::string(value.data(), size));
  return {};
}

}  // namespace

std::vector<Command> header_commands(Terminal& terminal) {
  return {
      {.words = "header",
       .summary = "prints a fresh Authorization header line",
       .description = "The header proves who asks for as long as the authority's time window: hand it on through a "
                      "pipe, not as an\n"
                      "argument, which other users can see. Either --task or --register is needed, and not both: "
                      "with --task\n"
                      "nothing but the token is asked.",
       .positionals = {},
       .options = {{.name = "task", .value_name = "ID", .help = "the task the header is for; this or --register"},
                   {.name = "register",
                    .value_name = "",
                    .help = "register a task for this header first, in the place of --task",
                    .kind = OptionKind::flag},
                   kIdentityFileOption,
                   kPinSourceOption},
       .examples = {{.purpose = "Ask a service",
                     .command_line = "holdfast header --task \"$task\" | curl -H @- https://service.example/"},
                    {.purpose = "The same without a task at hand",
                     .command_line = "holdfast header --register | curl -H @- https://service.example/"}},
       .run = running(terminal, print_header)},
  };
}

}  // namespace holdfast::tool
