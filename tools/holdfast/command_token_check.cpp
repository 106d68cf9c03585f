// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/commands.hpp"
#include "tools/holdfast/key_access.hpp"
#include "tools/holdfast/key_uri.hpp"
#include "tools/holdfast/token_check.hpp"

#include <algorithm>
#include <charconv>

namespace holdfast::tool {
namespace {

constexpr std::uint32_t kSignatures = 8;
constexpr std::uint32_t kMostSignatures = 100'000;

hal::BackendKind kind_of(std::string_view uri) {
  return is_tpm_uri(uri) ? hal::BackendKind::tpm2 : hal::BackendKind::pkcs11;
}

// The check makes keys of its own: whoever names one may think that it is this key that is tried.
Result<void> refuse_named_key(std::string_view uri) {
  for (const std::string_view attribute : {"object", "id", "file", "handle", "pcr"}) {
    if (!HOLDFAST_TRY(path_attribute(uri, attribute))) continue;
    return failure(Status::invalid_uri, Layer::core, "reading the token's URI")
        .about(std::string(attribute) + "= names a key")
        .with_hint(
            "name the token alone: the check makes keys of its own; one key is looked at by holdfast doctor --key");
  }
  return {};
}

Result<std::uint32_t> signatures_of(const Arguments& arguments) {
  if (!arguments.has("signatures")) return kSignatures;
  const std::string_view text = arguments.value("signatures");
  std::uint32_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error == std::errc() && end == text.data() + text.size() && count > 0 && count <= kMostSignatures) return count;
  return wrong_value("--signatures is a number from 1 to 100000", "leave it out, or give a number");
}

struct Wish {
  Scheme scheme;
  bool is_offered;
};

Result<std::vector<Wish>> schemes_of(const Arguments& arguments, const hal::TokenDescription& token) {
  std::vector<Wish> wishes{{Scheme::ed25519, token.can_ed25519}, {Scheme::es256, token.can_es256}};
  if (arguments.has("scheme")) {
    const Scheme scheme = HOLDFAST_TRY(parse_scheme(arguments.value("scheme")));
    std::erase_if(wishes, [&](const Wish& wish) { return wish.scheme != scheme; });
  }
  return wishes;
}

std::string question(const hal::TokenDescription& token, const std::vector<Wish>& wishes, bool has_pin) {
  std::string schemes;
  for (const Wish& wish : wishes) {
    if (wish.is_offered) schemes += (schemes.empty() ? "" : " and ") + std::string(scheme_name(wish.scheme));
  }
  std::string words = "On '" + std::string(token.label.view()) + "'" +
                      (token.serial.empty() ? "" : " (serial " + std::string(token.serial.view()) + ")") +
                      ": make throwaway keys (" + schemes + "), try to export one, sign with one, and delete them";
  if (has_pin) words += "; its PIN is sent, and only once if it is refused";
  return words + "?";
}

Result<void> ask(Terminal& terminal, const std::string& words) {
  if (HOLDFAST_TRY(terminal.confirm(words))) return {};
  return failure(Status::permission_denied, Layer::core, "asking for consent")
      .about("the check was not confirmed")
      .with_hint("nothing was made and no PIN was sent; answer y, or give --yes");
}

Result<int> check_token(Terminal& terminal, const Arguments& arguments) {
  if (arguments.has("report") && arguments.has("json")) {
    return wrong_value("--report and --json are two forms of one result", "give one of them");
  }
  const std::string uri(arguments.value("URI"));
  HOLDFAST_TRY(refuse_named_key(uri));
  if (arguments.has("owner-pin-source") && kind_of(uri) != hal::BackendKind::tpm2) {
    return wrong_value("--owner-pin-source is for a TPM", "leave it out, or name a TPM: tpm2:");
  }
  const std::uint32_t signatures = HOLDFAST_TRY(signatures_of(arguments));
  if (!arguments.has("yes")) HOLDFAST_TRY(terminal.require_person());
  const auto describe = [&]() -> Result<hal::TokenDescription> {
    const hal::DevicePtr device =
        HOLDFAST_TRY(open_device({uri, arguments.value("module"), {}}, hal::DeviceAccess::browse));
    return device->describe_token();
  };
  const hal::TokenDescription token = HOLDFAST_TRY(describe());
  const std::vector<Wish> wishes = HOLDFAST_TRY(schemes_of(arguments, token));
  const std::string pin_source(arguments.has("pin-source") ? arguments.value("pin-source")
                                                           : query_attribute(uri, "pin-source").value_or(""));
  TokenToCheck wanted{uri, std::string(arguments.value("module")), HOLDFAST_TRY(PinRelay::create(pin_source)),
                      HOLDFAST_TRY(PinRelay::create(arguments.value("owner-pin-source"))), signatures};
  const bool is_any_offered = std::ranges::any_of(wishes, &Wish::is_offered);
  if (!is_any_offered) {
    return failure(Status::scheme_unsupported, Layer::core, "checking the token")
        .about("it offers no " +
               std::string(arguments.has("scheme") ? arguments.value("scheme") : "ed25519 and no es256"))
        .with_hint("nothing was made; see what each token offers with: holdfast token list");
  }
  if (!arguments.has("yes")) HOLDFAST_TRY(ask(terminal, question(token, wishes, !pin_source.empty())));

  CheckSheet sheet(token, kind_of(uri));
  TokenCheck check(terminal, std::move(wanted), sheet);
  for (const Wish& wish : wishes) {
    if (wish.is_offered && !check.is_shut()) {
      HOLDFAST_TRY(check.run(wish.scheme));
      continue;
    }
    sheet.begin(wish.scheme);
    sheet.skipped("opened", wish.is_offered ? "the token does not open" : "not offered");
  }
  terminal.print(arguments.has("report") ? sheet.markdown() : sheet.text());
  terminal.print_json(sheet.json());
  return sheet.exit_code();
}

}  // namespace

Command token_check_command(Terminal& terminal) {
  return {.words = "token check",
          .summary = "tries a token with throwaway keys, and says what works on it",
          .description =
              "For each scheme the token offers: a disposable key is asked to leave it in every way there is; a "
              "throwaway "
              "key\n"
              "is made, judged, used by one device and, after that is closed, by another, and deleted, also at "
              "Ctrl-C. No\n"
              "other key is used. The PIN is sent at each opening, and not again once it is refused. The exit code "
              "is that "
              "of\nthe worst finding.",
          .positionals = {{.name = "URI", .help = "the token: pkcs11:token=LABEL, or tpm2:"}},
          .options = {{.name = "yes", .value_name = "", .help = "do not ask", .kind = OptionKind::flag},
                      {.name = "scheme", .value_name = "SCHEME", .help = "ed25519 or es256; default: both"},
                      {.name = "signatures",
                       .value_name = "N",
                       .help = "how many signatures are made one after another; default: 8"},
                      {.name = "report",
                       .value_name = "",
                       .help = "print Markdown that names the kind of token and not this one, for docs/tokens.md",
                       .kind = OptionKind::flag},
                      kPinSourceOption,
                      kOwnerPinSourceOption,
                      kModuleOption},
          .examples = {{.purpose = "Find out whether a card can be used",
                        .command_line =
                            "holdfast token check 'pkcs11:token=agents?module-name=opensc' --pin-source prompt"},
                       {.purpose = "Show others what works on this machine's TPM",
                        .command_line = "holdfast token check tpm2: --yes --report"}},
          .run = [&terminal](const Arguments& arguments) {
            const Result<int> code = check_token(terminal, arguments);
            return code ? *code : terminal.fail(code.error());
          }};
}

}  // namespace holdfast::tool
