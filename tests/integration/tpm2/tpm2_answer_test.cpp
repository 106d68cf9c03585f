// SPDX-License-Identifier: Apache-2.0
//
// Answers that end too early, wherever that is, and state the size they have: none is taken for a whole one.
#include "holdfast/attestation.hpp"

#include "src/endorsement/credential.hpp"
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
    return "tpm2:" + path + "?tcti=" + HOLDFAST_TEST_TCTI_SHIM + (is_managed_ ? ":manager," : ":plain,") +
           tpm_->tcti();
  }

  /// Asks once undisturbed, and then with each answer cut at each of its bytes; of its first ones, at each `step`.
  void expect_whole_answers_only(const std::string& uri, const Question& ask,
                                 DeviceAccess access = DeviceAccess::browse, std::size_t step = 1) {
    const DevicePtr device = open(uri, access);
    tcti_shim().begin_count();
    const std::string whole = must(ask(*device));
    const std::size_t recorded_count = tcti_shim().recorded_count;
    give_back_(*device);
    const auto& recorded = tcti_shim().recorded;
    const std::vector<TctiCall> calls(recorded.begin(),
                                      recorded.begin() + static_cast<std::ptrdiff_t>(recorded_count));
    ASSERT_FALSE(calls.empty());
    std::size_t refused = 0;
    for (const TctiCall& call : calls) {
      for (std::size_t size = kHeaderSize; size < call.answer_size; size += size < 64 ? step : 29) {
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
          tcti_shim().begin_count();
          give_back_(*device);
          if (is_managed_) must(device->reset(kNoDeadline));
          continue;
        }
        ++refused;
        EXPECT_EQ(answer.status(), Status::device_fault) << told(answer.error());
        tcti_shim().begin_count();
        // What was loaded by an answer that was cut is lost, and goes with the connection.
        if (is_managed_ || !asked(*device, ask)) must(device->reset(kNoDeadline));
        EXPECT_EQ(must(ask(*device)), whole) << "and the next one is right again";
        give_back_(*device);
      }
    }
    EXPECT_GT(refused, 0U);
  }

  /// Asks, and gives back what came of it.
  [[nodiscard]] bool asked(hal::KeyDevice& device, const Question& ask) const {
    if (!ask(device)) return false;
    give_back_(device);
    return true;
  }

  bool is_managed_ = false;
  /// Takes away what a question has made.
  std::function<void(hal::KeyDevice&)> give_back_ = [](hal::KeyDevice&) {};
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

// One key of ours, beside the maker's, whose names we do not read: an answer that was cut is none of those.
TEST_F(Tpm2Answer, OfTheKeysIsWholeOrNone) {
  expect_whole_answers_only(shimmed(), [](hal::KeyDevice& device) -> Result<std::string> {
    std::vector<hal::KeyDescription> keys(4);
    keys.resize(std::min(keys.size(), HOLDFAST_TRY(device.key_inventory()->list(keys))));
    std::string all;
    for (const hal::KeyDescription& key : keys) all += std::string(key.uri.view()) + "\n";
    return all;
  });
}

