// SPDX-License-Identifier: Apache-2.0
#include "hal/system_error.hpp"
#include "tools/holdfast/commands.hpp"
#include "tools/holdfast/identity_target.hpp"
#include "tools/holdfast/program_search.hpp"
#include "tools/holdfast/testbed.hpp"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

namespace holdfast::tool {
namespace {

// What a shell says in a few words, and execve(2) by one code for several things.
Error start_failure(const std::string& name, int code) {
  Error error = hal::system_error(code, "starting the command", {});
  error.hint = "check its name and PATH; for a line of a shell write: holdfast testbed -- sh -c 'LINE'";
  if (code == ENOENT && name.find('/') != std::string::npos && ::access(name.c_str(), F_OK) == 0) {
    error.detail = FixedText<190>("what interprets " + name + " is not there");
    error.hint = "check its first line, which names its interpreter (#!)";
  } else if (code == ENOENT) {
    error.detail = FixedText<190>("there is no such command: " + name);
  } else if (code == EACCES) {
    error.detail = FixedText<190>(name + " is not executable");
    error.hint = "make it executable (chmod +x), or name what runs it: holdfast testbed -- sh FILE";
  } else {
    error.detail = FixedText<190>(name);
  }
  return error;
}

// As env(1), timeout(1) and shells have it.
int not_started(Terminal& terminal, const std::string& name, int code) {
  constexpr int kNotFound = 127;
  constexpr int kNotRunnable = 126;
  (void)terminal.fail(start_failure(name, code));
  return code == ENOENT ? kNotFound : kNotRunnable;
}

int tell_end(Terminal& terminal, const std::string& name, const CommandEnd& end) {
  if (!end.left_folder.empty()) terminal.note(end.left_folder + " could not be removed");
  for (const std::string& log : end.lost_helpers) {
    terminal.note("the program of " + log + " ended before the command did");
  }
  if (end.start_error != 0) return not_started(terminal, name, end.start_error);
  if (end.signal != 0) terminal.end_by(end.signal);
  return end.exit_code;
}

int run_in_testbed(Terminal& terminal, const Arguments& arguments) {
  const bool is_tpm = arguments.has("tpm");
  if (is_tpm && arguments.has("module")) {
    return terminal.fail(
        wrong_value("--module names a PKCS#11 module, and --tpm asks for a TPM", "give one of them"));
  }
  const Result<TestbedParts> parts = TestbedParts::find(is_tpm, arguments.value("module"));
  if (!parts) return terminal.fail(parts.error());
  std::vector<std::string> command;
  for (const std::string_view word : arguments.values("COMMAND")) command.emplace_back(word);
  const std::string name = command.front();
  // Looked for before anything is made; whether it can be run shows when it is.
  const bool is_missing = name.find('/') == std::string::npos && program_on_path(name).empty();
  if (is_missing) return not_started(terminal, name, ENOENT);

  const char* chosen = ::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): there is one thread
  const Result<std::string> folder = absolute_path(chosen != nullptr && *chosen != '\0' ? chosen : "/tmp");
  if (!folder) return terminal.fail(folder.error());
  const auto keeper = Keeper::start(*folder, std::move(command));
  if (!keeper) return terminal.fail(keeper.error());
  Testbed testbed(**keeper, *parts, terminal);
  if (const int code = testbed.make(); code != 0) return code;
  const Result<CommandEnd> end = (*keeper)->run(testbed.environment());
  return end ? tell_end(terminal, name, *end) : terminal.fail(end.error());
}

}  // namespace

std::vector<Command> testbed_commands(Terminal& terminal) {
  return {
      {.words = "testbed",
       .summary = "runs a command with a throwaway token, authority and identity",
       .description =
           "For tests: makes a SoftHSM token (or, with --tpm, a TPM of swtpm) with a key, starts holdfast-authority\n"
           "on 127.0.0.1 with a certificate of its own, registers the key, and runs COMMAND, which finds in its\n"
           "environment\n"
           "\n"
           "HOLDFAST_IDENTITY_FILE (for --identity-file), HOLDFAST_KEY_URI, HOLDFAST_TOKEN_URI,\n"
           "HOLDFAST_PIN_SOURCE, HOLDFAST_AUTHORITY_URL, HOLDFAST_VERIFY_URL, HOLDFAST_CA_FILE,\n"
           "HOLDFAST_ACCESS_TOKEN_SOURCE (for another registration), and SOFTHSM2_CONF, or for a TPM\n"
           "TPM2TOOLS_TCTI and TPM2OPENSSL_TCTI.\n"
           "\n"
           "Ends as COMMAND ended: with its exit code, or by the signal that ended it; 127 if there is no such\n"
           "command, 126 if it cannot be run. Whatever becomes of COMMAND or of the testbed, all that ran in it is\n"
           "then ended, also what COMMAND left behind, and its folder in $TMPDIR (or /tmp) removed. Any number may\n"
           "run at once.",
       .positionals = {{.name = "COMMAND", .help = "the command to run, with its arguments", .takes_rest = true}},
       .options = {{.name = "tpm",
                    .value_name = "",
                    .help = "with a TPM (swtpm) in the place of the SoftHSM token",
                    .kind = OptionKind::flag},
                   {.name = "module",
                    .value_name = "PATH",
                    .help = "SoftHSM's PKCS#11 module; default: where distributions put it"}},
       .examples = {{.purpose = "Run a project's tests", .command_line = "holdfast testbed -- make check"},
                    {.purpose = "See what a header looks like",
                     .command_line = "holdfast testbed -- sh -c 'holdfast header --register --identity-file "
                                     "\"$HOLDFAST_IDENTITY_FILE\"'"},
                    {.purpose = "Look around", .command_line = "holdfast testbed -- bash"}},
       .run = [&terminal](const Arguments& arguments) { return run_in_testbed(terminal, arguments); }},
  };
}

}  // namespace holdfast::tool
