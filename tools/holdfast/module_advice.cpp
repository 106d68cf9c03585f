// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/module_advice.hpp"

#include "tools/holdfast/key_uri.hpp"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>

namespace holdfast::tool {
namespace {

// SoftHSM answers CKR_GENERAL_ERROR to it, as to a dozen other things.
void add_lost_configuration(Error& error) {
  const char* path = ::getenv("SOFTHSM2_CONF");  // NOLINT(concurrency-mt-unsafe): there is one thread
  if (path == nullptr || ::access(path, R_OK) == 0) return;
  const char* why = errno == ENOENT ? ", which does not exist" : ", which cannot be read";
  error.detail = FixedText<190>(std::string("SOFTHSM2_CONF names ") + path + why);
  error.hint = "set SOFTHSM2_CONF to the file of SoftHSM's configuration, or unset it: the system's own is read then";
}

}  // namespace

bool names_softhsm(std::string_view uri, std::string_view module) {
  std::string names(module);
  for (const std::string_view attribute : {"module-path", "module-name"}) {
    names += " " + query_attribute(uri, attribute).value_or("");
  }
  return names.find("softhsm") != std::string::npos;
}

Error with_module_advice(Error error, std::string_view uri, std::string_view module) {
  const bool is_unnamed = error.status == Status::invalid_uri && module.empty() &&
                          error.detail.view().find("no module is named") != std::string_view::npos;
  if (is_unnamed) {
    error.hint = "name it with --module PATH, or in the URI: ?module-path=/path/to/module.so or ?module-name=NAME";
    return error;
  }
  const bool may_be_lost =
      error.status == Status::token_not_found ||
      (error.status == Status::module_unusable && error.layer == Layer::pkcs11 && error.native != 0);
  if (may_be_lost && names_softhsm(uri, module)) add_lost_configuration(error);
  return error;
}

}  // namespace holdfast::tool
