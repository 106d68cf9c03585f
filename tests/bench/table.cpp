// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace holdfast::bench {
namespace {

std::string section;               // NOLINT: one thread prints
std::vector<std::string> columns;  // NOLINT

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// One JSON object a line, in the file that the run names; tests/bench/report reads them.
void keep(const std::string& what, const char* unit, const std::string& numbers) {
  const char* path = std::getenv("HOLDFAST_BENCH_RESULTS");
  if (path == nullptr) return;
  FILE* file = std::fopen(path, "a");
  if (file == nullptr) throw std::runtime_error(std::string(path) + " cannot be written");
  std::fprintf(file, "{\"section\": %s, \"what\": %s, \"unit\": %s, %s}\n", quoted(section).c_str(),
               quoted(what).c_str(), quoted(unit).c_str(), numbers.c_str());
  std::fclose(file);
}

std::string number(const char* name, double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "\"%s\": %.6g", name, value);
  return text.data();
}

// As many digits as mean something.
std::string shown(double value) {
  std::array<char, 32> text{};
  const double size = std::abs(value);
  std::snprintf(text.data(), text.size(), size >= 1000 ? "%.0f" : size >= 0.1 || size == 0 ? "%.3f" : "%.2g", value);
  return text.data();
}

void keep(const std::string& what, const char* unit, const Estimate& estimate) {
  keep(what, unit,
       number("median", estimate.median) + ", " + number("low", estimate.low) + ", " + number("high", estimate.high));
}

}  // namespace

void begin_table(const std::string& title) {
  section = title;
  std::printf("\n### %s\n\n| what | median | 95 %% interval | unit |\n| --- | --- | --- | --- |\n", title.c_str());
}

void print(const std::string& what, const Estimate& estimate, const char* unit) {
  std::printf("| %-66s | %9s | %9s – %9s | %s |\n", what.c_str(), shown(estimate.median).c_str(),
              shown(estimate.low).c_str(), shown(estimate.high).c_str(), unit);
  keep(what, unit, estimate);
}

void print_count(const std::string& what, double value, const char* unit) {
  std::printf("| %-66s | %9.5g | | %s |\n", what.c_str(), value, unit);
  keep(what, unit, number("value", value));
}

void begin_grid(const std::string& title, const std::vector<std::string>& names) {
  section = title;
  columns = names;
  std::printf("\n### %s\n\n| what |", title.c_str());
  for (const std::string& name : columns) std::printf(" %s |", name.c_str());
  std::printf(" unit |\n| --- |");
  for (std::size_t i = 0; i < columns.size(); ++i) std::printf(" --- |");
  std::printf(" --- |\n");
}

void print_row(const std::string& what, const std::vector<Estimate>& cells, const char* unit) {
  std::printf("| %-58s |", what.c_str());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const Estimate& cell = cells[i];
    std::printf(" %s (%s – %s) |", shown(cell.median).c_str(), shown(cell.low).c_str(), shown(cell.high).c_str());
    keep(what + ": " + columns.at(i), unit, cell);
  }
  std::printf(" %s |\n", unit);
}

void keep_distribution(const std::string& what, std::vector<double> samples, const char* unit) {
  std::sort(samples.begin(), samples.end());
  std::string points;
  for (const double share : {0.0, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.99, 100.0}) {
    const auto last = static_cast<double>(samples.size() - 1);
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%s[%g, %.6g]", points.empty() ? "" : ", ", share,
                  samples[static_cast<std::size_t>(share / 100 * last)]);
    points += text.data();
  }
  keep(what, unit, "\"samples\": " + std::to_string(samples.size()) + ", \"percentiles\": [" + points + "]");
}

}  // namespace holdfast::bench
