// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/uri.hpp"

#include "tests/support/case_name.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace holdfast::hal::pkcs11 {
namespace {

std::string refusal(std::string_view text, UriUse use = UriUse::key) {
  const auto uri = parse_uri(text, use);
  if (uri) return "accepted";
  EXPECT_EQ(uri.status(), Status::invalid_uri) << text;
  EXPECT_EQ(uri.error().layer, Layer::pkcs11);
  return std::string(uri.error().detail.view());
}

TEST(Uri, reads_every_attribute) {
  const auto uri = parse_uri(
      "pkcs11:token=My%20agents;manufacturer=SoftHSM%20project;model=SoftHSM%20v2;serial=0123456789abcdef;"
      "object=agent%3Bone;id=%00%01%fF;type=private?module-path=/opt/m%20o.so&pin-source=file:/run/pin",
      UriUse::key);
  ASSERT_TRUE(uri.has_value()) << uri.error().detail.view();
  EXPECT_EQ(uri->token.view(), "My agents");
  EXPECT_EQ(uri->manufacturer.view(), "SoftHSM project");
  EXPECT_EQ(uri->model.view(), "SoftHSM v2");
  EXPECT_EQ(uri->serial.view(), "0123456789abcdef");
  EXPECT_EQ(uri->object.view(), "agent;one");
  ASSERT_EQ(uri->id.size, 3U);
  EXPECT_EQ(uri->id.bytes[0], std::byte{0});
  EXPECT_EQ(uri->id.bytes[2], std::byte{0xff});
  EXPECT_EQ(uri->module_path.view(), "/opt/m o.so");
  EXPECT_EQ(uri->pin_source.view(), "file:/run/pin");
  EXPECT_TRUE(uri->module_name.empty());
  EXPECT_FALSE(uri->slot.has_value());
}

TEST(Uri, may_leave_everything_open) {
  const auto uri = parse_uri("pkcs11:", UriUse::key);
  ASSERT_TRUE(uri.has_value());
  EXPECT_FALSE(uri->names_an_object());
  EXPECT_TRUE(parse_uri("pkcs11:?module-name=softhsm2", UriUse::key).has_value());
}

TEST(Uri, has_its_scheme_in_capitals_too_and_is_written_in_small_letters) {
  for (const std::string_view text : {"PKCS11:token=A", "Pkcs11:token=A"}) {
    const auto uri = parse_uri(text, UriUse::key);
    ASSERT_TRUE(uri.has_value()) << uri.error().detail.view();
    EXPECT_EQ(write_uri(*uri)->view(), "pkcs11:token=A");
  }
}

TEST(Uri, fills_fields_to_the_last_byte) {
  const std::string label(32, 'x');
  const auto uri = parse_uri("pkcs11:token=" + label + ";serial=0123456789abcdef", UriUse::key);
  ASSERT_TRUE(uri.has_value()) << uri.error().detail.view();
  EXPECT_EQ(uri->token.view(), label);
}

struct Mistake {
  const char* text;
  const char* detail;
};

void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.text; }

class UriMistake : public ::testing::TestWithParam<Mistake> {};

TEST_P(UriMistake, is_refused_by_name) { EXPECT_EQ(refusal(GetParam().text), GetParam().detail); }

