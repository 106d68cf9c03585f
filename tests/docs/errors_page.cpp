// SPDX-License-Identifier: Apache-2.0
// Prints docs/errors.md from the status table.
#include "holdfast/result.hpp"

#include <cstdio>

int main() {
  using namespace holdfast;
  std::puts(
      "# Errors\n\n"
      "Every way a call can end, grouped by what to do about it. Made from the status table "
      "(`src/status/status_table.cpp`)\n"
      "by the program `errors_page`; `ctest -L docs` compares.\n\n"
      "A person reads `holdfast: error: <what failed>: <which thing> (<layer>: <NATIVE_NAME> while <doing>)` and\n"
      "`holdfast: hint: <the next action>`. A program reads the status, or the tool's exit code: 0 done, 1 failed, 2 "
      "wrong use, 3 a\n"
      "person is needed, 4 device, 5 authority.\n\n"
      "| # | status | remedy | exit | what it says | hint |\n"
      "| --- | --- | --- | --- | --- | --- |");
  for (holdfast_status value = 0; value < HOLDFAST_STATUS_COUNT; ++value) {
    const auto status = static_cast<Status>(value);
    const auto print = [](std::string_view text) {
      std::printf(" %.*s |", static_cast<int>(text.size()), text.data());
    };
    std::printf("| %d |", value);
    std::printf(" `%.*s` |", static_cast<int>(status_name(status).size()), status_name(status).data());
    print(remedy_name(status_remedy(status)));
    std::printf(" %d |", status_exit_code(status));
    print(status_text(status));
    print(status_hint(status).empty() ? "—" : status_hint(status));
    std::puts("");
  }
}
