// SPDX-License-Identifier: Apache-2.0
//
// A C++ program on the static signing half that has symbols of the same names: what is ours stays ours.
#include <holdfast/holdfast.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace holdfast::c_api {
inline constexpr unsigned kDefaultTimeoutMs = 5;  // the library has 30,000 under this name
}

int main(int argc, char**) {
  std::array<char, 16> text{};
  std::array<char, 16> copy{};
  const auto written = std::to_chars(text.begin(), text.end(), argc);
  std::ranges::copy(text.begin(), written.ptr, copy.begin());
  const void* volatile constants[] = {&std::ranges::copy, &holdfast::c_api::kDefaultTimeoutMs};
  std::printf("%s %p %p\n", copy.data(), constants[0], constants[1]);
  return holdfast_status_exit_code(HOLDFAST_OK);
}
