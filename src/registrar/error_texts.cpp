// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/error_texts.hpp"

#include "src/registrar/curl_error.hpp"
#include "src/registrar/refusal.hpp"

#include <string.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace holdfast {
namespace {

// Texts of src/registrar; error_texts_test walks through those that its files give. A text that is missing here costs
// a person the hint, never more.
constexpr std::array<const char*, 30> kTexts{
    "registering with the authority",
    "registering a task",
    "asking the authority",
    "preparing a request to the authority",
    "reading the authority's answer",
    "reading the authority's URL",
    "opening a sealed task id",
    "loading libcurl",
    "starting the registrar's process",
    "check the URL: a proxy or a web site may have answered",
    "give the authority's own base URL, not one that leads there",
    "set this machine's clock (timedatectl shows it), then try again: what is signed carries the time",
    "install it: apt-get install libcurl4 (Debian 12) or libcurl4t64 (Debian 13)",
    "use https:",
    "if the authority's certificate comes from a CA of your own, name that CA with --ca-file; else it may be an "
    "impostor",
    "the CA file that is named does not vouch for who answers there: name the CA that does (--ca-file), or look "
    "whether it is an impostor",
    "look at this machine's clock (timedatectl shows it); if it is right, the authority's certificate has to be "
    "renewed",
    "write the URL with a name that the certificate has, or look whether it is the authority that answers there",
    "if the authority speaks TLS on that port, write https: in its URL",
    "check that the URL's port speaks TLS 1.2 or later, and whether a client certificate is asked for",
    "check that the CA, certificate and key files exist, are readable and in PEM form",
    "libcurl 7.85 or later, built with TLS, is needed: take Debian's libcurl4",
    "the authority asks for a client certificate that it knows",
    "checking the CA file",
    "put the CA's certificates there (PEM); --ca-file, or the identity file, names that place",
    "checking the CA directory",
    "checking the client certificate",
    "checking the client key",
    "whoever can write it decides who the authority is: make it, and every folder above it, owned by root or this "
    "user "
    "and not writable by others (chmod go-w)",
    "make it, and every folder above it, owned by root or this user and not writable by others (chmod go-w)",
};

}  // namespace

std::uint8_t number_of_text(const char* text) noexcept {
  if (text == nullptr) return 0;
  const auto* place =
      std::ranges::find_if(kTexts, [text](const char* known) { return std::string_view(known) == text; });
  return place == kTexts.end() ? std::uint8_t{0} : static_cast<std::uint8_t>(place - kTexts.begin() + 1);
}

const char* text_of_number(std::uint8_t number) noexcept {
  return number == 0 || number > kTexts.size() ? nullptr : kTexts[number - 1U];
}

const char* native_name_of(Layer layer, std::uint64_t native) noexcept {
  if (layer == Layer::system && native != 0) return strerrorname_np(static_cast<int>(native));
  if (layer != Layer::http || native == 0 || native > 599) return nullptr;
  // libcurl's codes end before the HTTP statuses begin, but for two that no request of ours can have.
  return native < 100 ? curl_code_name(static_cast<CURLcode>(native)) : http_status_name(static_cast<int>(native));
}

}  // namespace holdfast
