// SPDX-License-Identifier: Apache-2.0
// A TPM key's file (hal/tpm2/key_file.cpp): TSS2 PRIVATE KEY in PEM. What is taken can be written, means the same
// read again, and has one way to be written.
#include "hal/tpm2/key_file.hpp"
#include "tests/fuzz/refusal.hpp"

using namespace holdfast;
using namespace holdfast::hal::tpm2;
using fuzz::promise;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = parse_key_file(fuzz::text_of(data, size));
  if (!fuzz::is_taken(file)) {
    promise(file.status() == Status::file_invalid || file.status() == Status::key_refused,
            "a file is invalid, or its key is refused");
    return 0;
  }
  promise(hal::is_printable(file->description.view()), "a description is printable");
  const auto written = write_key_file(*file);
  if (!written) {
    promise(written.status() == Status::resource_exhausted, "what is not written is too long");
    return 0;
  }
  const auto again = parse_key_file(written->view());
  promise(again.has_value(), "what we write we read");
  promise(std::ranges::equal(again->key.public_area.bytes(), file->key.public_area.bytes()) &&
              again->key.private_area == file->key.private_area && again->parent == file->parent &&
              again->has_empty_auth == file->has_empty_auth &&
              again->policy.has_value() == file->policy.has_value() && again->description == file->description,
          "written anew it is the same key");
  const auto twice = write_key_file(*again);
  promise(twice.has_value() && *twice == *written, "there is one way to write it");
  return 0;
}
