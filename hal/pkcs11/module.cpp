// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/module.hpp"

#include "hal/display.hpp"
#include "hal/pkcs11/errors.hpp"
#include "hal/trusted_file.hpp"

#include <dlfcn.h>
#include <limits.h>
#include <unistd.h>

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kLoading = "loading a PKCS#11 module";
constexpr const char* kInitialising = "initialising a PKCS#11 module";
constexpr std::size_t kMaxModules = 16;
constexpr std::chrono::seconds kGatePatience{1};

template <typename... Arguments>
CK_RV not_supported(Arguments...) noexcept {
  return CKR_FUNCTION_NOT_SUPPORTED;
}

template <typename Function>
void fill(Function& function) noexcept {
  if (function == nullptr) function = &not_supported;
}

// A module may leave out what it cannot do, as a null pointer; nobody after this has to think of it. That all which
// is called stands here or below is seen to by `tests/style/check left-out-functions`.
void fill_gaps(Calls& calls) noexcept {
  fill(calls.C_GetInfo);
  fill(calls.C_GetMechanismInfo);
  fill(calls.C_InitToken);
  fill(calls.C_InitPIN);
  fill(calls.C_GetSessionInfo);
  fill(calls.C_Login);
  fill(calls.C_Logout);
  fill(calls.C_CreateObject);
  fill(calls.C_CopyObject);
  fill(calls.C_DestroyObject);
  fill(calls.C_SetAttributeValue);
  fill(calls.C_EncryptInit);
  fill(calls.C_Encrypt);
  fill(calls.C_EncryptFinal);
  fill(calls.C_SignInit);
  fill(calls.C_Sign);
  fill(calls.C_GenerateKey);
  fill(calls.C_GenerateKeyPair);
  fill(calls.C_WrapKey);
  fill(calls.C_UnwrapKey);
  fill(calls.C_DeriveKey);
}

bool has_the_needed(const Calls& calls) noexcept {
  return calls.C_Initialize != nullptr && calls.C_Finalize != nullptr && calls.C_GetSlotList != nullptr &&
         calls.C_GetTokenInfo != nullptr && calls.C_OpenSession != nullptr && calls.C_CloseSession != nullptr &&
         calls.C_GetAttributeValue != nullptr && calls.C_FindObjectsInit != nullptr &&
         calls.C_FindObjects != nullptr && calls.C_FindObjectsFinal != nullptr;
}

Error unusable(std::string_view path, std::string_view why) noexcept {
  Error error = failure(Status::module_unusable, Layer::pkcs11, kLoading);
  error.detail.append(path);
  error.detail.append(" ");
  error.detail.append(why);
  return error;
}

// A path that leads to no file is as much a module that cannot be used as a file that is none.
Error about_module(Error error) noexcept {
  if (error.status != Status::file_invalid) return error;
  error.status = Status::module_unusable;
  error.doing = kLoading;
  return error;
}

struct Library {
  void* handle;
  Calls calls;
};

// Loaded with plain dlopen and not by p11_kit_module_load, which would do the same and then either count
// initialisations (so that another user in the process blocks a reset) or leave OS locking and the reserved argument
// to us anyway, and which tells less when it fails.
Result<Library> load(std::string_view path) noexcept {
  Result<FileDescriptor> opened = open_trusted(path, FilePrivacy::readable);
  if (!opened) return about_module(opened.error());
  const FileDescriptor file = std::move(*opened);
  char checked[PATH_MAX];
  if (!write_path_of(file, checked)) {
    return unusable(path, "cannot be loaded safely").with_hint("mount /proc: the loaded file is named through it");
  }

  void* handle = dlopen(checked, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    Error error = unusable(path, "is not a library: ");
    // The loader's sentence begins with the path, which the detail has already.
    const char* reason = dlerror();  // NOLINT(concurrency-mt-unsafe): per thread in glibc
    std::string_view text = reason != nullptr ? reason : "";
    if (text.starts_with(checked)) text.remove_prefix(std::string_view(checked).size());
    text.remove_prefix(std::min(text.find_first_not_of(": "), text.size()));
    append_printable(error.detail, text);
    return error;
  }
  const auto get_function_list = reinterpret_cast<CK_C_GetFunctionList>(dlsym(handle, "C_GetFunctionList"));
  if (get_function_list == nullptr) {
    dlclose(handle);  // no module, so none of the reasons to keep one
    return unusable(path, "is a library, but not a PKCS#11 module");
  }
  CK_FUNCTION_LIST* list = nullptr;
  const CK_RV code = get_function_list(&list);
  if (code != CKR_OK || list == nullptr) {
    Error error = unusable(path, "gives no function list");
    error.native = code;
    error.native_name = code_name(code);
    return error;
  }
  if (list->version.major < 2 || list->version.major > 3) {
    return unusable(path, "speaks an unknown version of PKCS#11");
  }
  if (!has_the_needed(*list)) return unusable(path, "leaves out functions that every token needs");
  Library library{handle, *list};
  fill_gaps(library.calls);
  return library;
}

}  // namespace

