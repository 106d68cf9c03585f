// SPDX-License-Identifier: Apache-2.0
//
// What a token says is hostile: lengths, encodings, signatures, and answers that change between two questions.
#include "holdfast/signer.hpp"

#include "tests/integration/pkcs11/on_token.hpp"

#include <algorithm>
#include <string>

namespace holdfast::test {
namespace {

constexpr const char* kLengths[] = {"0", "1", "0xffffffff", "0xffffffffffffffff"};

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[std::to_integer<unsigned>(byte) >> 4U];
    text += kDigits[std::to_integer<unsigned>(byte) & 15U];
  }
  return text;
}

class Pkcs11Lying : public OnToken {
 protected:
  void SetUp() override {
    OnToken::SetUp();
    if (!IsSkipped()) key_ = *make_key().public_key;
  }
  /// Opens and finds the key through a module that tells `lies`.
  Result<hal::KeyHandle> find(const std::string& lies, const std::optional<PublicKey>& expected = {}) {
    SoftHsm::tell_lies(lies);
    auto device = open(lying());
    if (!device) return device.error();
    device_ = std::move(*device);
    return device_->find_key({expected}, kNoDeadline);
  }
  Result<Signer> open_signer(const std::string& lies, bool is_expected = true,
                             VerifySignatures verify = VerifySignatures::always) {
    SoftHsm::tell_lies(lies);
    const std::string uri = lying();
    SignerOptions options;
    options.runtime_id = "agent-1";
    options.key_uri = uri;
    options.verify = verify;
    if (is_expected) options.expected_key = key_;
    return Signer::open(options);
  }
  void expect_latched(Signer& signer) {
    std::array<char, kMaxAuthorizationSize> out;
    out.fill('x');
    const TaskId task = *TaskId::parse("task-1");
    for (int i = 0; i < 3; ++i) {
      EXPECT_STATUS(signer.authorization(task, std::chrono::seconds(5), out), signature_mismatch);
      EXPECT_TRUE(std::ranges::all_of(out, [](char c) { return c == '\0'; })) << "a header got out";
      EXPECT_STATUS(signer.sign_task_registration(std::chrono::seconds(5)), signature_mismatch);
    }
    EXPECT_EQ(signer.counters().headers, 0U);
  }

  PublicKey key_;
  hal::DevicePtr device_{nullptr, [](hal::KeyDevice*) noexcept {}};
};

// ---- lengths ---------------------------------------------------------------------------------------------------

TEST_F(Pkcs11Lying, about_the_length_of_a_signature_is_a_fault) {
  for (const char* length : {"0", "1", "63", "65", "256", "257", "0xffffffff", "0xffffffffffffffff"}) {
    const auto key = find(std::string("signature-size:") + length);
    ASSERT_OK(key);
    const std::array<std::byte, 16> message{};
    EXPECT_STATUS(device_->sign(*key, Scheme::ed25519, message, kNoDeadline), device_fault) << length;
  }
}

TEST_F(Pkcs11Lying, about_how_many_objects_were_found_is_a_fault) {
  EXPECT_STATUS(find("found:0"), key_not_found);
  EXPECT_STATUS(find("found:1"), ambiguous_match) << "one more each time, without an end";
  for (const char* length : {"33", "0xffffffff", "0xffffffffffffffff"}) {
    EXPECT_STATUS(find(std::string("found:") + length), device_fault) << length;
  }
}

TEST_F(Pkcs11Lying, about_the_length_of_a_key_type_is_a_fault) {
  for (const char* length : kLengths)
    EXPECT_STATUS(find(std::string("size:0x100=") + length), device_fault) << length;
}

TEST_F(Pkcs11Lying, about_the_length_of_the_curve_names_no_curve) {
  for (const char* length : kLengths) {
    EXPECT_STATUS(find(std::string("size:0x180=") + length), scheme_unsupported) << length;
  }
}

TEST_F(Pkcs11Lying, about_the_length_of_the_point_shows_no_key_or_a_fault) {
  EXPECT_STATUS(find("size:0x181=1"), device_fault);
  for (const char* length : {"0", "0xffffffff", "0xffffffffffffffff"}) {
    EXPECT_STATUS(find(std::string("size:0x181=") + length), key_not_found) << length;
    EXPECT_OK(find(std::string("size:0x181=") + length, key_)) << "with the key given from outside it is found";
  }
}

