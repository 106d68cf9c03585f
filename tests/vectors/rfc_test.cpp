// SPDX-License-Identifier: Apache-2.0
// Do we agree with the examples of the standards? Data and origin: data/README.md.

#include "holdfast/verifier.hpp"

#include "hal/pkcs11/uri.hpp"
#include "src/assertion/base64.hpp"
#include "src/identity/private_key.hpp"
#include "src/identity/software_crypto.hpp"
#include "tests/vectors/hex.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>
#include <string>

namespace holdfast {
namespace {

using test::from_hex;

std::string path_of(const std::string& name) { return std::string(HOLDFAST_VECTOR_DATA "/") + name; }

// Calls `row` with the words of each line and returns how many there were.
std::size_t for_each_row(const std::string& name, const std::function<void(const std::vector<std::string>&)>& row) {
  std::ifstream file(path_of(name));
  EXPECT_TRUE(file) << name;
  std::size_t rows = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    SCOPED_TRACE(line);
    std::istringstream words(line);
    std::vector<std::string> all;
    for (std::string word; words >> word;) all.push_back(word == "-" ? "" : word);
    row(all);
    ++rows;
  }
  return rows;
}

hal::SecretBytes seed_of(const std::string& hex) {
  const std::vector<std::byte> bytes = from_hex(hex);
  hal::SecretBytes seed = hal::SecretBytes::allocate(bytes.size()).value();
  std::ranges::copy(bytes, seed.storage({}).begin());
  seed.set_size(bytes.size());
  return seed;
}

TEST(Rfc8032, Ed25519KeysAndSignatures) {
  const std::size_t rows = for_each_row("rfc8032_ed25519.txt", [](const std::vector<std::string>& row) {
    ASSERT_EQ(row.size(), 4U);
    const auto key = PublicKey::from_bytes(Scheme::ed25519, from_hex(row[1]));
    ASSERT_TRUE(key);
    const auto computed = public_half(Scheme::ed25519, seed_of(row[0]));
    ASSERT_TRUE(computed);
    EXPECT_EQ(*computed, *key);
    EXPECT_TRUE(verify_signature(*key, from_hex(row[2]), from_hex(row[3])));
  });
  EXPECT_EQ(rows, 4U);
}

// Version 1, and version 2 with an attribute ("Curdle Chairs") and the public half.
TEST(Rfc8410, BothPrivateKeysAreThatOfItsPublicKey) {
  const auto key = PublicKey::from_bytes(
      Scheme::ed25519, from_hex("19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1"));
  ASSERT_TRUE(key);
  for (const char* name : {"rfc8410_v1.pem", "rfc8410_v2.pem"}) {
    std::ifstream file(path_of(name));
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto read = read_private_key_file(std::as_bytes(std::span(text)));
    ASSERT_TRUE(read) << name << ": " << read.error().detail.view();
    EXPECT_EQ(read->public_key, *key) << name;
  }
}

TEST(Rfc4648, Base64IsWrittenAndReadAlike) {
  const std::size_t rows = for_each_row("rfc4648_base64.txt", [](const std::vector<std::string>& row) {
    ASSERT_EQ(row.size(), 2U);
    std::array<char, 16> text{};
    const std::size_t size = encode_base64(Base64::standard, std::as_bytes(std::span(row[0])), text);
    EXPECT_EQ(std::string_view(text.data(), size), row[1]);
    std::array<std::byte, 16> bytes{};
    const auto decoded = decode_base64(Base64::standard, row[1], bytes);
    ASSERT_TRUE(decoded);
    EXPECT_TRUE(std::ranges::equal(std::span(bytes).first(*decoded), std::as_bytes(std::span(row[0]))));
  });
  EXPECT_EQ(rows, 7U);
}

// What names no private key, or names it by what changes, or holds a PIN, is refused on purpose.
TEST(Rfc7512, ExamplesAreTakenOrRefusedAsMarked) {
  using hal::pkcs11::parse_uri;
  using hal::pkcs11::UriUse;
  const std::size_t rows = for_each_row("rfc7512_uris.txt", [](const std::vector<std::string>& row) {
    ASSERT_EQ(row.size(), 2U);
    const auto uri = parse_uri(row[1], UriUse::key);
    EXPECT_EQ(uri.status(), row[0] == "taken" ? Status::ok : Status::invalid_uri);
    if (!uri) return;
    const auto written = write_uri(*uri);
    ASSERT_TRUE(written);
    const auto again = parse_uri(written->view(), UriUse::key);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->object.view(), uri->object.view());
    EXPECT_EQ(again->module_path.view(), uri->module_path.view());
    EXPECT_EQ(again->module_name.view(), uri->module_name.view());
    EXPECT_EQ(again->pin_source.view(), uri->pin_source.view());
  });
  EXPECT_EQ(rows, 13U);
}

}  // namespace
}  // namespace holdfast
