// SPDX-License-Identifier: Apache-2.0
//
// Answers that end too early, wherever that is, and state the size they have: none is taken for a whole one.
#include "tests/integration/tpm2/on_tpm.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace holdfast::test {
namespace {

using hal::DeviceAccess;
using hal::DevicePtr;
using hal::kNoDeadline;

constexpr std::size_t kHeaderSize = 10;

/// A TPM whose keys are persistent, so that nothing is loaded by what is asked here.
class Tpm2Answer : public OnTpm {
 protected:
  using Question = std::function<Result<std::string>(hal::KeyDevice& device)>;

  void SetUp() override {
    HOLDFAST_SKIP_WITHOUT_SWTPM();
    tpm_.emplace(Swtpm::Make::certified);
    std::string said;
    ASSERT_EQ(tpm_->run("tpm2_createprimary -C o -G ecc256:aes128cfb -a "
                        "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt' -c root.ctx "
                        "&& tpm2_evictcontrol -C o -c root.ctx 0x81000001 && tpm2_flushcontext -t",
                        &said),
              0)
        << said;
    generate(*open(tpm_->handle_uri("0x81000011")));
  }
  [[nodiscard]] std::string shimmed(const std::string& path = "") const {
    return "tpm2:" + path + "?tcti=" + HOLDFAST_TEST_TCTI_SHIM + ":plain," + tpm_->tcti();
  }

  /// Asks once undisturbed, and then with each answer cut at each of its bytes.
  void expect_whole_answers_only(const std::string& uri, const Question& ask) {
    const DevicePtr device = open(uri, DeviceAccess::browse);
    tcti_shim().begin_count();
    const std::string whole = must(ask(*device));
    const auto& recorded = tcti_shim().recorded;
    const std::vector<TctiCall> calls(recorded.begin(),
                                      recorded.begin() + static_cast<std::ptrdiff_t>(tcti_shim().recorded_count));
    ASSERT_FALSE(calls.empty());
    std::size_t refused = 0;
    for (const TctiCall& call : calls) {
      for (std::size_t size = kHeaderSize; size < call.answer_size; size += size < 64 ? 1 : 29) {
        SCOPED_TRACE("command " + std::to_string(call.code) + ", number " + std::to_string(call.nth) + ", cut at " +
                     std::to_string(size) + " of " + std::to_string(call.answer_size));
        tcti_shim().begin_count();
        tcti_shim().fault = {.kind = TctiFault::Kind::cut_neatly, .value = static_cast<std::uint32_t>(size)};
        tcti_shim().strike_code = call.code;
        tcti_shim().strike_nth = call.nth;
        const Result<std::string> answer = ask(*device);
        ASSERT_EQ(tcti_shim().struck, 1U);
        if (answer) {
          EXPECT_EQ(*answer, whole);
          continue;
        }
        ++refused;
        EXPECT_EQ(answer.status(), Status::device_fault) << told(answer.error());
        tcti_shim().begin_count();
        if (!ask(*device)) must(device->reset(kNoDeadline));
        EXPECT_EQ(must(ask(*device)), whole) << "and the next one is right again";
      }
    }
    EXPECT_GT(refused, 0U);
  }
};

TEST_F(Tpm2Answer, OfTheTokenIsWholeOrNone) {
  expect_whole_answers_only(shimmed(), [](hal::KeyDevice& device) -> Result<std::string> {
    const hal::TokenDescription token = HOLDFAST_TRY(device.describe_token());
    // The serial number is that of the storage root, without which a TPM is described all the same.
    return std::string(token.manufacturer.view()) + "/" + std::string(token.model.view()) + "/" +
           std::string(token.library.view()) + (token.can_es256 ? "/es256" : "");
  });
}

TEST_F(Tpm2Answer, OfOneKeyIsWholeOrNone) {
  expect_whole_answers_only(shimmed("handle=0x81000011"), [](hal::KeyDevice& device) -> Result<std::string> {
    const hal::KeyHandle key = HOLDFAST_TRY(device.find_key({}, kNoDeadline));
    return std::string(HOLDFAST_TRY(device.describe(key)).uri.view());
  });
}

TEST_F(Tpm2Answer, OfTheMakersCertificatesIsWholeOrNone) {
  expect_whole_answers_only(shimmed(), [](hal::KeyDevice& device) -> Result<std::string> {
    std::vector<hal::EndorsementCertificate> found(4);
    found.resize(std::min(found.size(), HOLDFAST_TRY(device.endorsement()->certificates(found, kNoDeadline))));
    std::string all;
    for (const hal::EndorsementCertificate& one : found) {
      all.append(reinterpret_cast<const char*>(one.der.data()), one.size);
    }
    return all;
  });
}

}  // namespace
}  // namespace holdfast::test