TEST_F(Pkcs11Lying, about_the_length_of_names_loses_the_names_only) {
  for (const char* length : kLengths) {
    const auto key = find(std::string("size:0x3=") + length);
    ASSERT_OK(key);
    EXPECT_LE(device_->describe(*key)->label.size(), 1U) << length;
  }
  // Without an id the public half is found by its label; with a wrong one it is not.
  for (const char* length : {"0", "0xffffffff", "0xffffffffffffffff"}) {
    EXPECT_OK(find(std::string("size:0x102=") + length));
  }
  EXPECT_STATUS(find("size:0x102=1"), key_not_found);
}

TEST_F(Pkcs11Lying, about_the_length_of_a_boolean_leaves_it_unknown_and_the_key_refused) {
  // SENSITIVE, ALWAYS_SENSITIVE, EXTRACTABLE, NEVER_EXTRACTABLE, PRIVATE
  for (const char* type : {"0x103", "0x165", "0x162", "0x164", "0x2"}) {
    for (const char* length : {"0", "2", "0xffffffff", "0xffffffffffffffff"}) {
      EXPECT_STATUS(open_signer(std::string("size:") + type + "=" + length), key_refused) << type << " " << length;
    }
  }
  EXPECT_STATUS(open_signer("bytes:0x162=02"), key_refused) << "neither true nor false";
}

TEST_F(Pkcs11Lying, about_the_numbers_of_the_token_changes_nothing) {
  for (const char* length : kLengths) {
    ASSERT_OK(find(std::string("lengths:") + length));
    EXPECT_OK(device_->describe_token());
  }
}

// ---- encodings -------------------------------------------------------------------------------------------------

TEST_F(Pkcs11Lying, the_point_is_read_in_its_three_forms_and_in_no_other) {
  const std::string raw = hex(key_.bytes());
  for (const std::string& form : {raw, "0420" + raw, "032100" + raw}) {
    const auto found = find("bytes:0x181=" + form, key_);
    ASSERT_OK(found);
    EXPECT_EQ(device_->describe(*found)->public_key, key_) << form;
  }
  for (const std::string& near_miss :
       {"0421" + raw, "041f" + raw, "0520" + raw, "032101" + raw, "032000" + raw, "032200" + raw, "04" + raw,
        "0420" + raw + "00", raw.substr(2), "0420" + raw.substr(2), "048120" + raw, raw + raw, std::string("04"),
        "0440" + raw + raw}) {
    EXPECT_STATUS(find("bytes:0x181=" + near_miss), device_fault) << near_miss;
  }
}

// Raw keys that begin like the two bytes of an OCTET STRING: told by their length alone.
TEST_F(Pkcs11Lying, a_raw_key_that_begins_as_an_encoding_does_is_raw) {
  for (const std::string& first :
       {std::string("041e"), std::string("0420"), std::string("0321"), std::string("031e")}) {
    // Small-order and invalid points are refused by the verifier, not here: a valid encoding is all that is asked.
    const std::string raw = first + hex(key_.bytes()).substr(4);
    const auto found = find("bytes:0x181=" + raw);
    if (!found) {
      // Not every 32 bytes are a point; then it is a fault, and never another key.
      EXPECT_STATUS(found, device_fault) << raw;
      continue;
    }
    const auto description = device_->describe(*found);
    ASSERT_OK(description);
    ASSERT_TRUE(description->public_key);
    EXPECT_EQ(hex(description->public_key->bytes()), raw);
    EXPECT_STATUS(find("bytes:0x181=" + raw, key_), key_changed);
  }
}

TEST_F(Pkcs11Lying, the_curve_is_read_in_both_its_forms_and_in_no_other) {
  for (const std::string_view form : {"06032b6570", "130c656477617264733235353139"}) {
    EXPECT_OK(find("bytes:0x180=" + std::string(form)));
  }
  for (const std::string_view other :
       {"06032b656e", "06032b657000", "0603", "06032b65", "06082a8648ce3d030107", "130c656477617264733235353138",
        "1307456432353531390000", "", "30", "ffffffffffffffff"}) {
    EXPECT_STATUS(find("bytes:0x180=" + std::string(other)), scheme_unsupported) << other;
  }
}

// ---- signatures ------------------------------------------------------------------------------------------------

TEST_F(Pkcs11Lying, with_its_signature_stops_the_signer_and_no_header_gets_out) {
  make_key(Scheme::ed25519, "second");
  for (const char* lie : {"signature:zero", "signature:message", "signature:key", "wrong-signature"}) {
    for (const VerifySignatures verify : {VerifySignatures::always, VerifySignatures::after_open_and_recovery}) {
      auto signer = open_signer(lie, true, verify);
      ASSERT_OK(signer);
      SCOPED_TRACE(lie);
      expect_latched(*signer);
    }
  }
}

