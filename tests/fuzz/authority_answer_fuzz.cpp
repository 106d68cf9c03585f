// SPDX-License-Identifier: Apache-2.0
// What an authority answers (src/registrar/registrar_core.cpp, answer.cpp, refusal.cpp, retry.cpp): status, header
// values and body of each attempt. The caller's time and attempts are kept to, ids have their form, and neither the
// message nor the excerpt of the body holds the secret of the request or anything a terminal would act upon.
#include "hal/fake/clock.hpp"
#include "src/registrar/http_date.hpp"
#include "src/registrar/registrar_core.hpp"
#include "tests/fuzz/refusal.hpp"
#include "tests/fuzz/vector_signer.hpp"

#include <string>

using namespace holdfast;
using namespace std::chrono_literals;
using fuzz::promise;

namespace {

constexpr auto kTimeout = 120s;
constexpr std::string_view kToken = "test-bearer-token";

// Answers from the input; when that is used up, nobody answers.
class ScriptedTransport final : public HttpTransport {
 public:
  explicit ScriptedTransport(fuzz::Choices& choices) noexcept : choices_(choices) {}

  Result<HttpResponse> post(const HttpRequest& request, hal::BootTime /*deadline*/) override {
    ++requests;
    for (const std::string& line : request.headers) {
      promise(line.find_first_of("\r\n") == std::string::npos, "a header is one line");
    }
    if (choices_.is_empty()) {
      return failure(Status::authority_unavailable, Layer::http, "asking a fuzzer").about("no answer");
    }
    HttpResponse response;
    response.is_cut = choices_.octet() == 1;
    response.status = choices_.pair();
    response.retry_after = choices_.text();
    response.date = choices_.text();
    response.location = choices_.text();
    response.body = choices_.text().substr(0, kMaxAnswerSize);
    return response;
  }

  unsigned requests = 0;

 private:
  fuzz::Choices& choices_;
};

void promise_discreet(std::string_view told, std::string_view secret) {
  promise(told.find(secret) == std::string_view::npos, "what is told does not hold the secret");
}

template <typename Id>
void judge(const Result<Id>& answer, const AnswerExcerpt& excerpt, std::string_view secret) {
  promise(hal::is_printable(excerpt.view()), "the excerpt is printable");
  promise_discreet(excerpt.view(), secret);
  if (answer) {
    promise(Id::parse(answer->view()).has_value() && excerpt.empty(), "an id has its form");
    return;
  }
  fuzz::promise_plain(answer.error());
  promise_discreet(answer.error().detail.view(), secret);
  switch (answer.status()) {
    case Status::authority_unavailable:
    case Status::authority_refused:
    case Status::authority_answer_invalid:
    case Status::sealed_answer:
    case Status::deadline_exceeded:
    case Status::invalid_identifier:
      return;
    default:
      promise(false, "the status is one that an authority can cause");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(data, size);
  const std::uint8_t way = choices.octet();
  const unsigned attempts = 1 + (way >> 2U) % 4;
  hal::fake::FakeClock clock;
  clock.jump_when_blocked(1);
  const hal::BootTime begin = clock.boot();
  ScriptedTransport transport(choices);
  RegistrarCore core(AuthorityUrl::parse("https://authority.example/api").value(), attempts, transport, clock, 1);
  AnswerExcerpt excerpt;
  if ((way & 1U) != 0) {
    fuzz::VectorSigner signer((way & 2U) != 0);
    judge(core.register_task(signer, kTimeout, excerpt), excerpt, fuzz::VectorSigner::kSignature);
    promise(signer.signatures() == static_cast<int>(transport.requests), "each attempt has a signature of its own");
  } else {
    judge(core.register_agent({.access_token = kToken, .agent_version = "1"}, kTimeout, excerpt), excerpt, kToken);
  }
  promise(transport.requests >= 1 && transport.requests <= attempts, "no more attempts than were asked for");
  promise(clock.boot() <= begin.after(kTimeout), "the caller's time is kept to");
  return 0;
}
