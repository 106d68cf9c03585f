// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/option_values.hpp"

#include "holdfast/identity.hpp"

#include "hal/pin_source.hpp"
#include "src/registrar/authority_url.hpp"
#include "tools/holdfast/commands.hpp"
#include "tools/holdfast/key_uri.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::tool {
namespace {

template <typename Value>
std::optional<Error> refusal(const Result<Value>& read) {
  return read ? std::nullopt : std::optional<Error>(read.error());
}

// Nothing for a value that is read, and for an option that each command reads in its own way.
std::optional<Error> refusal_of(std::string_view option, std::string_view value) {
  if (option.ends_with("-source")) return refusal(hal::PinSource::parse(value));
  if (option == "scheme") return refusal(parse_scheme(value));
  if (option == "profile") return refusal(parse_profile(value));
  if (option == "task") return refusal(TaskId::parse(value));
  if (option == "runtime-id") return refusal(RuntimeId::parse(value));
  if (option == "authority" || option == "jwks-url") return refusal(AuthorityUrl::parse(value));
  if (option == "key" || option == "twin") return refusal(refuse_mistyped_attribute(value));
  return std::nullopt;
}

}  // namespace

Result<void> check_option_values(const command_line::Command& command, const command_line::Arguments& arguments) {
  for (const command_line::Option& option : command.options) {
    const auto value = arguments.given(option.name);
    if (!value || option.kind != command_line::OptionKind::value) continue;
    const std::optional<Error> refused = refusal_of(option.name, *value);
    if (!refused) continue;
    Error error = *refused;
    error.detail = FixedText<190>("--" + std::string(option.name) + ": " + std::string(refused->detail.view()));
    return error;
  }
  for (const command_line::Positional& positional : command.positionals) {
    if (positional.name == "URI") HOLDFAST_TRY(refuse_mistyped_attribute(arguments.value("URI")));
  }
  return {};
}

Result<void> refuse_owner_pin_source(const command_line::Arguments& arguments, std::string_view key_uri,
                                     const char* hint) {
  if (!arguments.has("owner-pin-source") || is_tpm_uri(key_uri)) return {};
  return wrong_value("--owner-pin-source is for TPM keys", hint);
}

}  // namespace holdfast::tool
