// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "hal/clock.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

/// The largest answer taken, in bytes: the body, and separately all header lines together.
inline constexpr std::size_t kMaxAnswerSize = std::size_t{64} * 1024;

/// One POST. `body` is JSON; the transport adds what every request carries (content type, user agent, originator).
struct HttpRequest {
  std::string url;
  std::vector<std::string> headers;  ///< whole lines without line end: "Authorization: Bearer …"
  std::string body;
};

/// What came back, of any status. All of it is hostile input.
struct HttpResponse {
  int status = 0;
  std::string body;           ///< at most `kMaxAnswerSize` bytes
  bool is_cut = false;        ///< there was more: `body` is its beginning
  std::string retry_after{};  ///< value of the last such header; empty: none
  std::string date{};
  std::string location{};
};

/// Carries one request to an authority and its answer back: the seam between what is said and how it travels.
class HttpTransport {
 public:
  /// Blocks until the answer, or `deadline`. An answer of any status is a value, also a redirect, which is never
  /// followed. Worth handling: `authority_unavailable` (may be tried again), `authority_untrusted`
  /// (its certificate does not hold), `file_invalid` (a CA or certificate file, or libcurl itself, is not usable).
  /// May throw `std::bad_alloc`.
  [[nodiscard]] virtual Result<HttpResponse> post(const HttpRequest& request, hal::BootTime deadline) = 0;

 protected:
  ~HttpTransport() = default;
};

}  // namespace holdfast