INSTANTIATE_TEST_SUITE_P(
    all, UriMistake,
    ::testing::Values(Mistake{"", "the URI does not begin with pkcs11:"},
                      Mistake{"pkcs11", "the URI does not begin with pkcs11:"},
                      Mistake{"pkcs1Q:token=a", "the URI does not begin with pkcs11:"},
                      Mistake{"tpm2:file=/x", "the URI does not begin with pkcs11:"},
                      Mistake{"pkcs11:token=a;token=b", "token is there twice"},
                      Mistake{"pkcs11:token=a;token=a", "token is there twice"},
                      Mistake{"pkcs11:id=%01;id=%01", "id is there twice"},
                      Mistake{"pkcs11:?module-path=/a&module-path=/a", "module-path is there twice"},
                      Mistake{"pkcs11:tokn=a", "tokn is not an attribute we know"},
                      Mistake{"pkcs11:library-version=1", "library-version is not an attribute we know"},
                      Mistake{"pkcs11:slot-description=x", "slot-description is not an attribute we know"},
                      Mistake{"pkcs11:token=a?x-vendor=1", "x-vendor is not an attribute we know"},
                      Mistake{"pkcs11:token=a?Module-path=/a", "Module-path is not an attribute we know"},
                      Mistake{"pkcs11:token=", "token is empty"}, Mistake{"pkcs11:object=", "object is empty"},
                      Mistake{"pkcs11:id=", "id is empty"}, Mistake{"pkcs11:?pin-source=", "pin-source is empty"},
                      Mistake{"pkcs11:?module-path=", "module-path is empty"},
                      Mistake{"pkcs11:token", "token has no value"}, Mistake{"pkcs11:token=%20%20", "token is blank"},
                      Mistake{"pkcs11:=a", "the URI has an attribute without a name"},
                      Mistake{"pkcs11:token=a;", "the URI has an empty attribute at its end"},
                      Mistake{"pkcs11:token=a;;object=b", "the URI has an attribute without a name"},
                      Mistake{"pkcs11:token=a?", "the URI ends in an empty query"},
                      Mistake{"pkcs11:token=a#b", "the URI has a fragment (#)"},
                      Mistake{"pkcs11:token=a?module-path=/a#b", "the URI has a fragment (#)"},
                      Mistake{"pkcs11:token=a%", "token has a % without two hexadecimal digits"},
                      Mistake{"pkcs11:token=a%2", "token has a % without two hexadecimal digits"},
                      Mistake{"pkcs11:token=%zz", "token has a % without two hexadecimal digits"},
                      Mistake{"pkcs11:token=a%00b", "token holds a NUL byte"},
                      Mistake{"pkcs11:object=%00", "object holds a NUL byte"},
                      Mistake{"pkcs11:?module-path=/a%00", "module-path holds a NUL byte"},
                      Mistake{"pkcs11:token=my token", "token has a character that must be percent-encoded"},
                      Mistake{"pkcs11:token=a/b", "token has a character that must be percent-encoded"},
                      Mistake{"pkcs11:token=\xc3\xbc", "token has a character that must be percent-encoded"},
                      Mistake{"pkcs11:token=a\n", "token has a character that must be percent-encoded"},
                      Mistake{"pkcs11:type=public", "type can only be private: a key that signs is a private key"},
                      Mistake{"pkcs11:type=cert", "type can only be private: a key that signs is a private key"},
                      Mistake{"pkcs11:slot-id=0", "slot-id does not name a token: slots change their numbers"},
                      Mistake{"pkcs11:module-path=/a", "module-path belongs after the question mark"},
                      Mistake{"pkcs11:?token=a", "token belongs before the question mark"},
                      Mistake{"pkcs11:?module-path=a.so", "module-path is not an absolute path"},
                      Mistake{"pkcs11:?module-path=/a&module-name=b", "module-path and module-name are both there"},
                      Mistake{"pkcs11:?pin-source=|cat", "pin-source may not be a command"},
                      Mistake{"pkcs11:?pin-source=%7ccat", "pin-source may not be a command"},
                      Mistake{"pkcs11:?pin-value=1234", "pin-value would keep the PIN in the URI"}),
    [](const auto& mistake) { return test::case_name(mistake.index, mistake.param.detail); });

TEST(Uri, tells_where_a_pin_goes_instead_and_never_repeats_it) {
  const auto uri = parse_uri("pkcs11:token=a?pin-value=s3cret", UriUse::key);
  ASSERT_FALSE(uri.has_value());
  EXPECT_NE(std::string_view(uri.error().hint).find("pin-source"), std::string_view::npos);
  EXPECT_EQ(uri.error().detail.view().find("s3cret"), std::string_view::npos);
}

