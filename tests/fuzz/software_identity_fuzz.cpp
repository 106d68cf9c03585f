// SPDX-License-Identifier: Apache-2.0
// What an identity was kept in as software (src/identity/upstream_record.cpp, jwt.cpp): a JWT, an auth.json, a key
// file. What is taken can go into an identity file and onto a terminal, and its key is one.
#include "src/identity/software_crypto.hpp"
#include "src/identity/upstream_record.hpp"
#include "tests/fuzz/refusal.hpp"

#include <vector>

using namespace holdfast;
using fuzz::promise;

namespace {

// Ends before the rest is made: what lies behind it is not ours to touch.
constexpr std::size_t kFence = 64;
constexpr std::byte kFenceByte{0xA5};

void judge(const SoftwareIdentity& identity) {
  const auto half = public_half(identity.key.public_key.scheme(), identity.key.private_key);
  promise(half.has_value() && *half == identity.key.public_key, "the public half is the private one's");
  promise(identity.runtime_id.has_value() == (identity.form != SourceForm::key), "a bare key has no runtime id");
  for (const std::string* text : {&identity.account.account_id, &identity.account.user_id, &identity.account.email,
                                  &identity.account.plan_type, &identity.claims.issuer}) {
    promise(hal::is_printable(*text), "what is said of the account is printable");
  }
  if (!identity.jwt) return;
  promise(identity.jwt->payload.size() == 0, "the payload, which holds the key, is not kept");
  (void)fuzz::is_taken(check_claims(identity.claims, WallSeconds{1'776'643'200}), Status::file_invalid);
  // No key fits: what is refused says why.
  promise(!fuzz::is_taken(verify_jwt(*identity.jwt, {}), Status::file_invalid), "nobody's signature does not verify");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto given = fuzz::bytes_of(data, size);
  std::vector<std::byte> source(given.begin(), given.end());
  source.insert(source.end(), kFence, kFenceByte);
  const auto identity = read_upstream_record(std::span(source).first(size));
  promise(std::ranges::count(std::span(source).subspan(size), kFenceByte) == kFence, "nothing is written beyond");
  if (fuzz::is_taken(identity)) judge(*identity);
  return 0;
}
