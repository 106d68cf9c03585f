// SPDX-License-Identifier: Apache-2.0
//
// A PKCS#11 module in front of another: counts calls, fails them on demand, and tells when a thread is inside the
// real module. It allocates nothing in a call, so that a heap counter sees the caller's frames only.
#include "tests/support/forwarding_table.hpp"
#include "tests/support/shim_control.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <utility>

#define HOLDFAST_EXPORT __attribute__((visibility("default")))

namespace holdfast::test {
namespace {

// In the static thread block although the library is loaded late: the first use of a dynamic one allocates, which a
// heap counter would see.
thread_local __attribute__((tls_model("initial-exec"))) bool is_inside_native_call = false;

constexpr std::size_t kMaxRecorded = 4096;

struct Fault {
  std::atomic<std::uint64_t> left{0};  // calls until it strikes; 0: not armed
  std::atomic<bool> is_always{false};

  void set(const ShimFault& given) noexcept {
    take();
    what_ = given;
    is_taken_.clear(std::memory_order_release);
  }
  ShimFault what() noexcept {
    take();
    const ShimFault copy = what_;
    is_taken_.clear(std::memory_order_release);
    return copy;
  }

 private:
  void take() noexcept {
    while (is_taken_.test_and_set(std::memory_order_acquire)) {
    }
  }
  std::atomic_flag is_taken_;  // a call may read what the next fault is written over
  ShimFault what_;
};

struct State {
  CK_FUNCTION_LIST* real = nullptr;
  std::array<std::atomic<std::uint64_t>, kFunctionCount> counts{};
  std::array<Fault, kFunctionCount> faults{};
  std::atomic<std::uint64_t> overlaps{0};
  std::atomic<std::uint64_t> struck{0};
  std::atomic<bool> is_lost{false};
  std::atomic<std::int64_t> open_sessions{0};
  std::atomic<std::int64_t> sessions_at_end{0};
  std::atomic<std::int64_t> initialised{0};
  std::atomic<bool> is_recording{false};
  std::atomic<std::size_t> recorded{0};
  std::array<ShimCall, kMaxRecorded> record{};
  std::atomic<void (*)(const char*, void*)> observer{nullptr};
  std::atomic<void*> observer_context{nullptr};
  // Sessions in use, by handle: two threads in one slot with one handle is what no module survives.
  std::array<std::atomic<CK_SESSION_HANDLE>, 4096> busy{};
};
State g_state;

std::size_t index_of(Function function) noexcept { return static_cast<std::size_t>(function); }

bool strikes(Fault& fault) noexcept {
  if (fault.is_always.load()) return true;
  std::uint64_t left = fault.left.load();
  while (left != 0) {
    if (fault.left.compare_exchange_weak(left, left - 1)) return left == 1;
  }
  return false;
}

class SessionInUse {
 public:
  explicit SessionInUse(CK_SESSION_HANDLE session) noexcept
      : slot_(g_state.busy[session % g_state.busy.size()]),
        is_mine_(session == CK_INVALID_HANDLE || slot_.exchange(session) != session) {
    if (!is_mine_) g_state.overlaps.fetch_add(1);
  }
  ~SessionInUse() {
    if (is_mine_) slot_.store(CK_INVALID_HANDLE);
  }
  SessionInUse(const SessionInUse&) = delete;
  SessionInUse& operator=(const SessionInUse&) = delete;

 private:
  std::atomic<CK_SESSION_HANDLE>& slot_;
  bool is_mine_;
};

void write_log() noexcept {
  const char* path = std::getenv("HOLDFAST_SHIM_LOG");
  std::FILE* file = path != nullptr ? std::fopen(path, "we") : nullptr;
  if (file == nullptr) return;
  for (std::size_t i = 0; i < kFunctionCount; ++i) {
    const auto count = static_cast<unsigned long long>(g_state.counts[i].load());
    if (count != 0) std::fprintf(file, "%s %llu\n", kFunctionNames[i].data(), count);
  }
  std::fclose(file);
}

void arm(Function function, std::uint64_t nth, const ShimFault& what) noexcept {
  if (function == Function::count) return;
  Fault& fault = g_state.faults[index_of(function)];
  fault.set(what);
  fault.left.store(nth);
  fault.is_always.store(nth == 0);
}

void read_faults() noexcept {
  const char* text = std::getenv("HOLDFAST_SHIM_FAULTS");
  std::string_view rest = text != nullptr ? text : "";
  while (!rest.empty()) {
    const std::string_view rule = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rule.size() + 1, rest.size()));
    const std::size_t first = rule.find(':');
    const std::size_t second = rule.rfind(':');
    if (first == std::string_view::npos || first == second) continue;
    std::uint64_t nth = 0;
    CK_RV code = 0;
    std::from_chars(rule.data() + first + 1, rule.data() + second, nth);
    std::string_view digits = rule.substr(second + 1);
    const bool is_hex = digits.starts_with("0x");
    if (is_hex) digits.remove_prefix(2);
    std::from_chars(digits.data(), digits.data() + digits.size(), code, is_hex ? 16 : 10);
    arm(function_named(rule.substr(0, first)), nth, {ShimFault::Kind::answer, code});
  }
}

