// SPDX-License-Identifier: Apache-2.0
// What a TPM answers, or something between it and us (hal/tpm2): response headers, sessions and their HMACs, public
// areas, capabilities, signatures, certificates. Whatever comes, every command sent has a TPM's form, every step ends
// with a value that holds or an error that says what is wrong, and what is described is described in words.
#include "tests/fuzz/promise.hpp"
#include "tests/fuzz/tpm_wire.hpp"
#include "tests/fuzz/tpm_work.hpp"

using namespace holdfast::fuzz;

// The first byte is the work, the second how sizes are taken; then the answers.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices(data, size);
  const auto work = static_cast<TpmWork>(choices.choice(kTpmWorkCount));
  const auto sizes = choices.flag() ? TpmWire::Sizes::corrected : TpmWire::Sizes::as_they_come;
  const TpmWire wire(choices.rest(), sizes);
  (void)do_tpm_work(work);
  // A TPM that asks to wait is asked again; virtual time ends that.
  promise(wire.commands() < 20'000, "nobody is asked for ever");
  return 0;
}
