// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/bench/rounds.hpp"

#include <string>
#include <vector>

namespace holdfast::bench {

/// Begins a section of the page with a table of medians, on standard output in Markdown. What is printed under it is
/// also kept as a result.
void begin_table(const std::string& title);
/// One line of it.
void print(const std::string& what, const Estimate& estimate, const char* unit);
/// One line of it: a number that has no interval, as it was counted or is what it is.
void print_count(const std::string& what, double number, const char* unit);

/// Begins a section whose table has these columns; a line of it is kept as one result for each of them.
void begin_grid(const std::string& title, const std::vector<std::string>& columns);
/// One line of it, an estimate for each column.
void print_row(const std::string& what, const std::vector<Estimate>& cells, const char* unit);

/// Keeps how `samples` are spread for the plots, under the section that was begun last; prints nothing.
void keep_distribution(const std::string& what, std::vector<double> samples, const char* unit);

}  // namespace holdfast::bench