/// The modules of this process.
class ModuleTable {
 public:
  Result<ModuleUse> use(const ModuleConfig& config, ModuleMode mode) noexcept {
    notice_fork();
    Module* module = nullptr;
    {
      const Turn turn(turnstile_, system_clock(), kNoDeadline);
      module = HOLDFAST_TRY(find_or_load(config));
    }
    HOLDFAST_TRY(module->use(mode));
    return ModuleUse(*module);
  }

  void release(Module& module) noexcept {
    if (owner_.load(std::memory_order_acquire) == getpid()) module.release();  // a child's close sends nothing
  }

 private:
  Result<Module*> find_or_load(const ModuleConfig& config) noexcept {
    Library library = HOLDFAST_TRY(load(config.path.view()));
    for (Module& module : modules_) {
      if (module.library_ != nullptr && module.library_ != library.handle) continue;
      if (module.library_ == library.handle) {
        dlclose(library.handle);  // counted by the loader; the record holds one
        return &module;
      }
      module.library_ = library.handle;
      module.calls_ = library.calls;
      module.reserved_ = FixedText<kMaxReservedSize + 1>(config.reserved.view());
      return &module;
    }
    dlclose(library.handle);
    return failure(Status::resource_exhausted, Layer::pkcs11, kLoading)
        .about("too many PKCS#11 modules in one process");
  }

  // A child inherits the table: the locks may be held by threads it does not have, and whether the modules are
  // initialised in it is for them to say (PKCS#11 v3.0 §5.4: the child calls C_Initialize itself).
  void notice_fork() noexcept {
    const pid_t self = getpid();
    pid_t owner = owner_.load(std::memory_order_acquire);
    while (owner != self) {
      constexpr pid_t kChanging = -1;
      if (owner != kChanging && owner_.compare_exchange_strong(owner, kChanging, std::memory_order_acq_rel)) {
        turnstile_.forget();
        for (Module& module : modules_) {
          module.turnstile_.forget();
          module.gate_.forget();
          module.users_ = 0;
          module.is_left_over_ = module.is_left_over_ || (module.is_initialised_ && module.is_ours_);
          module.is_initialised_ = false;
        }
        owner_.store(self, std::memory_order_release);
      }
      owner = owner_.load(std::memory_order_acquire);
    }
  }

  std::atomic<pid_t> owner_{0};
  Turnstile turnstile_;
  std::array<Module, kMaxModules> modules_;
};

namespace {
constinit ModuleTable g_modules;  // why it is global: see Module
}

Result<void> Module::use(ModuleMode mode) noexcept {
  Clock& clock = system_clock();
  const Turn turn(turnstile_, clock, kNoDeadline);
  if (!is_initialised_) {
    const Passage passage(gate_, clock, kNoDeadline);
    HOLDFAST_TRY(initialise(mode));
  } else if (mode == ModuleMode::own && !is_ours_) {
    return native_failure(CKR_CRYPTOKI_ALREADY_INITIALIZED, Status::module_unusable, kInitialising)
        .about("somebody else in this process initialised it")
        .with_hint("open it in the mode share");
  }
  ++users_;
  return {};
}

CK_RV Module::call_initialize() noexcept {
  CK_C_INITIALIZE_ARGS arguments{};
  // Without it SoftHSM loses keys at random under threads, and no module may be called from several (§5.4).
  arguments.flags = CKF_OS_LOCKING_OK;
  FixedText<kMaxReservedSize + 1> terminated = reserved_;
  terminated.append(std::string_view("\0", 1));
  if (!reserved_.empty()) arguments.pReserved = const_cast<char*>(terminated.view().data());
  const CK_RV code = calls_.C_Initialize(&arguments);
  // A failure may have come after the deed: what is initialised and disowned would be refused to us as somebody
  // else's for as long as the process lives. Where nothing happened, this says CKR_CRYPTOKI_NOT_INITIALIZED.
  if (code != CKR_OK && code != CKR_CRYPTOKI_ALREADY_INITIALIZED) calls_.C_Finalize(nullptr);
  return code;
}

