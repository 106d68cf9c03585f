// SPDX-License-Identifier: Apache-2.0
// Do we agree with Project Wycheproof on the edge cases of both schemes? Data and origin: data/README.md.

#include "holdfast/verifier.hpp"

#include "tests/vectors/hex.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace holdfast {
namespace {

using test::from_hex;

std::vector<std::byte> field(const std::string& text) { return from_hex(text == "-" ? "" : text); }

// "point duplication during verification": u1·G = u2·Q, which nettle 3.8 answers with a refusal. Only the holder of
// the private key can construct such a signature, none comes up by chance, and a refusal lets nothing in.
constexpr std::string_view kRefusedByNettle = "204";

// Walks one file and returns the number of rows that agree.
std::size_t rows_that_agree(Scheme scheme, const std::string& name) {
  std::ifstream file(std::string(HOLDFAST_VECTOR_DATA "/") + name);
  EXPECT_TRUE(file) << name;
  std::optional<PublicKey> key;
  std::size_t agreed = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    std::string first;
    std::string second;
    std::string message;
    std::string signature;
    words >> first >> second;
    if (first == "key") {
      auto parsed = PublicKey::from_bytes(scheme, from_hex(second));
      EXPECT_TRUE(parsed && check_public_key(*parsed)) << second;
      key = *parsed;
      continue;
    }
    words >> message >> signature;
    const auto result = verify_signature(*key, field(message), field(signature));
    if (scheme == Scheme::es256 && first == kRefusedByNettle && result.status() == Status::signature_mismatch) {
      ++agreed;
      continue;
    }
    const Status expected = second == "valid" ? Status::ok : Status::signature_mismatch;
    EXPECT_EQ(result.status(), expected) << name << ", test " << first;
    agreed += result.status() == expected ? 1U : 0U;
  }
  return agreed;
}

TEST(Wycheproof, Ed25519) { EXPECT_EQ(rows_that_agree(Scheme::ed25519, "wycheproof_ed25519.txt"), 151U); }
TEST(Wycheproof, Es256) { EXPECT_EQ(rows_that_agree(Scheme::es256, "wycheproof_p256.txt"), 262U); }

}  // namespace
}  // namespace holdfast
