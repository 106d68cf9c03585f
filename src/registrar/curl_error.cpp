// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/curl_error.hpp"

#include "src/registrar/plain_text.hpp"

#include <algorithm>
#include <array>

namespace holdfast {
namespace {

struct Row {
  CURLcode code;
  const char* name;
  Status status;
  const char* hint;  // null: the status' own
};

constexpr const char* kNameTheCa =
    "if the authority's certificate comes from a CA of your own, name that CA with --ca-file; else it may be an "
    "impostor";
constexpr const char* kAnotherCa =
    "the CA file that is named does not vouch for who answers there: name the CA that does (--ca-file), or look "
    "whether it is an impostor";
constexpr const char* kOutsideItsTime =
    "look at this machine's clock (timedatectl shows it); if it is right, the authority's certificate has to be "
    "renewed";
constexpr const char* kAnotherName =
    "write the URL with a name that the certificate has, or look whether it is the authority that answers there";
constexpr const char* kNoPlainHttp = "if the authority speaks TLS on that port, write https: in its URL";
constexpr const char* kCheckTls =
    "check that the URL's port speaks TLS 1.2 or later, and whether a client certificate is asked for";
constexpr const char* kCheckFiles =
    "check that the CA, certificate and key files exist, are readable and in PEM form";
constexpr const char* kNewerCurl = "libcurl 7.85 or later, built with TLS, is needed: take Debian's libcurl4";

// What is not listed is a fault that trying again does not cure and nobody foresaw.
constexpr std::array kRows{
    Row{CURLE_UNSUPPORTED_PROTOCOL, "CURLE_UNSUPPORTED_PROTOCOL", Status::authority_answer_invalid, nullptr},
    Row{CURLE_FAILED_INIT, "CURLE_FAILED_INIT", Status::resource_exhausted, nullptr},
    Row{CURLE_URL_MALFORMAT, "CURLE_URL_MALFORMAT", Status::invalid_argument, nullptr},
    Row{CURLE_NOT_BUILT_IN, "CURLE_NOT_BUILT_IN", Status::file_invalid, kNewerCurl},
    Row{CURLE_COULDNT_RESOLVE_PROXY, "CURLE_COULDNT_RESOLVE_PROXY", Status::authority_unavailable, nullptr},
    Row{CURLE_COULDNT_RESOLVE_HOST, "CURLE_COULDNT_RESOLVE_HOST", Status::authority_unavailable, nullptr},
    Row{CURLE_COULDNT_CONNECT, "CURLE_COULDNT_CONNECT", Status::authority_unavailable, nullptr},
    Row{CURLE_WEIRD_SERVER_REPLY, "CURLE_WEIRD_SERVER_REPLY", Status::authority_answer_invalid, nullptr},
    Row{CURLE_PARTIAL_FILE, "CURLE_PARTIAL_FILE", Status::authority_unavailable, nullptr},
    Row{CURLE_OUT_OF_MEMORY, "CURLE_OUT_OF_MEMORY", Status::resource_exhausted, nullptr},
    Row{CURLE_OPERATION_TIMEDOUT, "CURLE_OPERATION_TIMEDOUT", Status::authority_unavailable, nullptr},
    Row{CURLE_SSL_CONNECT_ERROR, "CURLE_SSL_CONNECT_ERROR", Status::authority_unavailable, kCheckTls},
    Row{CURLE_UNKNOWN_OPTION, "CURLE_UNKNOWN_OPTION", Status::file_invalid, kNewerCurl},
    Row{CURLE_GOT_NOTHING, "CURLE_GOT_NOTHING", Status::authority_unavailable, nullptr},
    Row{CURLE_SEND_ERROR, "CURLE_SEND_ERROR", Status::authority_unavailable, nullptr},
    Row{CURLE_RECV_ERROR, "CURLE_RECV_ERROR", Status::authority_unavailable, nullptr},
    Row{CURLE_SSL_CERTPROBLEM, "CURLE_SSL_CERTPROBLEM", Status::file_invalid, kCheckFiles},
    Row{CURLE_SSL_CIPHER, "CURLE_SSL_CIPHER", Status::authority_refused, kCheckTls},
    Row{CURLE_PEER_FAILED_VERIFICATION, "CURLE_PEER_FAILED_VERIFICATION", Status::authority_untrusted, nullptr},
    Row{CURLE_BAD_CONTENT_ENCODING, "CURLE_BAD_CONTENT_ENCODING", Status::authority_answer_invalid, nullptr},
    Row{CURLE_SSL_CACERT_BADFILE, "CURLE_SSL_CACERT_BADFILE", Status::file_invalid, kCheckFiles},
    Row{CURLE_SSL_ISSUER_ERROR, "CURLE_SSL_ISSUER_ERROR", Status::authority_untrusted, nullptr},
    Row{CURLE_SSL_CRL_BADFILE, "CURLE_SSL_CRL_BADFILE", Status::file_invalid, kCheckFiles},
    Row{CURLE_SSL_INVALIDCERTSTATUS, "CURLE_SSL_INVALIDCERTSTATUS", Status::authority_untrusted, nullptr},
    Row{CURLE_PROXY, "CURLE_PROXY", Status::authority_unavailable, nullptr},
    Row{CURLE_SSL_CLIENTCERT, "CURLE_SSL_CLIENTCERT", Status::authority_refused,
        "the authority asks for a client certificate that it knows"},
};

}  // namespace

const char* curl_code_name(CURLcode code) noexcept {
  const auto* row = std::ranges::find(kRows, code, &Row::code);
  return row != kRows.end() ? row->name : nullptr;
}

Error curl_error(CURLcode code, const char* doing, std::string_view what) {
  const auto* row = std::ranges::find(kRows, code, &Row::code);
  const bool is_known = row != kRows.end();
  Error error = failure(is_known ? row->status : Status::authority_answer_invalid, Layer::http, doing);
  error.native = static_cast<std::uint64_t>(code);
  error.native_name = is_known ? row->name : nullptr;
  error.hint = is_known ? row->hint : nullptr;
  error.detail = std::string_view(plain_text(what));
  return error;
}

bool may_have_arrived(const Error& error) noexcept {
  constexpr Status kBeforeItIsSent[] = {Status::authority_untrusted, Status::authority_refused,
                                        Status::invalid_argument, Status::file_invalid, Status::deadline_exceeded};
  constexpr std::uint64_t kWithoutConnection[] = {CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_HOST,
                                                  CURLE_COULDNT_CONNECT};
  if (error.layer != Layer::http) return false;  // a CA or client file
  return std::ranges::find(kBeforeItIsSent, error.status) == std::ranges::end(kBeforeItIsSent) &&
         std::ranges::find(kWithoutConnection, error.native) == std::ranges::end(kWithoutConnection);
}

const char* certificate_hint(long verdict, bool is_ca_named) noexcept {
  // Of OpenSSL's x509_vfy.h, which libcurl hands out as they are. A name that does not fit is libcurl's own finding:
  // the verdict is then still what it was before there was one.
  constexpr long kNone = 0;
  constexpr long kUndecided = 1;
  constexpr long kIssuerUnknown[] = {2, 18, 19, 20, 21};
  constexpr long kNotYetValid = 9;
  constexpr long kExpired = 10;
  constexpr long kNameMismatch = 62;
  if (verdict == kNotYetValid || verdict == kExpired) return kOutsideItsTime;
  if (verdict == kNone || verdict == kUndecided || verdict == kNameMismatch) return kAnotherName;
  if (std::ranges::find(kIssuerUnknown, verdict) == std::ranges::end(kIssuerUnknown)) return nullptr;
  return is_ca_named ? kAnotherCa : kNameTheCa;
}

const char* plain_http_hint(CURLcode code) noexcept {
  const bool is_no_http = code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_WEIRD_SERVER_REPLY ||
                          code == CURLE_UNSUPPORTED_PROTOCOL;
  return is_no_http ? kNoPlainHttp : nullptr;
}

}  // namespace holdfast
