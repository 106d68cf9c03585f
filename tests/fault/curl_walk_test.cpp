// SPDX-License-Identifier: Apache-2.0
//
// Every call of libcurl in a task registration × every CURLcode, each in turn, in virtual time.
#include "src/registrar/curl_transport.hpp"
#include "src/registrar/registrar_core.hpp"
#include "tests/support/stub_signer.hpp"
#include "tests/unit/registrar/virtual_clock.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdarg>
#include <cstdlib>
#include <map>

namespace holdfast::fault {
namespace {

using namespace std::chrono_literals;

constexpr int kCodes = CURL_LAST;  // one more than there are, for one that is not defined

// A libcurl that answers like an authority, but for one call. Its functions are C, so it is the process's.
struct FakeCurl {
  std::map<std::string, int> calls;
  std::string fails;  // "curl_easy_perform"
  int fails_at = 0;   // this call of it
  CURLcode code = CURLE_OK;
  bool after_answer = false;  // curl_easy_perform hands the answer out and fails all the same
  int handles = 0;
  int most_handles = 0;
  curl_write_callback on_header = nullptr;
  curl_write_callback on_body = nullptr;
  void* header_data = nullptr;
  void* body_data = nullptr;

  // True if this call is the one.
  bool strikes(const char* function) { return ++calls[function] == fails_at && fails == function; }
};
FakeCurl fake;

CURLcode global_init(long) { return CURLE_OK; }
CURL* easy_init() {
  if (fake.strikes("curl_easy_init")) return nullptr;
  fake.most_handles = std::max(fake.most_handles, ++fake.handles);
  return &fake;
}
void easy_cleanup(CURL*) { --fake.handles; }

CURLcode easy_setopt(CURL*, CURLoption option, ...) {
  if (fake.strikes("curl_easy_setopt")) return fake.code;
  va_list arguments;
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wvarargs"  // the enumeration is libcurl's signature, which this one must have
#endif
  va_start(arguments, option);
#if defined(__clang__)
#pragma clang diagnostic pop
#endif
  if (option == CURLOPT_HEADERFUNCTION) fake.on_header = va_arg(arguments, curl_write_callback);
  if (option == CURLOPT_WRITEFUNCTION) fake.on_body = va_arg(arguments, curl_write_callback);
  if (option == CURLOPT_HEADERDATA) fake.header_data = va_arg(arguments, void*);
  if (option == CURLOPT_WRITEDATA) fake.body_data = va_arg(arguments, void*);
  va_end(arguments);
  return CURLE_OK;
}

void answer() {
  std::string status = "HTTP/1.1 200 OK\r\n";
  std::string body = R"({"task_id":"task-123"})";
  if (fake.on_header == nullptr || fake.header_data == nullptr || fake.on_body == nullptr ||
      fake.body_data == nullptr) {
    return;
  }
  fake.on_header(status.data(), 1, status.size(), fake.header_data);
  fake.on_body(body.data(), 1, body.size(), fake.body_data);
}

CURLcode easy_perform(CURL*) {
  const bool fails = fake.strikes("curl_easy_perform");
  if (!fails || fake.after_answer) answer();
  return fails ? fake.code : CURLE_OK;
}

CURLcode easy_getinfo(CURL*, CURLINFO info, ...) {
  if (fake.strikes("curl_easy_getinfo")) return fake.code;
  va_list arguments;
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wvarargs"
#endif
  va_start(arguments, info);
#if defined(__clang__)
#pragma clang diagnostic pop
#endif
  *va_arg(arguments, long*) = 200;
  va_end(arguments);
  return CURLE_OK;
}

Result<const CurlLibrary*> library() noexcept {
  static const CurlLibrary table{global_init, easy_init, easy_setopt, easy_perform, easy_getinfo, easy_cleanup};
  return &table;
}

// The network or the other side failed in a way that may pass (curl's own descriptions of the codes): tried again.
bool may_pass(int code) {
  constexpr int kPassing[] = {CURLE_COULDNT_RESOLVE_PROXY,
                              CURLE_COULDNT_RESOLVE_HOST,
                              CURLE_COULDNT_CONNECT,
                              CURLE_PARTIAL_FILE,
                              CURLE_OPERATION_TIMEDOUT,
                              CURLE_SSL_CONNECT_ERROR,
                              CURLE_GOT_NOTHING,
                              CURLE_SEND_ERROR,
                              CURLE_RECV_ERROR,
                              CURLE_PROXY};
  return std::ranges::find(kPassing, code) != std::ranges::end(kPassing);
}

// What a person must look at: files, certificates, the library itself, the URL.
bool is_for_somebody(Status status) {
  const Remedy remedy = status_remedy(status);
  return remedy == Remedy::stop || remedy == Remedy::ask_person || remedy == Remedy::fix_call;
}

class CurlWalk : public testing::Test {
 protected:
  void SetUp() override { fake = FakeCurl{}; }

  Result<TaskId> register_task() {
    AnswerExcerpt excerpt;
    return core_.register_task(signer_, 60s, excerpt);
  }

