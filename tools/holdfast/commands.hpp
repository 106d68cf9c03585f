// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "tools/command_line/command_line.hpp"
#include "tools/holdfast/terminal.hpp"

#include <string_view>
#include <vector>

namespace holdfast::tool {

using command_line::Arguments;
using command_line::Command;
using command_line::Option;
using command_line::OptionKind;

/// The commands of each noun. They say what they have to say through `terminal`, which outlives them.
[[nodiscard]] std::vector<Command> token_commands(Terminal& terminal);
[[nodiscard]] Command token_check_command(Terminal& terminal);  ///< token check
[[nodiscard]] std::vector<Command> key_commands(Terminal& terminal);
[[nodiscard]] std::vector<Command> attest_commands(Terminal& terminal);
[[nodiscard]] std::vector<Command> agent_commands(Terminal& terminal);
[[nodiscard]] Command import_command(Terminal& terminal);                  ///< agent import
[[nodiscard]] std::vector<Command> rotation_commands(Terminal& terminal);  ///< agent rotate, agent retire
[[nodiscard]] std::vector<Command> task_commands(Terminal& terminal);
[[nodiscard]] std::vector<Command> testbed_commands(Terminal& terminal);
[[nodiscard]] std::vector<Command> header_commands(Terminal& terminal);
[[nodiscard]] std::vector<Command> verify_commands(Terminal& terminal);
[[nodiscard]] Command doctor_command(Terminal& terminal);

/// The whole program as a table: what it parses, its help, its man pages.
[[nodiscard]] command_line::Program program(Terminal& terminal);

using Work = Result<void> (*)(Terminal& terminal, const Arguments& arguments);

/// `work` as a command's run function: a failure is said, and its exit code returned.
[[nodiscard]] inline auto running(Terminal& terminal, Work work) {
  return [&terminal, work](const Arguments& arguments) {
    const Result<void> done = work(terminal, arguments);
    return done ? 0 : terminal.fail(done.error());
  };
}

/// `invalid_argument` for a value on the command line; `hint` is a literal.
[[nodiscard]] inline Error wrong_value(std::string_view detail, const char* hint) {
  return failure(Status::invalid_argument, Layer::core, "reading the command line").about(detail).with_hint(hint);
}

// Options that several commands share word for word.
inline constexpr Option kPinSourceOption{
    .name = "pin-source",
    .value_name = "SOURCE",
    .help =
        "where the PIN comes from: file:/PATH, fd:N, credential:NAME, env:NAME or prompt; default: the URI's "
        "pin-source"};
inline constexpr Option kOwnerPinSourceOption{
    .name = "owner-pin-source",
    .value_name = "SOURCE",
    .help =
        "TPM: where the auth value of the owner hierarchy comes from, if it has one. It is sent once. With it the "
        "storage root is made persistent at 0x81000001, so that signing does not need it"};
inline constexpr Option kModuleOption{.name = "module",
                                      .value_name = "PATH",
                                      .help = "the PKCS#11 module; default: the URI's module-path or module-name"};
inline constexpr Option kIdentityFileOption{
    .name = "identity-file",
    .value_name = "PATH",
    .help = "the identity; default: $XDG_CONFIG_HOME/holdfast/identity.json, then /etc/holdfast/identity.json"};
inline constexpr Option kNewIdentityFileOption{
    .name = "identity-file",
    .value_name = "PATH",
    .help =
        "where the identity is written; default: /etc/holdfast/identity.json for root, "
        "$XDG_CONFIG_HOME/holdfast/identity.json for others"};
inline constexpr Option kCaFileOption{.name = "ca-file",
                                      .value_name = "PATH",
                                      .help = "PEM certificates that vouch for the authority; default: the system's"};
inline constexpr Option kProfileOption{.name = "profile",
                                       .value_name = "PROFILE",
                                       .help =
                                           "what the key must be: strict (made on the token), imported (brought in), "
                                           "or shared (TPM: by another tool, may "
                                           "also decrypt); default: strict"};
inline constexpr Option kNoProbeOption{
    .name = "no-probe",
    .value_name = "",
    .help = "do not try to export a disposable key; that it was not tried is recorded",
    .kind = OptionKind::flag};

}  // namespace holdfast::tool
