// SPDX-License-Identifier: Apache-2.0
#include "hal/uri_attributes.hpp"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::hal {
namespace {

constexpr UriAttribute kAttributes[] = {{"one", false}, {"two", false}, {"three", true}};
constexpr UriGrammar kGrammar{
    .scheme = "key:",
    .attributes = kAttributes,
    .path_characters = "/",
    .query_characters = "/?",
    .layer = Layer::tpm2,
    .hint = "write it right",
};

std::string seen_in(std::string_view text) {
  std::string seen;
  const auto read = UriReading(kGrammar).read(text, [&](std::size_t index, std::optional<std::string_view> value) {
    seen += std::string(kAttributes[index].name) + (value ? "=" + std::string(*value) : "") + " ";
    return Result<void>();
  });
  if (read) return seen;
  EXPECT_EQ(read.status(), Status::invalid_uri);
  EXPECT_EQ(read.error().layer, Layer::tpm2);
  EXPECT_STREQ(read.error().hint, "write it right");
  return std::string(read.error().detail.view());
}

TEST(UriAttributes, are_read_in_the_uris_order_with_their_values_as_they_stand) {
  EXPECT_EQ(seen_in("key:"), "");
  EXPECT_EQ(seen_in("key:two=%20b;one=a=a?three=x?y;z"), "two=%20b one=a=a three=x?y;z ");
  EXPECT_EQ(seen_in("KEY:?three=1"), "three=1 ");
  EXPECT_EQ(seen_in("key:one"), "one ");
  EXPECT_EQ(seen_in("key:one="), "one= ");
}

TEST(UriAttributes, are_refused_by_name) {
  EXPECT_EQ(seen_in("kex:one=1"), "the URI does not begin with key:");
  EXPECT_EQ(seen_in("key:one=1;one=2"), "one is there twice");
  EXPECT_EQ(seen_in("key:four=1;"), "four is not an attribute we know");
  EXPECT_EQ(seen_in("key:One=1"), "One is not an attribute we know");
  EXPECT_EQ(seen_in("key:three=1"), "three belongs after the question mark");
  EXPECT_EQ(seen_in("key:?one=1"), "one belongs before the question mark");
  EXPECT_EQ(seen_in("key:one=1;"), "the URI has an empty attribute at its end");
  EXPECT_EQ(seen_in("key:;one=1"), "the URI has an attribute without a name");
  EXPECT_EQ(seen_in("key:one=1?"), "the URI ends in an empty query");
  EXPECT_EQ(seen_in("key:?three=1&"), "the URI has an empty attribute at its end");
  EXPECT_EQ(seen_in("key:" + std::string(kMaxKeyUriSize, 'a')), "the URI is longer than 1024 characters");
}

TEST(UriAttributes, reading_ends_with_the_first_refusal_of_the_taker) {
  UriReading reading(kGrammar);
  const auto read = reading.read("key:one=1;two=2", [](std::size_t, std::optional<std::string_view>) -> Result<void> {
    return kGrammar.refuse("one", "is red");
  });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().detail.view(), "one is red");
  EXPECT_TRUE(reading.is_seen(0));
  EXPECT_FALSE(reading.is_seen(1));
  EXPECT_EQ(kGrammar.refuse("a\x1b[31m", "is red").detail.view(), "a?[31m is red");
}

TEST(UriAttributes, a_character_stands_for_itself_only_where_the_grammar_says) {
  const auto is_fine = [](const UriAttribute& attribute, std::string_view text) {
    return kGrammar.check(attribute, take_octet(text)).has_value();
  };
  for (const UriAttribute& attribute : kAttributes) {
    EXPECT_TRUE(is_fine(attribute, "a"));
    EXPECT_TRUE(is_fine(attribute, "/"));
    EXPECT_TRUE(is_fine(attribute, "%00"));
    EXPECT_FALSE(is_fine(attribute, "%0"));
    EXPECT_FALSE(is_fine(attribute, " "));
    EXPECT_FALSE(is_fine(attribute, "\xc3"));
  }
  EXPECT_FALSE(is_fine(kAttributes[0], "?"));
  EXPECT_TRUE(is_fine(kAttributes[2], "?"));
}

TEST(UriAttributes, are_written_encoded_with_their_separators) {
  UriWriting out("key:", "-", "/");
  out.path("one", "");
  out.path("two", "a-/");
  out.path("id", std::as_bytes(std::span("A\xff", 2)));
  out.query("three", "-/");
  out.query("four", "4");
  EXPECT_EQ(out.text(Layer::tpm2)->view(), "key:two=a-%2F;id=%41%FF?three=%2D/&four=4");

  UriWriting query_alone("key:", "", "");
  query_alone.query("three", "3");
  EXPECT_EQ(query_alone.text(Layer::tpm2)->view(), "key:?three=3");
}

TEST(UriAttributes, what_does_not_fit_is_not_cut_but_refused) {
  UriWriting out("key:", "", "");
  out.path("one", std::string(kMaxKeyUriSize - 8, 'a'));
  ASSERT_EQ(out.text(Layer::tpm2)->size(), kMaxKeyUriSize);
  out.query("three", "3");
  EXPECT_TRUE(out.is_cut());
  EXPECT_EQ(out.text(Layer::tpm2).status(), Status::resource_exhausted);
}

}  // namespace
}  // namespace holdfast::hal
