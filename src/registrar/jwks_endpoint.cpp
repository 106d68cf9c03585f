// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/jwks_endpoint.hpp"

#include "src/registrar/authority_url.hpp"
#include "src/registrar/curl_transport.hpp"

#include <chrono>
#include <exception>

namespace holdfast {
namespace {

constexpr const char* kFetching = "fetching the JWKS";
constexpr std::chrono::seconds kTimeout{10};

Result<std::string> fetch(std::string_view url, RegistrarOptions options) {
  const AuthorityUrl checked = HOLDFAST_TRY(AuthorityUrl::parse(url));
  hal::Clock& clock = hal::system_clock();
  CurlTransport transport(std::move(options), curl_library, clock);
  HttpResponse response = HOLDFAST_TRY(transport.get(checked.text(), clock.boot().after(kTimeout)));
  constexpr int kOk = 200;
  if (response.status != kOk) {
    return failure(response.status >= 500 ? Status::authority_unavailable : Status::authority_refused, Layer::http,
                   kFetching)
        .about("HTTP " + std::to_string(response.status) + " from " + checked.text())
        .with_hint("check the URL of the JWKS, or give it as a file: --jwks-file PATH");
  }
  if (response.is_cut) {
    return failure(Status::authority_answer_invalid, Layer::http, kFetching).about("it is longer than 64 KiB");
  }
  return std::move(response.body);
}

}  // namespace

Result<std::string> fetch_jwks(std::string_view url, RegistrarOptions options) noexcept try {
  Result<std::string> text = fetch(url, std::move(options));
  if (text) return text;
  Error error = text.error();
  error.doing = kFetching;
  return error;
} catch (const std::exception&) {
  return failure(Status::resource_exhausted, Layer::http, kFetching);
}

}  // namespace holdfast
