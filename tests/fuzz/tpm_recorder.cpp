// SPDX-License-Identifier: Apache-2.0
// tpm_recorder FOLDER: writes the seeds of tpm_answers, each a conversation with a fresh swtpm. They hold as long as
// we send the same bytes in the same order: record them again after a change of what is sent.
#include "tests/fuzz/promise.hpp"
#include "tests/fuzz/tpm_wire.hpp"
#include "tests/fuzz/tpm_work.hpp"
#include "tests/support/swtpm.hpp"

#include <fstream>

using namespace holdfast;
using namespace holdfast::fuzz;

namespace {

// Whether it goes as well without the TPM.
bool plays(TpmWork work, std::span<const std::byte> answers) {
  const TpmWire wire(answers, TpmWire::Sizes::as_they_come);
  return do_tpm_work(work);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  for (std::size_t i = 0; i < kTpmWorkCount; ++i) {
    const auto work = static_cast<TpmWork>(i);
    const bool is_certified = work == TpmWork::an_endorsement || work == TpmWork::browse;
    const test::Swtpm tpm(is_certified ? test::Swtpm::Make::certified : test::Swtpm::Make::bare);
    if (work == TpmWork::an_owned_tpm &&
        tpm.run("tpm2_changeauth -c owner '" + std::string(kTpmAuthValue) + "'") != 0) {
      return 1;
    }
    TpmWire wire(tpm.tcti());
    const bool is_fine = do_tpm_work(work) && plays(work, wire.recorded());
    std::fprintf(stderr, "%zu: %zu commands, %zu bytes%s\n", i, wire.commands(), wire.recorded().size(),
                 is_fine ? "" : ", not all of it went well");
    if (!is_fine) return 1;
    std::ofstream out(std::string(argv[1]) + "/work-" + std::to_string(i), std::ios::binary);
    out.put(static_cast<char>(i)).put('\0');
    out.write(reinterpret_cast<const char*>(wire.recorded().data()),
              static_cast<std::streamsize>(wire.recorded().size()));
  }
  return 0;
}
