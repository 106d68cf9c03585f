// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/uri.hpp"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::hal::tpm2 {
namespace {

const std::string kName = "000b" + std::string(64, '5');

std::string round_trip(const std::string& text) {
  const auto uri = parse_uri(text);
  if (!uri) return std::string(uri.error().detail.view());
  const auto written = write_uri(*uri);
  return written ? std::string(written->view()) : "too long";
}

TEST(Tpm2Uri, WhatIsReadIsWrittenInItsOneOrder) {
  EXPECT_EQ(round_trip("tpm2:"), "tpm2:");
  EXPECT_EQ(round_trip("TPM2:handle=0x81000010"), "tpm2:handle=0x81000010");
  EXPECT_EQ(round_trip("tpm2:handle=0x81000010"), "tpm2:handle=0x81000010");
  EXPECT_EQ(round_trip("tpm2:handle=0X8100001A"), "tpm2:handle=0x8100001a");
  EXPECT_EQ(round_trip("tpm2:srk-name=" + kName + ";file=/k/a%20b.pem?pin-source=file:/p&tcti=swtpm:path=/s"),
            "tpm2:file=/k/a%20b.pem;srk-name=" + kName + "?tcti=swtpm:path=/s&pin-source=file:/p");
  EXPECT_EQ(round_trip("tpm2:file=/k/%C3%A4;srk-name=" + kName), "tpm2:file=/k/%C3%A4;srk-name=" + kName);
}

TEST(Tpm2Uri, RegistersAreWrittenInAscendingOrder) {
  EXPECT_EQ(round_trip("tpm2:pcr=sha256:7,0;file=/k"), "tpm2:file=/k;pcr=sha256:0,7");
  EXPECT_EQ(round_trip("tpm2:handle=0x81000010;pcr=sha1:23=0000abcd,0=1F2E3D4C;srk-name=" + kName),
            "tpm2:handle=0x81000010;pcr=sha1:0=1f2e3d4c,23=0000abcd;srk-name=" + kName);
  EXPECT_EQ(round_trip("tpm2:pcr=sha256%3A0%2C7"), "tpm2:pcr=sha256:0,7");
  std::string every = "sha512:";
  for (int pcr = 0; pcr < 24; ++pcr) every += (pcr == 0 ? "" : ",") + std::to_string(pcr) + "=ffffffff";
  EXPECT_EQ(round_trip("tpm2:pcr=" + every), "tpm2:pcr=" + every);
}

TEST(Tpm2Uri, RegistersThatAreNoneAreRefused) {
  for (const char* pcrs : {"sha256",
                           "sha256:",
                           "sha256:24",
                           "sha256:-1",
                           "sha256:+1",
                           "sha256:0,",
                           "sha256:,0",
                           "sha256:0,0",
                           "sha256:0x1",
                           "sha256:0 ",
                           "md5:0",
                           "SHA256:0",
                           "sha256:0=1f2e3d4",
                           "sha256:0=1f2e3d4c5",
                           "sha256:0=",
                           "sha256:0=1f2e3d4g",
                           "sha256:0=1f2e3d4c,7",
                           "sha256:0,7=1f2e3d4c",
                           "sha256:0;7",
                           ":0",
                           "0,7",
                           "sha256:4294967296"}) {
    const auto uri = parse_uri("tpm2:pcr=" + std::string(pcrs));
    EXPECT_EQ(uri.status(), Status::invalid_uri) << pcrs;
  }
  EXPECT_NE(std::string_view(parse_uri("tpm2:pcr=all").error().hint).find("sha256:0,7"), std::string_view::npos);
}

TEST(Tpm2Uri, ValuesAreDecoded) {
  const auto uri = parse_uri("tpm2:file=/a%3Bb%3Fc?tcti=mssim:host=localhost,port=2321");
  ASSERT_TRUE(uri);
  EXPECT_EQ(uri->file.view(), "/a;b?c");
  EXPECT_EQ(uri->tcti.view(), "mssim:host=localhost,port=2321");
}

TEST(Tpm2Uri, WhatIsWrongIsNamed) {
  const std::pair<std::string, std::string> cases[] = {
      {"pkcs11:", "tpm2:"},
      {"tpm2:file=/a;file=/b", "file is there twice"},
      {"tpm2:file=/a;handle=0x81000001", "file and handle"},
      {"tpm2:file=", "file has no value"},
      {"tpm2:file", "file has no value"},
      {"tpm2:file=a.pem", "file is not the absolute path"},
      {"tpm2:file=/a/", "file is not the absolute path"},
      {"tpm2:file=/a%0Ab", "file holds a control"},
      {"tpm2:file=/a%00b", "file holds a control"},
      {"tpm2:file=/a%2", "file has a %"},
      {"tpm2:file=/a%zz", "file has a %"},
      {"tpm2:file=/a b", "file has a character"},
      {"tpm2:file=/a#b", "file has a character"},
      {"tpm2:file=/a%FF", "file is not UTF-8"},
      {"tpm2:file=/" + std::string(600, 'a'), "file is too long"},
      {"tpm2:handle=81000001", "handle is not 0x"},
      {"tpm2:handle=0x8100001", "handle is not 0x"},
      {"tpm2:handle=0x81 00001", "handle is not 0x"},
      {"tpm2:handle=0x+1000001", "handle is not 0x"},
      {"tpm2:handle=0x80000001", "handle is not that of a persistent"},
      {"tpm2:handle=0x40000001", "handle is not that of a persistent"},
      {"tpm2:srk-name=00", "srk-name is not 000b"},
      {"tpm2:srk-name=000c" + std::string(64, '5'), "srk-name is not 000b"},
      {"tpm2:;", "attribute without a name"},
      {"tpm2:file=/a;", "empty attribute at its end"},
      {"tpm2:file=/a?", "empty query"},
      {"tpm2:file=/a?tcti=x&", "empty attribute at its end"},
      {"tpm2:tcti=swtpm", "tcti belongs after"},
      {"tpm2:?file=/a", "file belongs before"},
      {"tpm2:colour=red", "colour is not an attribute"},
      {"tpm2:file=/a?pin-value=1234", "pin-value would keep"},
      {"tpm2:" + std::string(2000, 'a'), "longer than 1024"},
  };
  for (const auto& [text, why] : cases) {
    const auto uri = parse_uri(text);
    ASSERT_FALSE(uri) << text;
    EXPECT_EQ(uri.status(), Status::invalid_uri) << text;
    EXPECT_NE(uri.error().detail.view().find(why), std::string_view::npos)
        << text << ": " << uri.error().detail.view();
    EXPECT_EQ(uri.error().detail.view().find("1234"), std::string_view::npos);
  }
}

}  // namespace
}  // namespace holdfast::hal::tpm2