// What a module hands out by way of pointers, whatever the function: an array and how much of it there is.
void turn(void* bytes, std::size_t size, unsigned long how) noexcept {
  if (bytes == nullptr || size == 0) return;
  auto* first = static_cast<unsigned char*>(bytes);
  if (how == 0) first[size / 2] ^= 1U;
  if (how != 0) std::memset(first, how == 1 ? 0 : 0xFF, size);
}

template <typename... Rest>
void distort(Function, const ShimFault&, Rest...) noexcept {}

template <typename Item>
void distort_list(const ShimFault& fault, Item* items, CK_ULONG* count) noexcept {
  if (count == nullptr) return;
  if (fault.kind == ShimFault::Kind::length) {
    *count = fault.value;
  } else {
    turn(items, *count * sizeof(Item), fault.value);
  }
}
// C_Sign
void distort(Function, const ShimFault& fault, CK_SESSION_HANDLE, CK_BYTE*, CK_ULONG, CK_BYTE* out,
             CK_ULONG* size) noexcept {
  distort_list(fault, out, size);
}
// C_FindObjects
void distort(Function, const ShimFault& fault, CK_SESSION_HANDLE, CK_OBJECT_HANDLE* found, CK_ULONG,
             CK_ULONG* count) noexcept {
  distort_list(fault, found, count);
}
// C_GetSlotList
void distort(Function, const ShimFault& fault, CK_BBOOL, CK_SLOT_ID* slots, CK_ULONG* count) noexcept {
  distort_list(fault, slots, count);
}
// C_WrapKey
void distort(Function, const ShimFault& fault, CK_SESSION_HANDLE, CK_MECHANISM*, CK_OBJECT_HANDLE, CK_OBJECT_HANDLE,
             CK_BYTE* out, CK_ULONG* size) noexcept {
  distort_list(fault, out, size);
}
// C_GetTokenInfo: it has no length, but counts and flags
void distort(Function, const ShimFault& fault, CK_SLOT_ID, CK_TOKEN_INFO* info) noexcept {
  if (fault.kind == ShimFault::Kind::garble) return turn(info, sizeof *info, fault.value);
  for (CK_ULONG* count : {&info->ulMinPinLen, &info->ulMaxPinLen, &info->ulMaxSessionCount}) *count = fault.value;
}
// C_GetAttributeValue (and C_SetAttributeValue, which hands nothing out)
void distort(Function function, const ShimFault& fault, CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_ATTRIBUTE* attributes,
             CK_ULONG count) noexcept {
  if (function != Function::C_GetAttributeValue) return;
  for (CK_ULONG i = 0; i < count; ++i) {
    if (fault.kind == ShimFault::Kind::length) {
      attributes[i].ulValueLen = fault.value;
    } else if (attributes[i].ulValueLen != CK_UNAVAILABLE_INFORMATION) {
      turn(attributes[i].pValue, attributes[i].ulValueLen, fault.value);
    }
  }
}

template <typename... Rest>
unsigned long subject_of(Function, Rest...) noexcept {
  return 0;
}
unsigned long subject_of(Function, CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_ATTRIBUTE* attributes,
                         CK_ULONG count) noexcept {
  return attributes != nullptr && count > 0 ? attributes[0].type : 0;
}

struct Shim {
  template <typename Native, typename... Arguments>
  static CK_RV call(Function function, Native native, Arguments... arguments) noexcept {
    const std::uint64_t nth = g_state.counts[index_of(function)].fetch_add(1, std::memory_order_relaxed) + 1;
    if (g_state.is_recording.load(std::memory_order_relaxed)) note(function, nth, subject_of(function, arguments...));
    Fault& fault = g_state.faults[index_of(function)];
    if (!strikes(fault)) return counted(function, native, arguments...);
    g_state.struck.fetch_add(1);
    const ShimFault what = fault.what();
    if (what.kind == ShimFault::Kind::answer) {
      if (function == Function::C_Finalize) write_log();
      return what.value;
    }
    if (what.kind == ShimFault::Kind::meanwhile) what.meanwhile(what.context);
    const CK_RV code = counted(function, native, arguments...);
    if (what.kind == ShimFault::Kind::lose_answer) return what.value;
    if (what.kind != ShimFault::Kind::meanwhile) distort(function, what, arguments...);
    return code;
  }

