// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/registrar.hpp"

#include "src/registrar/curl_library.hpp"
#include "src/registrar/http_transport.hpp"

#include <sys/socket.h>

#include <string>

namespace holdfast {

/// True for 127.0.0.0/8 and ::1.
[[nodiscard]] bool is_loopback_address(const sockaddr& address, std::size_t size) noexcept;

/// Carries requests with libcurl: a fresh handle, and so a fresh connection, for each.
///
/// TLS 1.2 or later with the peer's name and chain verified; no redirects, no cookies, no .netrc, no proxy unless
/// asked, no HTTP/2. `http:` goes to loopback addresses only, whatever the name resolves to, and never through a
/// proxy. A name look-up that the system's resolver does not end is not cut short by the deadline.
class CurlTransport final : public HttpTransport {
 public:
  using Library = Result<const CurlLibrary*> (*)() noexcept;

  /// `options` are taken as they are: who makes the transport has checked them. `library` and `clock` outlive it.
  CurlTransport(RegistrarOptions options, Library library, hal::Clock& clock);

  [[nodiscard]] Result<HttpResponse> post(const HttpRequest& request, hal::BootTime deadline) override;
  /// The same for a GET, without a body.
  [[nodiscard]] Result<HttpResponse> get(const std::string& url, hal::BootTime deadline);

 private:
  enum class Method : std::uint8_t { get, post };
  [[nodiscard]] Result<HttpResponse> exchange(Method method, const HttpRequest& request, hal::BootTime deadline);

  RegistrarOptions options_;
  Library library_;
  hal::Clock& clock_;
  std::string user_agent_;
};

}  // namespace holdfast