  void walk(const std::string& function, int nth, int code, bool after_answer) {
    const std::string name =
        function + ":" + std::to_string(nth) + ":" + (after_answer ? "lose" : "answer") + ":" + std::to_string(code);
    if (const char* only = std::getenv("HOLDFAST_FAULT_CASE"); only != nullptr && !name.starts_with(only)) return;
    ++walked_;
    fake = FakeCurl{};
    fake.fails = function;
    fake.fails_at = nth;
    fake.code = static_cast<CURLcode>(code);
    fake.after_answer = after_answer;
    const int signatures = signer_.signatures;
    const auto begin = clock_.boot();
    const auto task = register_task();
    const int requests = fake.calls["curl_easy_perform"];
    EXPECT_EQ(fake.handles, 0) << name << ": a handle was not given back";
    EXPECT_LE(fake.most_handles, 1) << name;
    EXPECT_LE(clock_.boot().ns - begin.ns, std::chrono::nanoseconds(60s).count()) << name;

    if (code == CURLE_OK && function != "curl_easy_init") {
      // "It worked", and nothing was handed out: an empty answer is none.
      EXPECT_TRUE(task || is_for_somebody(task.status())) << name;
    } else if (function == "curl_easy_init") {
      EXPECT_EQ(task.status(), Status::resource_exhausted) << name;
    } else if (may_pass(code)) {
      EXPECT_TRUE(task.has_value()) << name << ": not tried again";
      EXPECT_EQ(signer_.signatures - signatures, 2) << name << ": the second try is signed anew";
    } else {
      ASSERT_FALSE(task.has_value()) << name;
      EXPECT_TRUE(is_for_somebody(task.status())) << name << ": " << status_name(task.status());
      EXPECT_EQ(task.error().native, static_cast<std::uint64_t>(code)) << name;
      EXPECT_LE(requests, 1) << name << ": tried again";
    }
    ++ended_[status_remedy(task.status())];
    EXPECT_TRUE(register_task().has_value()) << name << ": the next call";
    EXPECT_EQ(fake.handles, 0) << name;
  }

  test::VirtualClock clock_;
  test::StubSigner signer_;
  CurlTransport transport_{RegistrarOptions{}, library, clock_};
  RegistrarCore core_{*AuthorityUrl::parse("https://authority.example/api/"), 3, transport_, clock_, 42};
  std::size_t walked_ = 0;
  std::map<Remedy, std::size_t> ended_;
};

TEST_F(CurlWalk, EveryResultOfEveryCall) {
  ASSERT_TRUE(register_task());
  const std::map<std::string, int> recorded = fake.calls;
  ASSERT_EQ(recorded.size(), 4U);
  std::size_t computed = 0;
  for (const auto& [function, calls] : recorded) {
    // curl_easy_init has no code, only a null handle; curl_easy_perform may fail before the answer or after it.
    const int codes = function == "curl_easy_init" ? 1 : kCodes + 1;
    const int ways = function == "curl_easy_perform" ? 2 : 1;
    computed += static_cast<std::size_t>(calls * codes * ways);
    for (int nth = 1; nth <= calls; ++nth) {
      for (int code = 0; code < codes; ++code) {
        for (int way = 0; way < ways; ++way) walk(function, nth, code, way == 1);
      }
    }
  }
  EXPECT_TRUE(std::getenv("HOLDFAST_FAULT_CASE") != nullptr || walked_ == computed) << walked_ << " of " << computed;
  std::printf("libcurl: %zu functions x calls x %d codes = %zu cases\n  remedies:", recorded.size(), kCodes + 1,
              walked_);
  for (const auto& [remedy, count] : ended_) std::printf(" %s %zu", remedy_name(remedy).data(), count);
  std::printf("\n");
}

// A peer that never answers ends at libcurl's own time limit, again and again, and the whole at the caller's.
TEST_F(CurlWalk, ATransferThatHangsEndsWithTheTimeGiven) {
  static test::VirtualClock* clock = nullptr;
  clock = &clock_;
  static const auto perform = [](CURL*) {
    clock->advance(30s);
    return CURLE_OPERATION_TIMEDOUT;
  };
  static const CurlLibrary hanging{global_init, easy_init, easy_setopt, perform, easy_getinfo, easy_cleanup};
  CurlTransport transport(
      RegistrarOptions{}, []() noexcept -> Result<const CurlLibrary*> { return &hanging; }, clock_);
  RegistrarCore core(*AuthorityUrl::parse("https://authority.example/api/"), 10, transport, clock_, 42);
  AnswerExcerpt excerpt;
  const auto begin = clock_.boot();
  EXPECT_EQ(status_remedy(core.register_task(signer_, 45s, excerpt).status()), Remedy::wait);
  EXPECT_LE(clock_.boot().ns - begin.ns, std::chrono::nanoseconds(61s).count());
  EXPECT_EQ(fake.handles, 0);
}

}  // namespace
}  // namespace holdfast::fault
