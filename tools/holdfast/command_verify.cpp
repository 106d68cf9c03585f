// SPDX-License-Identifier: Apache-2.0
#include "holdfast/verifier.hpp"

#include "hal/clock.hpp"
#include "hal/trusted_file.hpp"
#include "tools/holdfast/attestation_check.hpp"
#include "tools/holdfast/commands.hpp"
#include "tools/holdfast/identity_target.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace holdfast::tool {
namespace {

constexpr std::string_view kFieldName = "authorization:";  // RFC 9110 §5.1: names of fields have no case
constexpr std::int64_t kLongestWindow = 86'400;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view without_line_end(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

Result<std::string> read_input() {
  std::array<char, 2 * kMaxAuthorizationSize> buffer{};
  const Result<std::size_t> got = hal::read_all(STDIN_FILENO, std::as_writable_bytes(std::span(buffer)));
  if (!got && got.error().native == 0) {
    return failure(Status::header_refused, Layer::core, "reading the header from standard input")
        .about("standard input holds more than one header can have")
        .with_hint("pipe in one Authorization line, or its value alone");
  }
  if (!got) return got.error();
  std::string input(buffer.data(), *got);
  if (input.find_first_not_of(" \t\r\n") == std::string::npos) {
    return failure(Status::header_refused, Layer::core, "reading the header from standard input")
        .about(input.empty() ? "standard input is empty" : "standard input holds a blank line and no header")
        .with_hint("pipe a header in: holdfast header --task ID | holdfast verify");
  }
  return input;
}

// `Authorization: value`, or the value alone.
std::string_view value_of(std::string_view line) {
  line = without_line_end(line);
  const bool has_name =
      line.size() > kFieldName.size() && std::ranges::equal(line.substr(0, kFieldName.size()), kFieldName, {}, lower);
  if (!has_name) return line;
  line.remove_prefix(kFieldName.size());
  const std::size_t start = line.find_first_not_of(" \t");
  return start == std::string_view::npos ? std::string_view{} : line.substr(start);
}

constexpr const char* kPublicKeyHint =
    "name the file of the key with --public-key: one line, as ssh-keygen and holdfast agent show write it";

Result<PublicKey> read_public_key(const std::string& path) {
  constexpr std::size_t kLongestLine = 4096;
  constexpr const char* kDoing = "reading the public key";
  const hal::FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) {
    return failure(Status::file_invalid, Layer::system, kDoing)
        .about(path + " cannot be opened")
        .with_hint(kPublicKeyHint);
  }
  std::array<char, kLongestLine> buffer{};
  const Result<std::size_t> size = hal::read_all(file.get(), std::as_writable_bytes(std::span(buffer)));
  if (!size) {
    Error error = size.error();
    error.detail = FixedText<190>(path + " cannot be read, or is larger than a public key");
    error.hint = kPublicKeyHint;
    return error;
  }
  std::string_view line = without_line_end({buffer.data(), *size});
  if (line.find("PRIVATE KEY-----") != std::string_view::npos) {
    return failure(Status::invalid_argument, Layer::core, kDoing)
        .about(path + " holds a private key, and a header is checked with the public one alone")
        .with_hint("name the file of its public half; of an OpenSSH key, ssh-keygen -y -f FILE writes it");
  }
  // Files that ssh-keygen writes end in a comment.
  const std::size_t blob = line.find(' ');
  if (blob != std::string_view::npos) line = line.substr(0, line.find(' ', blob + 1));
  const Result<PublicKey> key = parse_ssh_public_key(line);
  if (key) return *key;
  Error error = key.error();
  error.detail = FixedText<190>(path + " holds no public key: " + std::string(key.error().detail.view()));
  error.hint = kPublicKeyHint;
  return error;
}

Result<std::int64_t> number(std::string_view text, std::string_view option) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size()) return value;
  return wrong_value(std::string(option) + " takes a number of seconds", "write it in digits");
}

Result<WallSeconds> seconds_since_1970(std::string_view text) {
  return WallSeconds{HOLDFAST_TRY(number(text, "--now"))};
}

Result<VerifyWindow> window_of(const Arguments& arguments) {
  VerifyWindow window{hal::system_clock().wall()};
  if (arguments.has("now")) {
    const std::string_view now = arguments.value("now");
    const Result<WallSeconds> time = now.ends_with('Z') ? parse_timestamp(now) : seconds_since_1970(now);
    if (!time) {
      return wrong_value("--now takes a time such as 2026-04-20T00:00:00Z, or seconds since 1970",
                         "write it in UTC with a Z at its end, or in digits");
    }
    window.now = *time;
  }
  if (arguments.has("window")) {
    window.seconds = HOLDFAST_TRY(number(arguments.value("window"), "--window"));
    if (window.seconds < 0 || window.seconds > kLongestWindow) {
      return wrong_value("--window is 0 to 86400 seconds", "write a window in that range");
    }
  }
  return window;
}

