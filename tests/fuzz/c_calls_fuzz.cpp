// SPDX-License-Identifier: Apache-2.0
// Calls of the C ABI (src/c_api) in any order, with any arguments that C can make and a caller is allowed to be wrong
// about: null, unknown sizes and flags, buffers too small, texts of anything. Every call says what it did; after a
// failure there is no handle, no text and no size, and not a byte is written beyond a buffer's end.
#include "holdfast/identity.hpp"

#include "tests/fuzz/c_handleless.hpp"
#include "tests/fuzz/virtual_machine.hpp"
#include "tests/support/temporary_folder.hpp"

#include <cstring>
#include <string>
#include <vector>

using namespace holdfast;
using fuzz::CallNumbers;
using fuzz::Choices;
using fuzz::ErrorOut;
using fuzz::promise;
using fuzz::ValueOut;

namespace {

constexpr int kMostCalls = 48;
constexpr const char* kKeyUri = "pkcs11:object=agent";

void on_event(void* context, const holdfast_event* event) {
  promise(event != nullptr && event->struct_size == sizeof *event, "an event has a size");
  ++*static_cast<int*>(context);
}

class Host {
 public:
  explicit Host(Choices& choices) : choices_(choices), texts_(choices) {
    key_ = machine_.token.put_key("agent", Scheme::ed25519, secret_).value();
    key_line_ = std::string(to_ssh_public_key(key_).view());
    const test::TemporaryFolder& folder = shared_folder();
    identity_file_ = folder.file("identity.json");
    static const bool is_stored = store(key_, identity_file_);
    promise(is_stored, "there is an identity file");
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host() {
    holdfast_session_close(session_);
    holdfast_signer_close(signer_);
  }

  void go() {
    for (int i = 0; i < kMostCalls && !choices_.is_empty(); ++i) call();
  }

 private:
  static const test::TemporaryFolder& shared_folder() {
    static const test::TemporaryFolder folder;
    return folder;
  }
  static bool store(const PublicKey& key, const std::string& path) {
    Identity identity{.runtime_id = RuntimeId::parse("agent-123").value(), .public_key = key};
    identity.key_uri = kKeyUri;
    identity.authority_url = "https://authority.example/api";
    return store_identity(identity, path, true).has_value();
  }

  void call();
  void disturb();
  void open_signer();
  void open_session();
  void sign();
  void unseal();
  void register_and_ask();
  void use_session();
  void ask_session();

  const char* text(const char* right) { return texts_.draw(right); }
  std::uint32_t small_number(std::uint32_t usual) { return choices_.choice(3) == 2 ? choices_.pair() : usual; }
  holdfast_signer* signer(const CallNumbers& numbers) { return numbers.is_handle_null ? nullptr : signer_; }
  holdfast_session* session(const CallNumbers& numbers) { return numbers.is_handle_null ? nullptr : session_; }

  Choices& choices_;
  fuzz::VirtualMachine machine_;
  const hal::fake::Secret secret_{std::byte{7}, std::byte{7}};
  PublicKey key_;
  std::string key_line_;
  std::string identity_file_;
  fuzz::CallTexts texts_;
  std::string last_value_;
  int events_ = 0;
  holdfast_signer* signer_ = nullptr;
  holdfast_session* session_ = nullptr;
};

void Host::call() {
  texts_.begin_call();
  switch (choices_.choice(8)) {
    case 0:
      return open_signer();
    case 1:
      return open_session();
    case 2:
      return fuzz::call_without_handle({choices_, texts_, last_value_, key_line_});
    case 3:
      return sign();
    case 4:
      return choices_.flag() ? unseal() : register_and_ask();
    case 5:
      return use_session();
    case 6:
      return ask_session();
    default:
      return disturb();
  }
}

void Host::disturb() {
  const Error lost = failure(Status::device_gone, Layer::core, "failing for a fuzzer");
  switch (choices_.choice(4)) {
    case 0:
      return machine_.token.script().fail(static_cast<hal::fake::Call>(choices_.choice(hal::fake::kCallCount)), 1,
                                          lost);
    case 1:
      return machine_.token.take_away();
    case 2:
      return machine_.token.bring_back(static_cast<hal::fake::TokenReturn>(choices_.choice(3)));
    default:
      return machine_.clock.advance(std::chrono::milliseconds(choices_.pair()));
  }
}

void Host::open_signer() {
  const CallNumbers numbers(choices_);
  holdfast_signer_options options = HOLDFAST_SIGNER_OPTIONS_INIT;
  const bool is_usual = choices_.flag();
  options.runtime_id = "agent-123";
  options.key_uri = kKeyUri;
  if (!is_usual) {
    options.struct_size = numbers.size_of_structure(sizeof options);
    options.flags = choices_.octet();
    options.runtime_id = text("agent-123");
    options.key_uri = text(kKeyUri);
    options.twin_uri = text(nullptr);
    options.expected_public_key = text(key_line_.c_str());
    options.pin_source = text("env:PIN");
    options.module_path = text("/usr/lib/module.so");
    options.profile = small_number(0);
    options.scheme = small_number(0);
    options.max_tasks = small_number(0);
    options.max_age_s = small_number(0);
    options.sessions = small_number(0);
    options.reserved = small_number(0);
    options.log = choices_.flag() ? on_event : nullptr;
    options.log_context = choices_.flag() ? &events_ : nullptr;
    if (options.log != nullptr && options.log_context == nullptr) options.log_context = &events_;
  }
  ErrorOut error(choices_);
  holdfast_signer* opened = reinterpret_cast<holdfast_signer*>(this);
  const holdfast_status status =
      holdfast_signer_open(numbers.is_handle_null ? nullptr : &options, &opened, error.get());
  error.judge(status);
  promise((status == HOLDFAST_OK) == (opened != nullptr), "a handle after success, none after a failure");
  if (opened == nullptr) return;
  holdfast_signer_close(signer_);
  signer_ = opened;
}

void Host::open_session() {
  const CallNumbers numbers(choices_);
  holdfast_session_options options = HOLDFAST_SESSION_OPTIONS_INIT;
  const char* const origins[] = {"https://api.example", nullptr, text("wss://api.example")};
  options.identity_file = identity_file_.c_str();
  options.flags = HOLDFAST_SESSION_REGISTERS_NO_TASKS;
  options.origins = origins;
  options.origins_count = 1;
  if (!choices_.flag()) {
    options.struct_size = numbers.size_of_structure(sizeof options);
    options.flags |= choices_.octet();
    if (choices_.choice(4) == 3) options.identity_file = "/nonexistent/identity.json";
    options.pin_source = text(nullptr);
    options.module_path = text(nullptr);
    options.expected_public_key = text(key_line_.c_str());
    options.origins = choices_.choice(8) == 7 ? nullptr : origins;
    options.origins_count = choices_.choice(4);
    options.authority_url = text(nullptr);
    options.ca_file = text(nullptr);
    options.proxy = text(nullptr);
    options.minimum_profile = small_number(0);
    options.max_age_s = small_number(0);
    options.registration_timeout_ms = small_number(0);
    options.signing_timeout_ms = small_number(0);
    options.rejection_interval_ms = small_number(0);
    options.reserved = small_number(0);
    options.log = choices_.flag() ? on_event : nullptr;
    options.log_context = options.log != nullptr || choices_.flag() ? &events_ : nullptr;
  }
  ErrorOut error(choices_);
  holdfast_session* opened = reinterpret_cast<holdfast_session*>(this);
  const holdfast_status status = holdfast_session_open(&options, &opened, error.get());
  error.judge(status);
  promise((status == HOLDFAST_OK) == (opened != nullptr), "a handle after success, none after a failure");
  if (opened == nullptr) return;
  holdfast_session_close(session_);
  session_ = opened;
}

void Host::sign() {
  const CallNumbers numbers(choices_);
  ErrorOut error(choices_);
  ValueOut value(choices_);
  const char* task = text("task-123");
  const holdfast_status status =
      holdfast_signer_authorization(signer(numbers), task, numbers.flags, numbers.timeout_ms, value.bytes(),
                                    value.capacity(), value.size(), error.get());
  error.judge(status);
  value.judge(status);
  if (status != HOLDFAST_OK) return;
  last_value_ = value.text();
  holdfast_assertion said = HOLDFAST_ASSERTION_INIT;
  promise(holdfast_verify_authorization(last_value_.data(), last_value_.size(), key_line_.c_str(),
                                        machine_.clock.wall().value, 300, &said, nullptr) == HOLDFAST_OK,
          "a header that comes out verifies");
}

void Host::unseal() {
  const CallNumbers numbers(choices_);
  ErrorOut error(choices_);
  ValueOut task(choices_);
  const char* sealed = text("AAAA");
  const holdfast_status status = holdfast_signer_open_sealed_task(
      signer(numbers), sealed, numbers.timeout_ms, task.bytes(), task.capacity(), task.size(), error.get());
  error.judge(status);
  task.judge(status);
}

void Host::register_and_ask() {
  const CallNumbers numbers(choices_);
  ErrorOut error(choices_);
  switch (choices_.choice(4)) {
    case 0: {
      holdfast_task_registration registration = HOLDFAST_TASK_REGISTRATION_INIT;
      registration.struct_size = numbers.size_of_structure(sizeof registration);
      const holdfast_status status =
          holdfast_signer_sign_task_registration(signer(numbers), numbers.timeout_ms, &registration, error.get());
      error.judge(status);
      promise((status == HOLDFAST_OK) == (registration.signature[0] != '\0'), "a signature, or a failure");
      return;
    }
    case 1:
      return error.judge(holdfast_signer_forget_headers(signer(numbers), error.get()));
    case 2: {
      holdfast_key_info info = HOLDFAST_KEY_INFO_INIT;
      info.struct_size = numbers.size_of_structure(sizeof info);
      const holdfast_status status = holdfast_signer_key_info(signer(numbers), &info, error.get());
      error.judge(status);
      if (status == HOLDFAST_OK) promise(key_line_ == info.ssh_public_key, "the key is the token's");
      return;
    }
    default: {
      holdfast_counters counters = HOLDFAST_COUNTERS_INIT;
      holdfast_counters* out = numbers.is_size_wrong ? nullptr : &counters;
      error.judge(holdfast_signer_counters(signer(numbers), out, error.get()));
      promise(counters.headers_reused <= counters.headers, "what is reused is handed out");
    }
  }
}

void Host::use_session() {
  const CallNumbers numbers(choices_);
  ErrorOut error(choices_);
  holdfast_session* const asked = session(numbers);
  std::uint32_t number = 12345;
  std::uint64_t generation = 12345;
  std::uint32_t* out_number = numbers.is_size_wrong ? nullptr : &number;
  switch (choices_.choice(11)) {
    case 0:
      return error.judge(holdfast_session_state(asked, out_number, error.get()));
    case 1:
      return error.judge(holdfast_session_state_error(asked, error.get()));
    case 2:
      return error.judge(holdfast_session_reopen(asked, error.get()));
    case 3:
      return error.judge(holdfast_session_identity_file_changed(asked, out_number, error.get()));
    case 4:
      return error.judge(holdfast_session_adopt_task(asked, text("task-1"), &generation, error.get()));
    case 5: {
      const std::uint64_t rejected = choices_.octet();
      const std::int32_t http_status = choices_.flag() ? 401 : choices_.pair();
      return error.judge(holdfast_session_rejected(asked, rejected, http_status, error.get()));
    }
    case 6: {
      holdfast_account account = HOLDFAST_ACCOUNT_INIT;
      account.struct_size = numbers.size_of_structure(sizeof account);
      return error.judge(holdfast_session_account(asked, &account, error.get()));
    }
    case 7: {
      holdfast_key_info info = HOLDFAST_KEY_INFO_INIT;
      return error.judge(holdfast_session_key_info(asked, &info, error.get()));
    }
    case 8:
      // No session here may register: there is no network.
      return error.judge(holdfast_session_register_task(asked, numbers.timeout_ms, error.get()));
    case 9: {
      holdfast_counters counters = HOLDFAST_COUNTERS_INIT;
      return error.judge(holdfast_session_counters(asked, &counters, error.get()));
    }
    default:
      return error.judge(holdfast_session_generation(asked, &generation, error.get()));
  }
}

void Host::ask_session() {
  const CallNumbers numbers(choices_);
  ErrorOut error(choices_);
  ValueOut value(choices_);
  std::uint64_t generation = 12345;
  if (choices_.flag()) {
    std::uint64_t* out_generation = choices_.flag() ? &generation : nullptr;
    const holdfast_status status = holdfast_session_authorization(
        session(numbers), numbers.flags, value.bytes(), value.capacity(), value.size(), out_generation, error.get());
    error.judge(status);
    value.judge(status);
    return;
  }
  holdfast_headers headers = HOLDFAST_HEADERS_INIT;
  headers.struct_size = numbers.size_of_structure(sizeof headers);
  const bool is_known = headers.struct_size == sizeof headers;
  const char* url = text("https://api.example/v1");
  const holdfast_status status = holdfast_session_headers_for(session(numbers), url, numbers.flags, value.bytes(),
                                                              value.capacity(), value.size(), &headers, error.get());
  error.judge(status);
  value.judge(status);
  if (status == HOLDFAST_OK) {
    promise(headers.count >= 1 && std::strcmp(headers.fields[0].name, "Authorization") == 0, "there is the header");
  } else if (is_known && !error.is_unknown()) {
    promise(headers.count == 0 && headers.fields[0].name == nullptr, "after a failure there are no headers");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices(data, size);
  Host(choices).go();
  return 0;
}
