// SPDX-License-Identifier: Apache-2.0
// The URL of an authority (src/registrar/authority_url.cpp) and of a request (src/session/origin.cpp). What is taken
// is its own text read again; where both readers take it, they mean the same host.
#include "src/registrar/authority_url.hpp"
#include "src/session/origin.hpp"
#include "tests/fuzz/refusal.hpp"

#include <string>

using namespace holdfast;
using fuzz::promise;

namespace {

void read_origin(std::string_view url) {
  const auto origin = Origin::of_url(url);
  if (!fuzz::is_taken(origin, Status::invalid_argument)) return;
  const auto text = origin->text();
  promise(hal::is_printable(text.view()), "an origin is printable");
  const auto again = Origin::of_url(text.view());
  promise(again.has_value() && *again == *origin, "an origin is its own text's");
  promise(again->text() == text, "an origin has one text");
}

void read_authority(std::string_view text) {
  const auto url = AuthorityUrl::parse(text);
  if (!fuzz::is_taken(url, Status::invalid_argument)) return;
  const auto again = AuthorityUrl::parse(url->text());
  promise(again.has_value() && again->text() == url->text(), "a URL is its own text's");
  promise(url->text().find("/../") == std::string::npos, "no segment leads upwards");
  const std::string request = url->task_registration(RuntimeId::parse("agent-1").value());
  const auto base = Origin::of_url(url->text());
  const auto whole = Origin::of_url(request);
  promise(base.has_value() == whole.has_value(), "both readers take it, or neither");
  if (base) promise(*base == *whole, "a request goes to the authority's own origin");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  read_origin(text);
  read_authority(text);
  return 0;
}
