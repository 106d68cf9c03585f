// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/authority_check.hpp"

#include "src/registrar/authority_url.hpp"
#include "src/registrar/curl_transport.hpp"
#include "src/registrar/http_date.hpp"

#include <chrono>
#include <exception>

namespace holdfast {
namespace {

constexpr const char* kAsking = "asking for the authority";
constexpr std::chrono::seconds kTimeout{10};

Result<AuthorityAnswer> ask(RegistrarOptions options) {
  const AuthorityUrl url = HOLDFAST_TRY(AuthorityUrl::parse(options.authority_url));
  hal::Clock& clock = hal::system_clock();
  CurlTransport transport(std::move(options), curl_library, clock);
  const HttpResponse response = HOLDFAST_TRY(transport.get(url.text(), clock.boot().after(kTimeout)));
  return AuthorityAnswer{response.status, !url.is_plain_http(), parse_http_date(response.date)};
}

}  // namespace

Result<AuthorityAnswer> ask_authority(RegistrarOptions options) noexcept try {
  Result<AuthorityAnswer> answer = ask(std::move(options));
  if (answer) return answer;
  Error error = answer.error();
  error.doing = kAsking;
  return error;
} catch (const std::exception&) {
  return failure(Status::resource_exhausted, Layer::http, kAsking);
}

}  // namespace holdfast
