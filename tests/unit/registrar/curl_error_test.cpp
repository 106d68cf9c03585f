// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/curl_error.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace holdfast
