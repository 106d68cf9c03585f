// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/options.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace holdfast::authority {
namespace {

struct AnswerRow {
  AnswerForm form;
  std::string_view member;
  bool is_sealed;
};
constexpr std::array<AnswerRow, 4> kAnswers{{
    {AnswerForm::task_id, "task_id", false},
    {AnswerForm::task_id_camel, "taskId", false},
    {AnswerForm::encrypted_task_id, "encrypted_task_id", true},
    {AnswerForm::encrypted_task_id_camel, "encryptedTaskId", true},
}};

constexpr std::int64_t kMaxWindow = 86'400;

const AnswerRow& row_of(AnswerForm form) noexcept {
  return *std::find_if(kAnswers.begin(), kAnswers.end(), [form](const AnswerRow& row) { return row.form == form; });
}

template <typename T>
std::optional<T> parse_number(std::string_view text, T least, T most) noexcept {
  T value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || value < least || value > most) return std::nullopt;
  return value;
}

// RFC 3986 §3.3 path segments of unreserved characters, so that routing compares bytes.
bool is_base_path(std::string_view path) noexcept {
  if (path.empty()) return true;
  if (path.front() != '/' || path.back() == '/') return false;
  if (path.find("//") != std::string_view::npos || path.find("/.") != std::string_view::npos) return false;
  return std::all_of(path.begin(), path.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/-._~").find(c) != std::string_view::npos;
  });
}

std::optional<WrongUse> find_contradiction(const Options& options) {
  if (options.database.empty()) {
    return WrongUse{"--database is empty", "name a file: it is made if it does not exist"};
  }
  if (options.certificate.empty() != options.private_key.empty()) {
    return WrongUse{"--certificate and --private-key belong together",
                    "give both, or neither to have a certificate made beside the database"};
  }
  if (options.is_plain_http && (!options.certificate.empty() || !options.certificate_out.empty())) {
    return WrongUse{"--http has no certificate", "leave out --http, or the certificate options"};
  }
  if (!options.listen.is_loopback && options.is_plain_http) {
    return WrongUse{"--http is for loopback addresses only", "leave out --http to serve https"};
  }
  if (!options.listen.is_loopback && !options.is_public) {
    return WrongUse{"--listen names an address that other machines can reach",
                    "listen on 127.0.0.1 or [::1], or add --public if it is meant"};
  }
  return std::nullopt;
}

}  // namespace

std::string_view answer_member(AnswerForm form) noexcept { return row_of(form).member; }
bool is_sealed(AnswerForm form) noexcept { return row_of(form).is_sealed; }

Result<ListenAddress> parse_listen_address(std::string_view text) noexcept {
  const auto refuse = [](const char* why) {
    return failure(Status::invalid_argument, Layer::core, "reading the listen address").about(why);
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refuse("it has no port");
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1), 0, 65'535);
  if (!port) return refuse("its port is not a number from 0 to 65535");
  std::string_view host = text.substr(0, colon);
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";

  char name[INET6_ADDRSTRLEN] = {};
  if (host.empty() || host.size() >= sizeof name) return refuse("its host is not a numeric address");
  host.copy(name, host.size());
  in_addr v4{};
  in6_addr v6{};
  ListenAddress address;
  if (!is_bracketed && inet_pton(AF_INET, name, &v4) == 1) {
    address.is_loopback = (ntohl(v4.s_addr) >> 24U) == 127;
  } else if (is_bracketed && inet_pton(AF_INET6, name, &v6) == 1) {
    address.is_loopback = IN6_IS_ADDR_LOOPBACK(&v6) != 0;
  } else {
    return refuse("its host is not a numeric address");
  }
  address.host = host;
  address.port = *port;
  return address;
}

