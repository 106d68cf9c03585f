// SPDX-License-Identifier: Apache-2.0
// An Authorization value from anybody (src/verification/header.cpp). What is accepted says the same thing written
// anew, and there is one way to write it; nothing but its own signature verifies it.
#include "holdfast/verifier.hpp"

#include "src/assertion/base64.hpp"
#include "src/assertion/envelope.hpp"
#include "src/assertion/message.hpp"
#include "tests/fuzz/promise.hpp"

#include <array>
#include <string>

using namespace holdfast;
using fuzz::promise;

namespace {

// The public keys of protocol.md's vectors.
const PublicKey kEd25519 =
    parse_ssh_public_key("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs").value();

void write_anew(const UnverifiedAssertion& said) {
  std::array<char, kMaxAuthorizationSize> out{};
  const auto size = write_authorization(said.runtime_id, said.task_id, said.timestamp, said.signature, out);
  promise(size.has_value(), "what was read can be written");
  promise(*size == authorization_size(said.runtime_id, said.task_id), "the size is known before");
  const auto again = parse_authorization({out.data(), *size});
  promise(again.has_value(), "what we write we read");
  promise(again->runtime_id == said.runtime_id && again->task_id == said.task_id && again->time == said.time &&
              again->timestamp == said.timestamp && again->signature == said.signature,
          "written anew it says the same");
  std::array<char, kMaxAuthorizationSize> twice{};
  const auto size_again =
      write_authorization(again->runtime_id, again->task_id, again->timestamp, again->signature, twice);
  promise(size_again.has_value() && *size_again == *size && out == twice, "there is one way to write it");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view value = fuzz::text_of(data, size);
  const auto said = parse_authorization(value);
  if (!said) {
    promise(said.status() == Status::header_refused, "a refusal says that the header is refused");
    promise(!said.error().detail.empty(), "a refusal names the rule");
    return 0;
  }
  promise(format_timestamp(said->time).value() == said->timestamp, "a time has one text");
  write_anew(*said);

  const VerifyWindow window{.now = said->time, .seconds = 0};
  const auto verdict = verify_assertion(*said, kEd25519, window);
  promise(verdict.has_value() || verdict.status() == Status::signature_mismatch,
          "in its own second only the key judges");
  promise(verify_assertion(*said, kEd25519, {.now = {said->time.value + 301}, .seconds = 300}).status() ==
              Status::header_refused,
          "outside the window nothing is accepted");
  if (!verdict) return 0;
  UnverifiedAssertion changed = *said;
  changed.signature[0] ^= std::byte{1};
  promise(!verify_assertion(changed, kEd25519, window), "another signature does not verify");
  return 0;
}