// True if the module may still be initialised by us.
bool Module::finalize() noexcept {
  const CK_RV code = calls_.C_Finalize(nullptr);
  return code != CKR_OK && code != CKR_CRYPTOKI_NOT_INITIALIZED;
}

Result<void> Module::initialise(ModuleMode mode) noexcept {
  if (mode == ModuleMode::refuse) {
    CK_INFO info{};
    const CK_RV code = calls_.C_GetInfo(&info);
    if (code == CKR_CRYPTOKI_NOT_INITIALIZED) {
      return native_failure(code, Status::module_unusable, kInitialising)
          .about("the host has not initialised it, and we were told not to")
          .with_hint("initialise the module in the host first, or open it in the mode own");
    }
    is_initialised_ = true;
    is_ours_ = false;
    return {};
  }
  CK_RV code = call_initialize();
  if (code == CKR_CRYPTOKI_ALREADY_INITIALIZED && is_left_over_) {
    // A module that carries its state over a fork (SoftHSM without library.reset_on_fork) still holds the parent's
    // sessions and login; one that could not be finalised, our own of before. Nobody but we initialised it, so nobody
    // else's are lost.
    calls_.C_Finalize(nullptr);
    code = call_initialize();
  }
  is_left_over_ = false;
  if (code == CKR_CRYPTOKI_ALREADY_INITIALIZED && mode == ModuleMode::share) {
    is_initialised_ = true;
    is_ours_ = false;
    return {};
  }
  if (code == CKR_CRYPTOKI_ALREADY_INITIALIZED) {
    return native_failure(code, Status::module_unusable, kInitialising)
        .about("somebody else in this process initialised it")
        .with_hint("open it in the mode share");
  }
  if (code != CKR_OK) {
    return native_failure(code, Status::module_unusable, kInitialising)
        .with_hint("check the module's own configuration, such as its token folder or device");
  }
  is_initialised_ = true;
  is_ours_ = true;
  return {};
}

void Module::release() noexcept {
  Clock& clock = system_clock();
  const Turn turn(turnstile_, clock, kNoDeadline);
  if (users_ == 0 || --users_ > 0 || !is_initialised_) return;
  is_initialised_ = false;
  if (!is_ours_) return;
  const Passage passage(gate_, clock, kNoDeadline);
  generation_.fetch_add(1, std::memory_order_acq_rel);
  is_left_over_ = finalize();
}

Result<void> Module::reset(std::uint32_t seen, Clock& clock, BootTime deadline) noexcept {
  constexpr const char* kResetting = "resetting a PKCS#11 module";
  const Turn turn(turnstile_, clock, deadline);
  if (!turn) return failure(Status::deadline_exceeded, Layer::pkcs11, kResetting);
  if (!is_ours_) return failure(Status::reset_not_ours, Layer::pkcs11, kResetting);
  if (seen != generation() && is_initialised_) return {};
  // Not until the caller's deadline: nobody else gets in meanwhile, and there may be healthy tokens on the module.
  if (!gate_.close(clock, std::min(deadline, clock.boot().after(kGatePatience)))) {
    const bool is_late = clock.boot() >= deadline;
    return failure(is_late ? Status::deadline_exceeded : Status::device_gone, Layer::pkcs11, kResetting)
        .about("another thread is still inside the module");
  }
  generation_.fetch_add(1, std::memory_order_acq_rel);
  // Its answer says nothing that helps: a module that lost its token fails here, and initialises well afterwards.
  if (is_initialised_) is_left_over_ = finalize();
  CK_RV code = call_initialize();
  if (code == CKR_CRYPTOKI_ALREADY_INITIALIZED && is_left_over_) {
    calls_.C_Finalize(nullptr);
    code = call_initialize();
  }
  if (code == CKR_OK) is_left_over_ = false;
  is_initialised_ = code == CKR_OK;
  gate_.open(clock);
  if (code != CKR_OK) return native_failure(code, Status::device_gone, kResetting);
  return {};
}

void ModuleUse::release() noexcept {
  if (module_ != nullptr) g_modules.release(*std::exchange(module_, nullptr));
}

Result<ModuleUse> use_module(const ModuleConfig& config, ModuleMode mode) noexcept {
  return g_modules.use(config, mode);
}

}  // namespace holdfast::hal::pkcs11