TEST_F(Tpm2Answer, OfTheOnlyKeyIsWholeOrNone) {
  expect_whole_answers_only(shimmed(), [](hal::KeyDevice& device) -> Result<std::string> {
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

/// What is loaded for a question is in the care of a resource manager, which takes it out with the connection.
class Tpm2LoadedAnswer : public Tpm2Answer {
 protected:
  void SetUp() override {
    Tpm2Answer::SetUp();
    is_managed_ = true;
  }
  [[nodiscard]] std::string in_file(const std::string& name) const {
    return "file=" + tpm_->folder().file(name + ".pem");
  }
  /// Makes a key that `shimmed(path)` finds.
  void make(const std::string& path) { generate(*open("tpm2:" + path + "?tcti=" + tpm_->tcti())); }
};

TEST_F(Tpm2LoadedAnswer, AboutRegistersAndASignatureIsWholeOrNone) {
  const std::string bound = in_file("bound") + ";pcr=sha256:0,7,23";
  make(bound);
  expect_whole_answers_only(
      shimmed(bound),
      [](hal::KeyDevice& device) -> Result<std::string> {
        const hal::KeyHandle key = HOLDFAST_TRY(device.find_key({}, kNoDeadline));
        const hal::KeyDescription description = HOLDFAST_TRY(device.describe(key));
        HOLDFAST_TRY(sign(device, key, *description.public_key));
        return std::string(description.uri.view());
      },
      DeviceAccess::sign, 3);
}

TEST_F(Tpm2LoadedAnswer, OfEvidenceIsWholeOrNone) {
  make(in_file("agent"));
  expect_whole_answers_only(
      shimmed(in_file("agent")),
      [](hal::KeyDevice& device) -> Result<std::string> {
        const hal::KeyHandle key = HOLDFAST_TRY(device.find_key({}, kNoDeadline));
        const hal::Attestation made = HOLDFAST_TRY(device.attestor()->attest(key, {}, kNoDeadline));
        return std::string(reinterpret_cast<const char*>(made.attestation_key.data()), made.attestation_key_size);
      },
      DeviceAccess::sign, 3);
}

TEST_F(Tpm2LoadedAnswer, OfANewKeyIsWholeOrThereIsNone) {
  for (const std::string& place : {in_file("new"), std::string("handle=0x81000020")}) {
    give_back_ = [](hal::KeyDevice& device) { must(device.key_inventory()->destroy(find(device))); };
    expect_whole_answers_only(
        shimmed(place),
        [](hal::KeyDevice& device) -> Result<std::string> {
          const hal::MadeKey made = HOLDFAST_TRY(
              device.key_generator()->generate({.scheme = Scheme::es256, .label = {}, .id = {}}, kNoDeadline));
          return std::string(made.description.label.view());
        },
        DeviceAccess::provision, 3);
  }
}

TEST_F(Tpm2LoadedAnswer, OfADisposableKeyIsWholeOrNone) {
  expect_whole_answers_only(
      shimmed(in_file("agent")),
      [](hal::KeyDevice& device) -> Result<std::string> {
        const hal::ExportReport report = HOLDFAST_TRY(device.export_probe()->try_export(Scheme::es256, kNoDeadline));
        return std::to_string(report.count) + (report.gave_way() ? " gave way" : " refused");
      },
      DeviceAccess::provision, 3);
}

TEST_F(Tpm2LoadedAnswer, ToAChallengeIsWholeOrNone) {
  make(in_file("agent"));
  const std::vector<std::byte> secret(32, std::byte{0x42});
  Credential challenge;
  {
    const DevicePtr device = open(tpm_->file_uri("agent"), DeviceAccess::sign);
    std::vector<hal::EndorsementCertificate> found(2);
    ASSERT_GE(must(device->endorsement()->certificates(found, kNoDeadline)), 1U);
    const hal::Attestation made = must(device->attestor()->attest(find(*device), {}, kNoDeadline));
    const auto endorsed =
        must(check_endorsement_certificate(std::span(found[0].der).first(found[0].size), read_file(tpm_->ca_file())));
    const auto area = std::span(made.attestation_key).first(made.attestation_key_size);
    challenge = must(make_credential(endorsed, must(tpm_name(area)), secret));
  }
  expect_whole_answers_only(
      shimmed(in_file("agent")),
      [&](hal::KeyDevice& device) -> Result<std::string> {
        const hal::SecretBytes answer =
            HOLDFAST_TRY(device.endorsement()->answer(challenge.blob, challenge.seed, kNoDeadline));
        return std::string(reinterpret_cast<const char*>(answer.reveal({}).data()), answer.size());
      },
      DeviceAccess::sign, 9);
}

}  // namespace
}  // namespace holdfast::test
