// SPDX-License-Identifier: Apache-2.0
// A tpm2: URI (hal/tpm2/uri.cpp) and the registers it names (hal/tpm2/pcr.cpp). What is taken can be written, means
// the same read again, and has one way to be written.
#include "hal/tpm2/uri.hpp"
#include "tests/fuzz/refusal.hpp"

using namespace holdfast;
using namespace holdfast::hal::tpm2;
using fuzz::promise;

namespace {

bool is_same(const PcrBinding& a, const PcrBinding& b) {
  return a.pcrs == b.pcrs && a.has_marks == b.has_marks && a.marks == b.marks;
}
bool is_same(const KeyUri& a, const KeyUri& b) {
  return a.file == b.file && a.handle == b.handle && is_same(a.pcrs, b.pcrs) && a.srk_name == b.srk_name &&
         a.tcti == b.tcti && a.pin_source == b.pin_source;
}

void read_registers(std::string_view text) {
  const auto binding = parse_pcrs(text);
  if (!binding) return;
  const auto written = write_pcrs(*binding);
  const auto again = parse_pcrs(written.view());
  promise(again && is_same(*again, *binding), "registers written anew are the same");
  promise(write_pcrs(*again) == written, "there is one way to write registers");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  read_registers(text);
  const auto uri = parse_uri(text);
  if (!fuzz::is_taken(uri, Status::invalid_uri)) return 0;
  promise(text.size() <= hal::kMaxKeyUriSize, "no longer URI is taken");
  promise(uri->file.empty() || !uri->handle, "a key has a file or a handle");
  promise(!uri->handle || *uri->handle >> 24U == 0x81, "a handle is a persistent one");
  const auto written = write_uri(*uri);
  if (!written) {
    promise(written.status() == Status::resource_exhausted, "what is not written is too long");
    return 0;
  }
  promise(hal::is_printable(written->view()), "what is written is printable");
  const auto again = parse_uri(written->view());
  promise(again.has_value() && is_same(*uri, *again), "written anew it means the same");
  const auto twice = write_uri(*again);
  promise(twice.has_value() && *twice == *written, "there is one way to write it");
  return 0;
}
