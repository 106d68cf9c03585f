// SPDX-License-Identifier: Apache-2.0
//
// Writes the man pages and the shells' completions of the tools, from the tables they parse by, into a folder laid
// out as the one they are installed to: pages FOLDER
#include "tools/authority/options.hpp"
#include "tools/command_line/completion.hpp"
#include "tools/command_line/man_page.hpp"
#include "tools/holdfast/commands.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace {

using holdfast::command_line::Program;

void write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path.string());
}

void write_pages(const std::filesystem::path& folder, const Program& program) {
  for (const auto& page : holdfast::command_line::man_pages(program)) {
    write(folder / "man/man1" / (page.name + ".1"), page.text);
  }
  const std::string name(program.name);
  write(folder / "bash-completion/completions" / name, holdfast::command_line::bash_completion(program));
  write(folder / "zsh/vendor-completions" / ("_" + name), holdfast::command_line::zsh_completion(program));
  write(folder / "fish/vendor_completions.d" / (name + ".fish"), holdfast::command_line::fish_completion(program));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: pages FOLDER\n", stderr);
    return 2;
  }
  try {
    // Pages of commands that are gone stay in no package.
    std::filesystem::remove_all(argv[1]);
    holdfast::tool::Terminal terminal;
    write_pages(argv[1], holdfast::tool::program(terminal));
    write_pages(argv[1], holdfast::authority::program_table({}));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pages: %s\n", error.what());
    return 1;
  }
}