 private:
  static void note(Function function, std::uint64_t nth, unsigned long subject) noexcept {
    const std::size_t index = g_state.recorded.fetch_add(1);
    if (index < kMaxRecorded) g_state.record[index] = {kFunctionNames[index_of(function)].data(), nth, subject};
  }
  template <typename Native, typename... Arguments>
  static CK_RV counted(Function function, Native native, Arguments... arguments) noexcept {
    if (g_state.is_lost.load() && function != Function::C_Finalize) return CKR_DEVICE_REMOVED;
    if (function == Function::C_Finalize) {
      // What was open on a lost token went with it.
      g_state.sessions_at_end.store(g_state.is_lost.exchange(false) ? 0 : g_state.open_sessions.load());
    }
    const CK_RV code = run(function, native, arguments...);
    if (code == CKR_OK && function == Function::C_OpenSession) g_state.open_sessions.fetch_add(1);
    if (code == CKR_OK && function == Function::C_CloseSession) g_state.open_sessions.fetch_sub(1);
    if (code == CKR_OK && function == Function::C_Initialize) g_state.initialised.fetch_add(1);
    if (code == CKR_OK && function == Function::C_Finalize) g_state.initialised.fetch_sub(1);
    if (function == Function::C_Initialize) g_state.open_sessions.store(0);
    if (function == Function::C_Finalize) write_log();
    return code;
  }
  template <typename Native, typename First, typename... Rest>
  static CK_RV run(Function function, Native native, First first, Rest...) noexcept {
    if constexpr (std::is_same_v<First, CK_SESSION_HANDLE>) {
      if (takes_session(function)) {
        const SessionInUse in_use(first);
        return marked(function, native);
      }
    }
    return marked(function, native);
  }
  template <typename Native>
  static CK_RV marked(Function function, Native native) noexcept {
    is_inside_native_call = true;
    if (const auto observer = g_state.observer.load()) {
      observer(kFunctionNames[index_of(function)].data(), g_state.observer_context.load());
    }
    const CK_RV code = native(*g_state.real);
    is_inside_native_call = false;
    return code;
  }
};

constexpr ShimControl kControl{
    .count = [](const char* name) -> std::uint64_t {
      const Function function = function_named(name);
      return function == Function::count ? 0 : g_state.counts[index_of(function)].load();
    },
    .total =
        []() {
          std::uint64_t sum = 0;
          for (const auto& count : g_state.counts) sum += count.load();
          return sum;
        },
    .reset_counts =
        []() {
          for (auto& count : g_state.counts) count.store(0);
          g_state.overlaps.store(0);
        },
    .fail =
        [](const char* name, std::uint64_t nth, unsigned long code) {
          arm(function_named(name), nth, {ShimFault::Kind::answer, code});
        },
    .strike = [](const char* name, std::uint64_t nth,
                 const ShimFault& fault) { arm(function_named(name), nth, fault); },
    .clear_faults =
        []() {
          g_state.struck.store(0);
          g_state.is_lost.store(false);
          for (Fault& fault : g_state.faults) {
            fault.left.store(0);
            fault.is_always.store(false);
          }
        },
    .lose = []() { g_state.is_lost.store(true); },
    .struck = []() -> std::uint64_t { return g_state.struck.load(); },
    .record =
        [](bool is_on) {
          if (is_on) g_state.recorded.store(0);
          g_state.is_recording.store(is_on);
        },
    .recorded = []() -> std::size_t { return std::min(g_state.recorded.load(), kMaxRecorded); },
    .recorded_at = [](std::size_t index) { return g_state.record[index]; },
    .overlaps = []() -> std::uint64_t { return g_state.overlaps.load(); },
    .open_sessions = []() -> std::int64_t { return g_state.open_sessions.load(); },
    .sessions_at_end = []() -> std::int64_t { return g_state.sessions_at_end.load(); },
    .initialised = []() -> std::int64_t { return g_state.initialised.load(); },
    .observe =
        [](void (*observer)(const char*, void*), void* context) {
          g_state.observer_context.store(context);
          g_state.observer.store(observer);
        },
};

__attribute__((destructor)) void at_exit() noexcept { write_log(); }

}  // namespace
}  // namespace holdfast::test

extern "C" {
HOLDFAST_EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  using namespace holdfast::test;
  static CK_FUNCTION_LIST table = forwarding_table<Shim>();
  if (g_state.real == nullptr) {
    g_state.real = real_module("HOLDFAST_SHIM_MODULE");
    if (g_state.real == nullptr) return CKR_LIBRARY_LOAD_FAILED;
    read_faults();
  }
  *list = &table;
  return CKR_OK;
}
HOLDFAST_EXPORT const holdfast::test::ShimControl* holdfast_shim_control() { return &holdfast::test::kControl; }
HOLDFAST_EXPORT bool holdfast_shim_is_inside_native_call() { return holdfast::test::is_inside_native_call; }
}
