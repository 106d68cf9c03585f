// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/commands.hpp"
#include "tools/holdfast/option_values.hpp"
#include "tools/holdfast/process_setup.hpp"

#include <unistd.h>

#include <exception>

namespace {

using holdfast::command_line::Request;

int answer(holdfast::tool::Terminal& terminal, const std::vector<std::string>& arguments) {
  constexpr int kWrongUse = 2;
  const holdfast::command_line::Program program = holdfast::tool::program(terminal);
  const Request request = holdfast::command_line::parse(program, arguments);
  // Help is for people, whatever else the line says.
  const bool is_json = request.arguments.has("json") && request.kind != Request::Kind::text;
  terminal.configure(is_json, request.arguments.has("quiet"));
  switch (request.kind) {
    case Request::Kind::run: {
      const holdfast::Result<void> values = holdfast::tool::check_option_values(*request.command, request.arguments);
      return values ? request.command->run(request.arguments) : terminal.fail(values.error());
    }
    case Request::Kind::text:
      terminal.print(request.text);
      return 0;
    case Request::Kind::no_command:
      terminal.usage(request.text);
      return kWrongUse;
    case Request::Kind::wrong_use:
      break;
  }
  return terminal.fail_use(request.error, request.hint);
}

}  // namespace

int main(int argc, char** argv) {
  holdfast::tool::set_up_process();
  holdfast::tool::Terminal terminal;
  int code = 0;
  try {
    const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
    code = terminal.finish(answer(terminal, arguments));
  } catch (const std::exception&) {  // nothing here throws but the allocator
    code = terminal.fail(holdfast::failure(holdfast::Status::resource_exhausted, holdfast::Layer::core, "running"));
  }
  // By now everything is closed and wiped, and the terminal is as it was.
  if (terminal.interrupted_by() != 0) holdfast::tool::end_by_signal(terminal.interrupted_by());
  return code;
}
