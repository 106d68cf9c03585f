// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/curl_error.hpp"

#include <gtest/gtest.h>

#include <string>

namespace holdfast {
namespace {

TEST(CurlError, TheStatusFollowsTheRemedy) {
  for (const CURLcode code :
       {CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT, CURLE_OPERATION_TIMEDOUT,
        CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_SSL_CONNECT_ERROR}) {
    EXPECT_EQ(curl_error(code, "", "").status, Status::authority_unavailable) << code;
  }
  EXPECT_EQ(curl_error(CURLE_PEER_FAILED_VERIFICATION, "", "").status, Status::authority_untrusted);
  EXPECT_EQ(curl_error(CURLE_SSL_CACERT_BADFILE, "", "").status, Status::file_invalid);
  EXPECT_EQ(curl_error(CURLE_OUT_OF_MEMORY, "", "").status, Status::resource_exhausted);
  EXPECT_EQ(curl_error(CURLE_TELNET_OPTION_SYNTAX, "", "").status, Status::authority_answer_invalid);
}

TEST(CurlError, CodeAndNameAreUntouched) {
  const Error error = curl_error(CURLE_COULDNT_CONNECT, "asking in a test", "connection\x1b refused\n");
  EXPECT_EQ(error.native, 7U);
  EXPECT_STREQ(error.native_name, "CURLE_COULDNT_CONNECT");
  EXPECT_STREQ(error.doing, "asking in a test");
  EXPECT_EQ(error.detail.view(), "connection refused ");
  EXPECT_EQ(error.layer, Layer::http);
  EXPECT_EQ(curl_error(CURLE_TELNET_OPTION_SYNTAX, "", "").native, 49U);
}

TEST(CurlError, TheHintFitsWhatIsWrongWithACertificate) {
  // OpenSSL's x509_vfy.h: 20 "unable to get local issuer certificate", 18 "self-signed", 10 "has expired", 9 "not yet
  // valid", 62 "hostname mismatch", 23 "revoked".
  const auto hint = [](long verdict, bool is_ca_named) {
    const char* text = certificate_hint(verdict, is_ca_named);
    return std::string(text == nullptr ? "" : text);
  };
  for (const long verdict : {18L, 20L}) {
    EXPECT_NE(hint(verdict, false).find("name that CA"), std::string::npos) << verdict;
    EXPECT_NE(hint(verdict, true).find("does not vouch"), std::string::npos) << verdict;
  }
  for (const bool is_ca_named : {false, true}) {
    EXPECT_NE(hint(10, is_ca_named).find("clock"), std::string::npos);
    EXPECT_NE(hint(9, is_ca_named).find("clock"), std::string::npos);
    EXPECT_NE(hint(62, is_ca_named).find("a name that the certificate has"), std::string::npos);
    EXPECT_EQ(hint(23, is_ca_named), "") << "libcurl's own words say it";
  }
}

TEST(CurlError, APlainRequestToAPortOfTlsIsHintedAt) {
  for (const CURLcode code : {CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_UNSUPPORTED_PROTOCOL}) {
    ASSERT_NE(plain_http_hint(code), nullptr) << code;
    EXPECT_NE(std::string(plain_http_hint(code)).find("https:"), std::string::npos);
  }
  EXPECT_EQ(plain_http_hint(CURLE_COULDNT_CONNECT), nullptr) << "nobody is there";
}

TEST(CurlError, NothingArrivedWhereThereWasNoConnectionOrNoneThatIsTrusted) {
  for (const CURLcode code : {CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT,
                              CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_URL_MALFORMAT}) {
    EXPECT_FALSE(may_have_arrived(curl_error(code, "", ""))) << code;
  }
  EXPECT_FALSE(may_have_arrived(failure(Status::file_untrusted, Layer::system, ""))) << "a CA file";
  EXPECT_FALSE(may_have_arrived(failure(Status::deadline_exceeded, Layer::http, ""))) << "it was not tried";
  for (const CURLcode code : {CURLE_OPERATION_TIMEDOUT, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_GOT_NOTHING,
                              CURLE_PARTIAL_FILE, CURLE_OUT_OF_MEMORY, CURLE_TELNET_OPTION_SYNTAX}) {
    EXPECT_TRUE(may_have_arrived(curl_error(code, "", ""))) << code;
  }
}

}  // namespace
}  // namespace holdfast