std::variant<Options, WrongUse> read_options(const command_line::Arguments& arguments) {
  Options options;
  const auto text = [&arguments](std::string_view name) { return std::string(arguments.value(name)); };
  options.database = text("database");
  options.certificate = text("certificate");
  options.private_key = text("private-key");
  options.certificate_out = text("certificate-out");
  options.ready_file = text("ready-file");
  options.token_file = arguments.has("token-file") ? text("token-file") : options.database + ".token";
  options.is_plain_http = arguments.has("http");
  options.is_public = arguments.has("public");
  options.is_quiet = arguments.has("quiet");

  if (const auto listen = arguments.given("listen")) {
    const Result<ListenAddress> address = parse_listen_address(*listen);
    if (!address) {
      return WrongUse{"--listen cannot be used: " + std::string(address.error().detail.view()),
                      "write it as ADDRESS:PORT, such as 127.0.0.1:8443 or [::1]:0"};
    }
    options.listen = *address;
  }
  if (const auto answer = arguments.given("answer")) {
    const auto row =
        std::find_if(kAnswers.begin(), kAnswers.end(), [&](const AnswerRow& r) { return r.member == *answer; });
    if (row == kAnswers.end()) {
      return WrongUse{"--answer is not a spelling of the protocol",
                      "use task_id, taskId, encrypted_task_id or encryptedTaskId"};
    }
    options.answer = row->form;
  }
  if (const auto window = arguments.given("window")) {
    const auto seconds = parse_number<std::int64_t>(*window, 1, kMaxWindow);
    if (!seconds) return WrongUse{"--window is not a number of seconds from 1 to 86400", "the default is 300"};
    options.window_seconds = *seconds;
  }
  if (const auto base_path = arguments.given("base-path")) {
    options.base_path = *base_path == "/" ? std::string_view() : *base_path;
    if (!is_base_path(options.base_path)) {
      return WrongUse{"--base-path is not a plain path", "write it as /api/accounts, or / for none"};
    }
  }
  if (auto wrong = find_contradiction(options)) return *std::move(wrong);
  return options;
}

command_line::Program program_table(std::function<int(const command_line::Arguments&)> run) {
  command_line::Command serve;
  serve.summary = "verifies agent assertions for development and CI";
  serve.options = {
      {"database", "FILE", "state: agents, tasks and the bearer; made if it does not exist",
       command_line::OptionKind::value, true},
      {"listen", "ADDRESS:PORT", "where to listen; port 0 takes a free one (default 127.0.0.1:8443)"},
      {"base-path", "PATH", "path in front of /v1 (default /api/accounts)"},
      {"answer", "MEMBER", "task_id, taskId, encrypted_task_id or encryptedTaskId (default task_id)"},
      {"window", "SECONDS", "how far a timestamp may lie from now, both ways (default 300)"},
      {"certificate", "FILE", "PEM certificate to serve (default: one made beside the database)"},
      {"private-key", "FILE", "PEM key of --certificate"},
      {"certificate-out", "FILE", "writes the certificate there, for the clients' --ca-file"},
      {"token-file", "FILE", "writes the bearer there, readable by its owner only (default DATABASE.token)"},
      {"ready-file", "FILE", "appears once the authority listens: JSON with url, certificate, token_file, pid"},
      {"http", "", "serves plain http, on loopback only", command_line::OptionKind::flag},
      {"public", "", "allows an address other machines can reach, with https", command_line::OptionKind::flag},
      {"quiet", "", "prints neither the ready line nor the log of requests", command_line::OptionKind::flag},
  };
  serve.examples = {
      {"Serve on a free port, and tell scripts where",
       "holdfast-authority --database /tmp/authority.db --listen 127.0.0.1:0 --ready-file /tmp/authority.json"},
      {"Answer with sealed task ids", "holdfast-authority --database authority.db --answer encrypted_task_id"},
  };
  serve.run = std::move(run);

  command_line::Program program;
  program.name = "holdfast-authority";
  program.version = HOLDFAST_VERSION;
  program.summary = "the reference authority for development and CI";
  program.description =
      "Registers agents (POST PATH/v1/agent/register) and tasks (POST PATH/v1/agent/ID/task/register),\n"
      "and checks Authorization headers for a proxy (/verify). It keeps no replay store: a header is\n"
      "accepted again inside its window. Every answer carries X-Holdfast-Authority: development.";
  program.files = {
      {"DATABASE", "agents, tasks and the bearer, in the format of SQLite; mode 0600"},
      {"DATABASE.token", "the bearer that registers agents, mode 0600"},
      {"DATABASE.certificate.pem", "the certificate that was made for it, for the clients' --ca-file"},
      {"DATABASE.key.pem", "that certificate's private key, mode 0600"},
  };
  program.commands.push_back(std::move(serve));
  program.exit_codes = "  0 stopped by a signal, 1 failed, 2 wrong use, 3 a file or address is not permitted";
  return program;
}

}  // namespace holdfast::authority
