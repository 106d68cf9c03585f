// SPDX-License-Identifier: Apache-2.0
// A pkcs11: URI (hal/pkcs11/uri.cpp): from an identity file, a command line, a token. What is taken can be written,
// means the same read again, and has one way to be written; a PIN in it is never repeated.
#include "hal/pkcs11/uri.hpp"
#include "tests/fuzz/refusal.hpp"

#include <string>

using namespace holdfast;
using namespace holdfast::hal::pkcs11;
using fuzz::promise;

namespace {

bool is_same(const KeyUri& a, const KeyUri& b) {
  return a.token == b.token && a.manufacturer == b.manufacturer && a.model == b.model && a.serial == b.serial &&
         a.object == b.object && std::ranges::equal(a.id.view(), b.id.view()) && a.module_path == b.module_path &&
         a.module_name == b.module_name && a.pin_source == b.pin_source;
}

void read(std::string_view text, UriUse use) {
  const auto uri = parse_uri(text, use);
  if (!fuzz::is_taken(uri)) return;
  promise(text.size() <= hal::kMaxKeyUriSize, "no longer URI is taken");
  promise(use == UriUse::blank_token || !uri->slot, "a key is not named by a slot");
  const auto written = write_uri(*uri);
  if (!written) {
    promise(written.status() == Status::resource_exhausted, "what is not written is too long");
    return;
  }
  promise(hal::is_printable(written->view()), "what is written is printable");
  const auto again = parse_uri(written->view(), use);
  promise(again.has_value(), "what we write we read");
  // A model, and an object beside an id, are left out of a URI that would be too long.
  const bool is_cut = again->model.empty() != uri->model.empty() || again->object.empty() != uri->object.empty();
  promise(is_cut || is_same(*uri, *again), "written anew it means the same");
  const auto twice = write_uri(*again);
  promise(twice.has_value() && *twice == *written, "there is one way to write it");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  read(text, UriUse::key);
  read(text, UriUse::blank_token);
  return 0;
}
