// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/authority/http_client.hpp"

#include <curl/curl.h>

#include <array>
#include <cctype>
#include <memory>

namespace holdfast::test {
namespace {

std::size_t take_body(const char* data, std::size_t, std::size_t size, void* answer) {
  static_cast<HttpAnswer*>(answer)->body.append(data, size);
  return size;
}

std::size_t take_header(const char* data, std::size_t, std::size_t size, void* answer) {
  const std::string_view line(data, size);
  const std::size_t colon = line.find(": ");
  if (colon != std::string_view::npos) {
    std::string name(line.substr(0, colon));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    std::string_view value = line.substr(colon + 2);
    while (!value.empty() && (value.back() == '\r' || value.back() == '\n')) value.remove_suffix(1);
    static_cast<HttpAnswer*>(answer)->headers[name] = value;
  }
  return size;
}

struct Upload {
  std::string_view rest;
};

std::size_t give_body(char* out, std::size_t, std::size_t capacity, void* upload) {
  std::string_view& rest = static_cast<Upload*>(upload)->rest;
  const std::size_t size = rest.copy(out, capacity);
  rest.remove_prefix(size);
  return size;
}

}  // namespace

std::string HttpAnswer::member(std::string_view name) const {
  const auto json = Json::parse(body);
  return json ? json->string_member(name).value_or("") : "";
}

std::string HttpAnswer::code() const {
  const auto json = Json::parse(body);
  const auto error = json ? json->member("error") : std::nullopt;
  return error ? error->string_member("code").value_or("") : "";
}

HttpAnswer call(const HttpCall& what) {
  HttpAnswer answer;
  Upload upload{what.body ? std::string_view(*what.body) : std::string_view()};
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), &curl_easy_cleanup);
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(nullptr, &curl_slist_free_all);
  const auto add_header = [&headers](const std::string& line) {
    headers.reset(curl_slist_append(headers.release(), line.c_str()));
  };
  for (const std::string& line : what.headers) add_header(line);
  if (what.is_chunked) add_header("Transfer-Encoding: chunked");
  add_header("Expect:");
  std::array<char, CURL_ERROR_SIZE> failure{};

  CURL* handle = curl.get();
  curl_easy_setopt(handle, CURLOPT_URL, what.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(handle, CURLOPT_PROXY, "");
  curl_easy_setopt(handle, CURLOPT_TIMEOUT, 60L);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, failure.data());
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &answer);
  if (!what.ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, what.ca_file.c_str());
  if (what.body && what.is_chunked) {
    curl_easy_setopt(handle, CURLOPT_POST, 1L);
    curl_easy_setopt(handle, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(handle, CURLOPT_READDATA, &upload);
  } else if (what.body) {
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE, static_cast<long>(what.body->size()));
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, what.body->c_str());
  }
  if (what.method == "HEAD") {
    curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  } else {
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, what.method.c_str());
  }
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  const CURLcode code = curl_easy_perform(handle);
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer.status);
  if (code != CURLE_OK) {
    answer.failure = failure[0] != '\0' ? failure.data() : curl_easy_strerror(code);
  }
  return answer;
}

HttpAnswer post_json(const AuthorityProcess& authority, const std::string& path, const std::string& body,
                     std::vector<std::string> headers) {
  headers.emplace_back("Content-Type: application/json");
  return call({"POST", authority.url() + path, std::move(headers), body, authority.certificate()});
}

HttpAnswer verify(const AuthorityProcess& authority, const std::string& authorization) {
  return call({"GET", authority.verify_url(), {"Authorization: " + authorization}, {}, authority.certificate()});
}

}  // namespace holdfast::test
