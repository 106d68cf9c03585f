// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/transport.hpp"

#include "hal/display.hpp"
#include "hal/tpm2/octets.hpp"
#include "hal/trusted_file.hpp"

#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tctildr.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kConnecting = "connecting to a TPM";
constexpr std::string_view kResourceManager = "/dev/tpmrm0";
constexpr std::string_view kNames[] = {"device", "swtpm", "mssim", "tabrmd"};
constexpr std::size_t kMaxText = 512;

struct Choice {
  std::string_view name;
  std::string_view configuration;
  FileDescriptor library;  // of a TCTI that is named by its path: the file that was checked
};

Error refuse(Status status, std::string_view about, std::string_view why) noexcept {
  Error error = failure(status, Layer::tpm2, kConnecting);
  append_printable(error.detail, about);
  error.detail.append(" ");
  error.detail.append(why);
  return error;
}

// /dev/tpm0 has room for one program and no resource manager: what a crash leaves in it blocks everybody.
bool is_raw_device(std::string_view path) noexcept {
  constexpr std::string_view kRaw = "/dev/tpm";
  return path.starts_with(kRaw) && path.size() > kRaw.size() && path[kRaw.size()] >= '0' && path[kRaw.size()] <= '9';
}

// The TCTI answers IO_ERROR to all of these.
Result<void> check_device(std::string_view path) noexcept {
  if (is_raw_device(path)) {
    return refuse(Status::invalid_uri, path, "is the TPM without its resource manager")
        .with_hint("use tcti=device:/dev/tpmrm0, which several programs can share");
  }
  char terminated[kMaxText]{};
  if (path.size() >= sizeof terminated) return refuse(Status::invalid_uri, "the device's path", "is too long");
  path.copy(terminated, path.size());
  const FileDescriptor device(open(terminated, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (device) return {};
  const int code = errno;
  Error error = code == EACCES || code == EPERM
                    ? refuse(Status::permission_denied, path, "may not be used by this user")
                    : refuse(Status::token_not_found, path, "cannot be opened");
  if (code == EBUSY) error.status = Status::device_gone;
  error.native = static_cast<std::uint64_t>(code);
  error.native_name = strerrorname_np(code);
  if (error.status == Status::permission_denied) {
    error.hint = "add this user to the group that owns the device (on Debian: tss), then log in again";
  } else if (error.status == Status::token_not_found) {
    error.hint = "switch the TPM on in the firmware settings, or name another transport: tcti=swtpm:path=/PATH";
  }
  return error;
}

Result<Choice> choose(std::string_view tcti) noexcept {
  if (tcti.empty()) tcti = "device";
  const std::size_t colon = tcti.find(':');
  Choice choice{tcti.substr(0, colon), colon == std::string_view::npos ? "" : tcti.substr(colon + 1), {}};
  if (choice.name.starts_with('/')) {
    choice.library = HOLDFAST_TRY(open_trusted(choice.name, FilePrivacy::readable));
    return choice;
  }
  if (std::ranges::find(kNames, choice.name) == std::ranges::end(kNames)) {
    return refuse(Status::invalid_uri, choice.name, "is not a TCTI we load")
        .with_hint(
            "tcti= takes device:/dev/tpmrm0, swtpm:path=/PATH, mssim:…, tabrmd:… or the path of a TCTI library");
  }
  if (choice.name == "device") {
    if (choice.configuration.empty()) choice.configuration = kResourceManager;
    HOLDFAST_TRY(check_device(choice.configuration));
  }
  return choice;
}

bool keep(const char* library) noexcept {
  void* there = dlopen(library, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
  if (there == nullptr) return false;
  dlclose(there);
  return true;
}

// A TCTI that connected stays loaded: a host that has locked itself down connects anew after a failure, and can read
// or map no library then. The loader keeps its handle to itself, so the library is sought among those that are there,
// by the names under which tss2-tctildr looks for it.
void keep_loaded(const char* name) noexcept {
  if (*name == '/') {
    (void)keep(name);
    return;
  }
  for (const std::string_view suffix : {".so.0", ".so"}) {
    FixedText<64> library{"libtss2-tcti-"};
    library.append(name);
    library.append(suffix);
    library.append('\0');
    if (keep(library.view().data())) return;
  }
}

}  // namespace

Result<Transport> Transport::open(std::string_view tcti) noexcept {
  const Choice choice = HOLDFAST_TRY(choose(tcti));
  char name[PATH_MAX]{};
  char configuration[kMaxText]{};
  if (choice.name.size() >= sizeof name || choice.configuration.size() >= sizeof configuration) {
    return refuse(Status::invalid_uri, "tcti", "is too long");
  }
  choice.name.copy(name, choice.name.size());
  if (choice.library && !write_path_of(choice.library, name)) {
    return refuse(Status::token_not_found, choice.name, "cannot be loaded safely")
        .with_hint("mount /proc: the loaded file is named through it");
  }
  choice.configuration.copy(configuration, choice.configuration.size());
  Transport transport;
  const TSS2_RC code = Tss2_TctiLdr_Initialize_Ex(name, configuration, &transport.context_);
  if (code != TSS2_RC_SUCCESS) {
    transport.context_ = nullptr;
    Error error = native_failure(code, Status::token_not_found, kConnecting);
    error.detail.clear();
    error.detail.append("no TPM answers at ");
    append_printable(error.detail, choice.name);
    error.detail.append(":");
    append_printable(error.detail, choice.configuration);
    error.hint = "check tcti= and that the TPM, simulator or resource manager it names is running";
    return error;
  }
  keep_loaded(name);
  return transport;
}

ResponseCode Transport::exchange(std::span<const std::byte> command, std::span<std::byte> response, std::size_t& size,
                                 Clock& clock, BootTime give_up) noexcept {
  size = 0;
  if (context_ == nullptr) return TSS2_TCTI_RC_NO_CONNECTION;
  // Tss2_Tcti_Transmit and Tss2_Tcti_Receive are macros around this table.
  const auto* calls = reinterpret_cast<const TSS2_TCTI_CONTEXT_COMMON_V1*>(context_);
  const TSS2_RC code = calls->transmit(context_, command.size(), raw(command));
  if (code != TSS2_RC_SUCCESS) return code;
  if (!await_answer(clock, give_up)) return TSS2_TCTI_RC_TRY_AGAIN;
  size_t received = response.size();
  const TSS2_RC answer = calls->receive(context_, &received, raw(response), TSS2_TCTI_TIMEOUT_BLOCK);
  if (answer == TSS2_RC_SUCCESS) size = std::min<std::size_t>(received, response.size());
  return answer;
}

// Asked by us, as the time-out of a TCTI's own receive is ignored by tcti-swtpm 3.2 and others.
bool Transport::await_answer(Clock& clock, BootTime give_up) const noexcept {
  const auto* calls = reinterpret_cast<const TSS2_TCTI_CONTEXT_COMMON_V1*>(context_);
  TSS2_TCTI_POLL_HANDLE handle{};
  size_t count = 1;
  if (calls->getPollHandles == nullptr || calls->getPollHandles(context_, &handle, &count) != TSS2_RC_SUCCESS ||
      count != 1) {
    return true;
  }
  // The one wait that is not the clock's, as it is for a device. In slices, so that a clock of another pace is heard.
  constexpr int kSliceMs = 100;
  handle.events = POLLIN;
  while (true) {
    if (poll(&handle, 1, kSliceMs) > 0) return true;
    if (clock.boot() >= give_up) return false;
  }
}

void Transport::close() noexcept {
  if (context_ != nullptr) Tss2_TctiLdr_Finalize(&context_);
  context_ = nullptr;
}

}  // namespace holdfast::hal::tpm2
