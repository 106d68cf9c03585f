// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/testbed.hpp"

#include "hal/system_error.hpp"
#include "src/json/json.hpp"
#include "tools/holdfast/commands.hpp"
#include "tools/holdfast/key_access.hpp"
#include "tools/holdfast/key_uri.hpp"
#include "tools/holdfast/program_search.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>

namespace holdfast::tool {
namespace {

constexpr const char* kMaking = "making the testbed";
constexpr const char* kLooking = "looking for what a testbed is made of";
constexpr std::string_view kAuthorityLog = "authority.log";
constexpr std::string_view kTpmLog = "swtpm.log";

// Where distributions put SoftHSM's module.
constexpr std::array kModules{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so",
                              "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/lib64/libsofthsm2.so",
                              "/usr/local/lib/softhsm/libsofthsm2.so"};

Error missing(std::string_view what, const char* hint) {
  return failure(Status::file_invalid, Layer::system, kLooking).about(what).with_hint(hint);
}

// As any command says it of a module: who gets exit code 4 has a token to look after.
Result<std::string> find_module(std::string given) {
  constexpr const char* kInstallIt =
      "install the package softhsm2 (Debian: apt-get install softhsm2), or name its module with --module";
  Error error = failure(Status::module_unusable, Layer::system, kLooking).with_hint(kInstallIt);
  if (given.empty()) {
    for (const char* path : kModules) {
      if (::access(path, R_OK) == 0) return std::string(path);
    }
    return std::move(error).about("SoftHSM's module is not installed");
  }
  if (::access(given.c_str(), R_OK) == 0) return given;
  const int code = errno;
  error.native = static_cast<std::uint64_t>(code);
  error.native_name = ::strerrorname_np(code);
  return std::move(error).about(given + (code == ENOENT ? " does not exist" : " cannot be read"));
}

Result<void> write_new(const std::string& path, std::string_view text) {
  const hal::FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return hal::system_error(errno, kMaking, path);
  if (::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) return {};
  return hal::system_error(ENOSPC, kMaking, path);
}

Result<void> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return {};
  return hal::system_error(errno, kMaking, path);
}

Result<void> write_random_pin(const std::string& path) {
  std::array<unsigned char, 8> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return hal::system_error(errno, kMaking, "getrandom");
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits;
  for (const unsigned char byte : bytes) {
    digits += kDigits[byte / kDigits.size()];
    digits += kDigits[byte % kDigits.size()];
  }
  return write_new(path, digits + "\n");
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

// The socket's name is there a moment before anybody listens behind it.
bool is_answered(const std::string& path) {
  const sockaddr_un address = address_of(path);
  const hal::FileDescriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

Result<TestbedParts> TestbedParts::find(bool is_tpm, std::string_view module) {
  TestbedParts parts;
  parts.authority = program_of_ours("holdfast-authority");
  if (parts.authority.empty()) {
    return missing("holdfast-authority is neither beside holdfast nor on PATH",
                   "it is built and installed with the tools (cmake --install, component authority)");
  }
  if (is_tpm) {
    parts.swtpm = program_on_path("swtpm");
    if (parts.swtpm.empty()) {
      return missing("swtpm is not on PATH", "install the package swtpm (Debian: apt-get install swtpm)");
    }
    return parts;
  }
  parts.module = HOLDFAST_TRY(find_module(std::string(module)));
  return parts;
}

Testbed::Testbed(Keeper& keeper, const TestbedParts& parts, Terminal& terminal)
    : keeper_(keeper), parts_(parts), terminal_(terminal), is_tpm_(!parts.swtpm.empty()) {
  if (is_tpm_) {
    tcti_ = "swtpm:path=" + file("tpm/s");
    token_uri_ = with_query_attribute("tpm2:", "tcti", tcti_);
    key_uri_ = with_query_attribute(with_path_attribute("tpm2:", "file", file("agent.pem")), "tcti", tcti_);
  } else {
    token_uri_ = with_query_attribute("pkcs11:token=testbed", "module-path", parts.module);
    key_uri_ = with_query_attribute("pkcs11:token=testbed;object=agent", "module-path", parts.module);
  }
}

int Testbed::make() {
  terminal_.progress("making a throwaway token, its key and an authority");
  if (const int code = fail(prepare()); code != 0) return code;
  for (const Words& words : token_steps()) {
    if (const int code = run(words); code != 0) return code;
  }
  if (const int code = fail(read_ready_file()); code != 0) return code;
  return run(registration());
}

int Testbed::fail(const Result<void>& result) { return result ? 0 : terminal_.fail(result.error()); }

Result<void> Testbed::prepare() {
  HOLDFAST_TRY(write_random_pin(file("pin")));
  HOLDFAST_TRY(start_authority());  // gets ready while the key is made
  return is_tpm_ ? start_tpm() : prepare_softhsm();
}

Result<void> Testbed::start_authority() {
  HOLDFAST_TRY(make_folder(file("authority")));
  return keeper_.start_helper(
      std::string(kAuthorityLog),
      {parts_.authority, "--database", file("authority/state.db"), "--listen", "127.0.0.1:0", "--certificate-out",
       file("authority/ca.pem"), "--token-file", file("authority/token"), "--ready-file", file("authority/ready")});
}

Result<void> Testbed::read_ready_file() {
  const std::string path = file("authority/ready");
  HOLDFAST_TRY(keeper_.wait_until([&path] { return ::access(path.c_str(), R_OK) == 0; }, patience()));
  const auto about = Json::parse(text_of(path));
  if (!about) return failure(Status::file_invalid, Layer::system, kMaking).about(path);
  authority_url_ = about->string_member("url").value_or("");
  verify_url_ = about->string_member("verify_url").value_or("");
  ca_file_ = file("authority/ca.pem");
  return {};
}

Result<void> Testbed::prepare_softhsm() {
  HOLDFAST_TRY(write_random_pin(file("so-pin")));
  HOLDFAST_TRY(make_folder(file("tokens")));
  HOLDFAST_TRY(write_new(file("softhsm2.conf"), "directories.tokendir = " + file("tokens") +
                                                    "\nobjectstore.backend = file\nlog.level = ERROR\n"));
  // The module reads it when it is initialised, which is in this process, too.
  ::setenv("SOFTHSM2_CONF", file("softhsm2.conf").c_str(), 1);  // NOLINT(concurrency-mt-unsafe): one thread
  return {};
}

Result<void> Testbed::start_tpm() {
  HOLDFAST_TRY(make_folder(file("tpm")));
  const std::string data = file("tpm/s");
  const std::string control = file("tpm/s.ctrl");
  if (control.size() >= sizeof(sockaddr_un::sun_path)) {  // unix(7)
    return failure(Status::file_invalid, Layer::system, kMaking)
        .about("the path of its folder is too long for a socket in it")
        .with_hint("set TMPDIR to a folder nearer to the root");
  }
  HOLDFAST_TRY(keeper_.start_helper(
      std::string(kTpmLog),
      {parts_.swtpm, "socket", "--tpm2", "--tpmstate", "dir=" + file("tpm"), "--server", "type=unixio,path=" + data,
       "--ctrl", "type=unixio,path=" + control, "--flags", "not-need-init,startup-clear"}));
  return keeper_.wait_until([&] { return is_answered(data) && is_answered(control); }, patience());
}

// What a disposable key would be asked, a throwaway token need not be.
std::vector<Testbed::Words> Testbed::token_steps() const {
  const std::string pin = "file:" + file("pin");
  const Words generate{"key", "generate", key_uri_, "--pin-source", pin, "--no-probe"};
  if (is_tpm_) return {generate};
  return {{"token", "init", "--module", parts_.module, "--label", "testbed", "--so-pin-source",
           "file:" + file("so-pin"), "--pin-source", pin},
          generate};
}

Testbed::Words Testbed::registration() const {
  return {"agent",
          "register",
          "--key",
          key_uri_,
          "--pin-source",
          "file:" + file("pin"),
          "--no-probe",
          "--authority",
          authority_url_,
          "--ca-file",
          ca_file_,
          "--access-token-source",
          "file:" + file("authority/token"),
          "--identity-file",
          file("identity.json")};
}

int Testbed::run(const Words& words) {
  Terminal own;  // never finished: what the command has to say is not what was asked for, unless it fails
  own.configure(terminal_.is_json(), true);
  const command_line::Program table = program(own);
  const command_line::Request request = command_line::parse(table, words);
  const bool is_understood = request.kind == command_line::Request::Kind::run;
  const int code =
      is_understood ? request.command->run(request.arguments) : own.fail_use(request.error, request.hint);
  if (code == 0) return fail(keeper_.check_interruption());
  if (own.interrupted_by() != 0) {
    terminal_.end_by(own.interrupted_by());
    return code;
  }
  terminal_.note("that was 'holdfast " + words[0] + " " + words[1] +
                 "', of which a testbed is made; nothing is left");
  return code;
}

std::vector<std::string> Testbed::environment() const {
  std::vector<std::string> assignments{
      "HOLDFAST_IDENTITY_FILE=" + file("identity.json"),
      "HOLDFAST_KEY_URI=" + key_uri_,
      "HOLDFAST_TOKEN_URI=" + token_uri_,
      "HOLDFAST_PIN_SOURCE=file:" + file("pin"),
      "HOLDFAST_AUTHORITY_URL=" + authority_url_,
      "HOLDFAST_VERIFY_URL=" + verify_url_,
      "HOLDFAST_CA_FILE=" + ca_file_,
      "HOLDFAST_ACCESS_TOKEN_SOURCE=file:" + file("authority/token"),
  };
  if (is_tpm_) {
    for (const std::string_view name : {"TPM2TOOLS_TCTI", "TPM2OPENSSL_TCTI"}) {
      assignments.push_back(std::string(name) + "=" + tcti_);
    }
  } else {
    assignments.push_back("SOFTHSM2_CONF=" + file("softhsm2.conf"));
  }
  return assignments;
}

}  // namespace holdfast::tool
