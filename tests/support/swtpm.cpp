// SPDX-License-Identifier: Apache-2.0
#include "tests/support/swtpm.hpp"

#include "hal/registry.hpp"
#include "hal/trusted_file.hpp"

#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tctildr.h>
#include <tss2/tss2_tpm2_types.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <stdexcept>
#include <thread>

namespace holdfast::test {
namespace {

constexpr const char* kProgram = "/usr/bin/swtpm";

bool is_listed(const std::string& name) {
  const char* list = std::getenv("HOLDFAST_REQUIRE");
  const std::string names = "," + std::string(list != nullptr ? list : "") + ",";
  return names.find(",all,") != std::string::npos || names.find("," + name + ",") != std::string::npos;
}

std::uint32_t number(const std::uint8_t* bytes) {
  return static_cast<std::uint32_t>(bytes[0]) << 24U | static_cast<std::uint32_t>(bytes[1]) << 16U |
         static_cast<std::uint32_t>(bytes[2]) << 8U | bytes[3];
}

// A client of its own, so that the count does not rest on what is tested.
class RawClient {
 public:
  explicit RawClient(const std::string& tcti) {
    if (Tss2_TctiLdr_Initialize(tcti.c_str(), &context_) != TSS2_RC_SUCCESS) throw std::runtime_error("no swtpm");
  }
  ~RawClient() { Tss2_TctiLdr_Finalize(&context_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  std::vector<std::uint32_t> handles(std::uint32_t first) {
    const Response response = send(TPM2_CC_GetCapability, {TPM2_CAP_HANDLES, first, 64}, {});
    if (response.size < 19) throw std::runtime_error("swtpm does not say what is loaded");
    std::vector<std::uint32_t> found;
    const std::uint32_t count = number(&response.bytes[15]);
    for (std::uint32_t i = 0; i < count; ++i) found.push_back(number(&response.bytes[19 + 4 * i]));
    return found;
  }
  void flush(std::uint32_t handle) { send(TPM2_CC_FlushContext, {handle}, {}); }
  void evict(std::uint32_t handle) { send(TPM2_CC_EvictControl, {TPM2_RH_OWNER, handle}, {handle}); }
  void forget_wrong_auth() { send(TPM2_CC_DictionaryAttackLockReset, {TPM2_RH_LOCKOUT}, {}, true); }

 private:
  struct Response {
    std::array<std::uint8_t, 4096> bytes{};
    std::size_t size = 4096;
  };

  // Words before the authorisation, which is an empty one if there are words after it or it is asked for, and after
  // it.
  Response send(std::uint32_t code, std::initializer_list<std::uint32_t> before,
                std::initializer_list<std::uint32_t> after, bool is_authorized = false) {
    is_authorized = is_authorized || after.size() != 0;
    std::vector<std::uint8_t> command{0x80, static_cast<std::uint8_t>(is_authorized ? 2 : 1), 0, 0, 0, 0};
    const auto append = [&command](std::uint32_t word) {
      for (int shift = 24; shift >= 0; shift -= 8) command.push_back(static_cast<std::uint8_t>(word >> shift));
    };
    append(code);
    for (const std::uint32_t word : before) append(word);
    if (is_authorized) {
      append(9);
      append(TPM2_RS_PW);
      command.insert(command.end(), 5, 0);  // no nonce, no attributes, no value
    }
    for (const std::uint32_t word : after) append(word);
    command[5] = static_cast<std::uint8_t>(command.size());
    const auto* calls = reinterpret_cast<const TSS2_TCTI_CONTEXT_COMMON_V1*>(context_);
    Response response;
    if (calls->transmit(context_, command.size(), command.data()) != TSS2_RC_SUCCESS ||
        calls->receive(context_, &response.size, response.bytes.data(), TSS2_TCTI_TIMEOUT_BLOCK) != TSS2_RC_SUCCESS) {
      throw std::runtime_error("swtpm does not answer");
    }
    return response;
  }

  TSS2_TCTI_CONTEXT* context_ = nullptr;
};

// The socket's name is there a moment before anybody listens behind it.
bool is_answered(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const hal::FileDescriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

// What proc(5), /proc/pid/syscall, tells of a thread that waits for a byte on a socket. Machines younger than x86
// have ppoll alone, which poll() is made of there (arm64).
bool is_wait(long call) {
#ifdef SYS_poll
  if (call == SYS_poll) return true;
#endif
  return call == SYS_read || call == SYS_recvfrom || call == SYS_ppoll;
}

}  // namespace

Swtpm::Swtpm(Make make) {
  std::filesystem::create_directory(folder_.file("state"));
  if (make == Make::certified) certify();
  // Its TCTI writes what fails to standard error, which tests make fail on purpose.
  setenv("TSS2_LOG", "all+none", 0);
  start();
}

Swtpm::~Swtpm() { stop(); }

// swtpm_setup plays the maker: a certificate authority of its own, the endorsement keys and their certificates.
void Swtpm::certify() {
  const std::string ca = folder_.file("ca");
  std::filesystem::create_directory(ca);
  const std::string authority =
      folder_.write("localca.conf", "statedir = " + ca + "\nsigningkey = " + ca + "/signkey.pem\nissuercert = " + ca +
                                        "/issuercert.pem\ncertserial = " + ca + "/certserial\n");
  const std::string options = folder_.write("localca.options",
                                            "--platform-manufacturer Test\n--platform-version 1\n--platform-model "
                                            "Test\n");
  const std::string setup = folder_.write("setup.conf",
                                          "create_certs_tool = /usr/bin/swtpm_localca\n"
                                          "create_certs_tool_config = " +
                                              authority + "\ncreate_certs_tool_options = " + options + "\n");
  std::string said;
  const int failed = run("swtpm_setup --tpm2 --tpmstate " + folder_.file("state") +
                             " --create-ek-cert --pcr-banks sha256 --config " + setup + " && cat " + ca +
                             "/issuercert.pem " + ca + "/swtpm-localca-rootca-cert.pem > " + ca_file(),
                         &said);
  if (failed != 0) throw std::runtime_error("swtpm_setup failed: " + said);
}

bool Swtpm::is_installed() { return access(kProgram, X_OK) == 0; }
bool Swtpm::is_required() { return is_listed("swtpm"); }

void Swtpm::start() {
  const std::string state = "dir=" + folder_.file("state");
  const std::string data = "type=unixio,path=" + folder_.file("s");
  const std::string control = "type=unixio,path=" + folder_.file("s.ctrl");
  const std::string log = folder_.file("swtpm.log");
  std::filesystem::remove(folder_.file("s"));
  std::filesystem::remove(folder_.file("s.ctrl"));
  const pid_t parent = getpid();
  process_ = fork();
  if (process_ == 0) {
    // By hand and not with --daemon: a relative state folder, and a process that nobody waits for, come with that.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execl(kProgram, "swtpm", "socket", "--tpm2", "--tpmstate", state.c_str(), "--server", data.c_str(), "--ctrl",
          control.c_str(), "--flags", "not-need-init,startup-clear", nullptr);
    _exit(127);
  }
  for (int i = 0; i < 6000 && waitpid(process_, nullptr, WNOHANG) == 0; ++i) {
    if (is_answered(folder_.file("s")) && is_answered(folder_.file("s.ctrl"))) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  stop();
  throw std::runtime_error("swtpm did not start: " + read_file(log));
}

void Swtpm::stop() {
  if (process_ <= 0) return;
  kill(process_, SIGCONT);
  kill(process_, SIGTERM);
  while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
  process_ = -1;
}

void Swtpm::restart() {
  stop();
  start();
}

void Swtpm::suspend() const { kill(process_, SIGSTOP); }
void Swtpm::resume() const { kill(process_, SIGCONT); }

std::string Swtpm::file_uri(std::string_view name) const {
  return "tpm2:file=" + folder_.file(std::string(name) + ".pem") + "?tcti=" + tcti();
}

std::string Swtpm::handle_uri(std::string_view handle) const {
  return "tpm2:handle=" + std::string(handle) + "?tcti=" + tcti();
}

Swtpm::Slots Swtpm::slots() const {
  RawClient client(tcti());
  return {client.handles(TPM2_TRANSIENT_FIRST), client.handles(TPM2_LOADED_SESSION_FIRST),
          client.handles(TPM2_ACTIVE_SESSION_FIRST)};
}

void Swtpm::clean(std::uint32_t handle) const {
  RawClient client(tcti());
  for (const std::uint32_t first : {TPM2_TRANSIENT_FIRST, TPM2_LOADED_SESSION_FIRST, TPM2_ACTIVE_SESSION_FIRST}) {
    for (const std::uint32_t found : client.handles(first)) client.flush(found);
  }
  for (const std::uint32_t found : client.handles(TPM2_PERSISTENT_FIRST)) {
    if (found == handle) client.evict(found);
  }
  client.forget_wrong_auth();
}

std::vector<std::uint32_t> Swtpm::persistent() const { return RawClient(tcti()).handles(TPM2_PERSISTENT_FIRST); }

int Swtpm::run(const std::string& command, std::string* out) const {
  const std::string log = folder_.file("run.log");
  const std::string line = "cd " + folder_.path() + " && export TPM2TOOLS_TCTI=" + tcti() +
                           " TPM2OPENSSL_TCTI=" + tcti() + " && ( " + command + " ) >" + log + " 2>&1";
  const int status = std::system(line.c_str());  // NOLINT: a test's own literal
  if (out != nullptr) *out = read_file(log);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

hal::DevicePtr open_tpm(const std::string& uri, hal::DeviceAccess access, std::string_view pin_source,
                        hal::Clock* clock, std::string_view owner_pin_source) {
  hal::DeviceOptions options;
  options.uri = uri;
  options.access = access;
  options.clock = clock;
  auto pin = hal::PinSource::parse(pin_source);
  if (!pin) throw std::runtime_error(told(pin.error()));
  options.pin = *pin;
  auto owner_pin = hal::PinSource::parse(owner_pin_source);
  if (!owner_pin) throw std::runtime_error(told(owner_pin.error()));
  options.owner_pin = *owner_pin;
  auto device = hal::open_device(options);
  if (!device) throw std::runtime_error(told(device.error()));
  return std::move(device).value();
}

std::size_t threads_waiting_for_the_tpm() {
  std::size_t count = 0;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    if (thread.path().filename() == std::to_string(gettid())) continue;
    long call = -1;
    if (!(std::ifstream(thread.path() / "syscall") >> call)) continue;  // "running"
    if (is_wait(call)) ++count;
  }
  return count;
}

std::string told(const Error& error) {
  std::array<char, 640> text{};
  return std::string(write_message(error, text)) + " [" + std::string(hint_of(error)) + "]";
}

}  // namespace holdfast::test
