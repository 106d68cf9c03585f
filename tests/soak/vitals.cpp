// SPDX-License-Identifier: Apache-2.0
#include "tests/soak/vitals.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <memory>
#include <span>
#include <stdexcept>
#include <thread>

namespace holdfast::soak {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator folder("/proc/self/fd");
  // Less the one that looks.
  return static_cast<std::size_t>(std::distance(begin(folder), end(folder))) - 1;
}

}  // namespace

std::size_t resident_bytes() {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen("/proc/self/statm", "re"));
  std::size_t pages = 0;
  if (!file || std::fscanf(file.get(), "%*u %zu", &pages) != 1) throw std::runtime_error("no /proc/self/statm");
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::size_t kept_descriptors() {
  constexpr int kLooks = 200;
  std::size_t fewest = open_descriptors();
  for (int i = 1; i < kLooks; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    fewest = std::min(fewest, open_descriptors());
  }
  return fewest;
}

void MemoryCurve::note(std::uint64_t signatures, std::size_t bytes) {
  if (offered_++ % every_ != 0) return;
  if (count_ == samples_.size()) {
    for (std::size_t i = 0; i < samples_.size() / 2; ++i) samples_[i] = samples_[2 * i];
    count_ = samples_.size() / 2;
    every_ *= 2;
  }
  samples_[count_++] = {double(signatures), double(bytes)};
}

MemoryCurve::Growth MemoryCurve::growth() const {
  const auto counted = std::span(samples_).first(count_).subspan(count_ / 4);
  if (counted.size() < 2) return {};
  Sample mean;
  for (const Sample& sample : counted) {
    mean.signatures += sample.signatures / double(counted.size());
    mean.bytes += sample.bytes / double(counted.size());
  }
  double together = 0;
  double square = 0;
  for (const Sample& sample : counted) {
    together += (sample.signatures - mean.signatures) * (sample.bytes - mean.bytes);
    square += (sample.signatures - mean.signatures) * (sample.signatures - mean.signatures);
  }
  const double signatures = counted.back().signatures - counted.front().signatures;
  const double slope = square > 0 ? together / square : 0;
  return {static_cast<std::uint64_t>(signatures), slope * signatures, slope};
}

}  // namespace holdfast::soak