struct Expectation {
  PublicKey key;
  std::optional<RuntimeId> runtime_id;  // an identity names its agent, a public key does not
};

Result<Expectation> expectation(const Arguments& arguments) {
  if (arguments.has("public-key") && arguments.has("identity-file")) {
    return wrong_value("--public-key and --identity-file exclude each other", "give the one that is to be trusted");
  }
  if (arguments.has("public-key")) {
    return Expectation{HOLDFAST_TRY(read_public_key(std::string(arguments.value("public-key")))), std::nullopt};
  }
  const FoundIdentity found = HOLDFAST_TRY(read_identity(arguments.value("identity-file")));
  return Expectation{found.identity.public_key, found.identity.runtime_id};
}

Result<void> check(const UnverifiedAssertion& assertion, const Expectation& expected, const VerifyWindow& window) {
  const Result<void> verdict = verify_assertion(assertion, expected.key, window);
  if (verdict.status() == Status::signature_mismatch) {
    // Of a signer this would be a fault of the device; of a header it says that somebody else made it.
    return failure(Status::header_refused, Layer::verification, "checking the signature")
        .about("it was not signed with this key")
        .with_hint("check that the public key is the agent's, and that the header came through unchanged");
  }
  HOLDFAST_TRY(Result<void>(verdict));
  if (expected.runtime_id && !(*expected.runtime_id == assertion.runtime_id)) {
    return failure(Status::header_refused, Layer::verification, "comparing the runtime id")
        .about("it names another agent than the identity")
        .with_hint("name the identity of the agent that made it with --identity-file, or its key with --public-key");
  }
  return {};
}

Result<void> verify(Terminal& terminal, const Arguments& arguments) {
  HOLDFAST_TRY(check_attestation_options(arguments));
  if (arguments.has("attestation")) {
    return verify_attestation(terminal, arguments, HOLDFAST_TRY(expectation(arguments)).key);
  }
  const VerifyWindow window = HOLDFAST_TRY(window_of(arguments));
  const Expectation expected = HOLDFAST_TRY(expectation(arguments));
  const std::string input = HOLDFAST_TRY(read_input());
  const UnverifiedAssertion assertion = HOLDFAST_TRY(parse_authorization(value_of(input)));
  const Result<void> verdict = check(assertion, expected, window);

  Report report;
  report.text("agent_runtime_id", "agent", assertion.runtime_id.view())
      .text("task_id", "task", assertion.task_id.view())
      .text("timestamp", "time", assertion.timestamp.view())
      .text("scheme", "scheme", scheme_name(expected.key.scheme()))
      .row("verified", "verified", verdict ? "yes" : "no", Json::boolean(verdict.has_value()));
  terminal.show(report);
  return verdict;
}

}  // namespace

std::vector<Command> verify_commands(Terminal& terminal) {
  std::vector<Option> options{
      {.name = "public-key", .value_name = "FILE", .help = "the public key, one line as ssh-keygen writes it"},
      kIdentityFileOption,
      {.name = "now",
       .value_name = "TIME",
       .help = "check as of this time: 2026-04-20T00:00:00Z or seconds since 1970; default: the clock"},
      {.name = "window", .value_name = "SECONDS", .help = "how far the time may be off; default: 300"}};
  const std::vector<Option> of_evidence = attestation_options();
  options.insert(options.end(), of_evidence.begin(), of_evidence.end());
  return {
      {.words = "verify",
       .summary = "checks a header from standard input, or evidence about a key, offline",
       .description =
           "Reads an Authorization line, or its value alone, and says what is in it. Ends with 0 only if the "
           "signature\n"
           "holds under the public key and the time lies in the window. A header can be replayed inside the window.\n"
           "With --attestation it checks evidence of holdfast key attest instead: 0 only if the key is proven to be "
           "in a\n"
           "TPM, 3 if all holds but nothing vouches for the key that signed it (unproven), 1 if it does not hold.",
       .positionals = {},
       .options = std::move(options),
       .examples = {{.purpose = "Check one's own header",
                     .command_line = "holdfast header --task \"$task\" | holdfast verify"},
                    {.purpose = "Check a stored one as of its day",
                     .command_line =
                         "holdfast verify --public-key agent.pub --now 2026-04-20T00:00:00Z < header.txt"},
                    {.purpose = "Check evidence against an attestation key that is known",
                     .command_line =
                         "holdfast verify --attestation evidence.json --public-key agent.pub --ak ak.name "
                         "--nonce-file nonce"}},
       .run = running(terminal, verify)},
  };
}

}  // namespace holdfast::tool