TEST(Uri, refuses_a_pin_in_the_place_of_its_source_and_never_repeats_it) {
  for (const std::string value : {"12345678", "file:12345678", "pin:12345678", "fd:12345678x", "/run/12345678"}) {
    const auto uri = parse_uri("pkcs11:token=a?module-path=/m.so&pin-source=" + value, UriUse::key);
    ASSERT_EQ(uri.status(), Status::invalid_uri) << value;
    EXPECT_EQ(uri.error().detail.view(),
              "pin-source does not name a source (its value is not shown: it may be a PIN)");
    EXPECT_NE(std::string_view(uri.error().hint).find("never the PIN"), std::string_view::npos);
    EXPECT_EQ(parse_uri("pkcs11:slot-id=7?pin-source=" + value, UriUse::blank_token).status(), Status::invalid_uri);
  }
  for (const std::string value : {"file:/p", "credential:pin", "env:PIN", "fd:3", "prompt"}) {
    EXPECT_TRUE(parse_uri("pkcs11:token=a?pin-source=" + value, UriUse::key)) << value;
  }
}

TEST(Uri, is_bounded) {
  const std::string longest = "pkcs11:?module-path=/" + std::string(kMaxKeyUriSize - 21, 'm');
  EXPECT_EQ(longest.size(), kMaxKeyUriSize);
  EXPECT_TRUE(parse_uri(longest, UriUse::key).has_value());
  EXPECT_EQ(refusal(longest + "m"), "the URI is longer than 1024 characters");
  EXPECT_NE(refusal("pkcs11:token=" + std::string(33, 'x')), "accepted");
  EXPECT_NE(refusal("pkcs11:serial=" + std::string(17, '1')), "accepted");
  EXPECT_EQ(refusal("pkcs11:object=" + std::string(129, 'x')), "object is longer than 128 bytes");
  std::string id = "pkcs11:id=";
  for (int i = 0; i < 65; ++i) id += "%00";
  EXPECT_EQ(refusal(id), "id is longer than 64 bytes");
  EXPECT_NE(refusal(std::string_view("pkcs11:token=a\0b", 16)), "accepted");
}

TEST(Uri, knows_a_blank_token_by_its_slot) {
  const auto uri = parse_uri("pkcs11:slot-id=7", UriUse::blank_token);
  ASSERT_TRUE(uri.has_value());
  EXPECT_EQ(uri->slot, CK_SLOT_ID{7});
  EXPECT_EQ(refusal("pkcs11:slot-id=x", UriUse::blank_token), "slot-id is not a number");
  EXPECT_NE(refusal("pkcs11:slot-id=99999999999999999999999", UriUse::blank_token), "accepted");
}

TEST(Uri, is_written_in_one_order_and_reads_back) {
  constexpr std::string_view kCanonical =
      "pkcs11:token=a%20b;serial=01;manufacturer=M;model=V2;object=k%2F%C3%BC;id=%00%AB?module-path=/"
      "m.so&pin-source=file:/p";
  const auto uri = parse_uri(
      "pkcs11:id=%00%ab;object=k%2f%c3%bc;type=private;model=V2;manufacturer=M;serial=01;token=a%20b"
      "?pin-source=file:/p&module-path=/m.so",
      UriUse::key);
  ASSERT_TRUE(uri.has_value());
  const auto text = write_uri(*uri);
  ASSERT_TRUE(text.has_value());
  EXPECT_EQ(text->view(), kCanonical);
  const auto again = parse_uri(text->view(), UriUse::key);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(write_uri(*again)->view(), kCanonical);
}

TEST(Uri, leaves_out_what_matters_least_when_it_gets_too_long) {
  KeyUri uri;
  uri.token = FixedText<32>(std::string(32, ' '));
  uri.manufacturer = FixedText<32>(std::string(32, ' '));
  uri.model = FixedText<16>(std::string(16, ' '));
  uri.object = FixedText<kMaxLabelSize>(std::string(128, ' '));
  uri.id.size = 64;
  uri.module_path = FixedText<kMaxModulePathSize>(std::string(300, 'm'));
  const auto text = write_uri(uri);
  ASSERT_TRUE(text.has_value());
  EXPECT_EQ(text->view().find("model="), std::string_view::npos);
  EXPECT_EQ(text->view().find("object="), std::string_view::npos);
  EXPECT_NE(text->view().find("id="), std::string_view::npos);
  EXPECT_NE(text->view().find(std::string(300, 'm')), std::string_view::npos);
  uri.module_path = FixedText<kMaxModulePathSize>(std::string(1000, 'm'));
  EXPECT_EQ(write_uri(uri).status(), Status::resource_exhausted);
}

}  // namespace
}  // namespace holdfast::hal::pkcs11