TEST_F(Pkcs11Lying, with_its_signature_of_a_p256_key_stops_the_signer_as_well) {
  key_ = *make_key(Scheme::es256, "second").public_key;
  for (const char* lie : {"signature:zero", "signature:message", "wrong-signature"}) {
    SoftHsm::tell_lies(lie);
    const std::string uri = lying("second");
    SignerOptions options;
    options.runtime_id = "agent-1";
    options.key_uri = uri;
    options.expected_key = key_;
    auto signer = Signer::open(options);
    ASSERT_OK(signer);
    SCOPED_TRACE(lie);
    expect_latched(*signer);
  }
}

// ---- answers that change ---------------------------------------------------------------------------------------

TEST_F(Pkcs11Lying, a_public_key_that_changes_is_never_signed_for) {
  const PublicKey other = *make_key(Scheme::ed25519, "second").public_key;
  const std::string lie = "=bytes:0x181=0420" + hex(other.bytes());
  EXPECT_STATUS(open_signer("from:1" + lie), key_changed);
  EXPECT_STATUS(open_signer("from:2" + lie), key_changed) << "found as the one and described as the other";
  // Nobody said which key to expect: what was described is what must verify.
  auto signer = open_signer("from:2" + lie, false);
  ASSERT_OK(signer);
  EXPECT_EQ(signer->public_key(), other);
  expect_latched(*signer);
}

TEST_F(Pkcs11Lying, an_attribute_that_changes_is_judged_as_it_was_last) {
  EXPECT_STATUS(open_signer("from:2=bool:0x162=1"), key_refused) << "EXTRACTABLE from the second look on";
  EXPECT_STATUS(open_signer("from:2=bool:0x103=0"), key_refused) << "SENSITIVE";
  EXPECT_STATUS(open_signer("from:2=bytes:0x100=0000000000000000"), scheme_unsupported) << "an RSA key by now";
}

// ---- many and nameless -----------------------------------------------------------------------------------------

TEST_F(Pkcs11Lying, with_a_million_objects_takes_no_more_work_than_with_ten) {
  setenv("HOLDFAST_LYING_MODULE", SoftHsm::shim_path().c_str(), 1);
  SoftHsm::tell_lies("");
  ASSERT_OK(open(lying()));
  shim_control().reset_counts();
  const auto key = find("million");
  EXPECT_STATUS(key, ambiguous_match);
  EXPECT_NE(key.error().detail.view().find("and more"), std::string_view::npos) << key.error().detail.view();
  EXPECT_LE(shim_control().total(), 200U);
  shim_control().reset_counts();
  std::vector<hal::KeyDescription> listed(3);
  const auto count = device_->key_inventory()->list(listed);
  ASSERT_OK(count);
  EXPECT_LE(*count, 5000U) << "counted up to a bound";
  EXPECT_LE(shim_control().total(), 500U);
}

TEST_F(Pkcs11Lying, with_names_without_an_end_is_opened_and_shown) {
  // 0x41 fills every field; 0xff is no UTF-8; 0x1b begins what a terminal acts upon; 0x00 is no name at all.
  for (const char* byte : {"41", "ff", "1b", "00", "25", "2f"}) {
    SoftHsm::tell_lies(std::string("fields:") + byte);
    const std::string uri =
        "pkcs11:object=agent?module-path=" + SoftHsm::lying_path() + "&pin-source=file:" + hsm_.pin_file();
    auto device = open(uri);
    ASSERT_OK(device) << byte;
    const auto token = (*device)->describe_token();
    ASSERT_OK(token);
    for (const std::string_view shown : {token->label.view(), token->serial.view(), token->manufacturer.view()}) {
      EXPECT_TRUE(std::ranges::all_of(shown, [](char c) { return c >= ' ' && c < 0x7f; })) << byte;
      EXPECT_LE(shown.size(), 32U);
    }
    const auto key = (*device)->find_key({}, kNoDeadline);
    ASSERT_OK(key);
    const std::string own((*device)->describe(*key)->uri.view());
    EXPECT_TRUE(std::ranges::all_of(own, [](char c) { return c > ' ' && c < 0x7f; })) << own;
    EXPECT_OK(open(own)) << "the URI it is remembered by selects it again: " << own;
    device->reset();
    // A refused PIN is recorded under such a name as well.
    hsm_.write_pin("0000-wrong");
    EXPECT_STATUS(open(uri), pin_incorrect);
    EXPECT_STATUS(open(uri), pin_refused_before);
    hsm_.write_pin(SoftHsm::kUserPin);
    EXPECT_OK(open(uri));
  }
}

}  // namespace
}  // namespace holdfast::test
