// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/registrar_frame.hpp"

#include "hal/system_error.hpp"
#include "src/registrar/answer.hpp"
#include "src/registrar/curl_error.hpp"
#include "src/registrar/curl_library.hpp"
#include "src/registrar/error_texts.hpp"
#include "src/registrar/refusal.hpp"
#include "src/registrar/trust_files.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <errno.h>
#include <sys/stat.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace holdfast {
namespace {

using Kind = RegistrarFrame::Kind;

std::vector<std::byte> packet(const RegistrarFrame& frame) {
  RegistrarFrameBytes bytes;
  const auto written = write_frame(frame, bytes);
  return {written.begin(), written.end()};
}

std::vector<RegistrarFrame> one_of_each() {
  std::vector<RegistrarFrame> frames;
  for (const Kind kind : {Kind::ready, Kind::task_wanted, Kind::signature_wanted, Kind::signature,
                          Kind::signing_failed, Kind::task, Kind::failed, Kind::sealed_task}) {
    RegistrarFrame frame{.kind = kind, .exchange = 0x01020304};
    frame.time_left = std::chrono::milliseconds(29'750);
    frame.id.append(std::string(kMaxIdentifierSize, 'i'));
    frame.opens_sealed = true;
    frame.sealed.append(std::string(kMaxSealedTaskSize, 'b'));
    frame.registration.timestamp = std::string_view("2026-04-20T00:00:00Z");
    frame.registration.signature.append(std::string(kSignatureTextSize, 's'));
    frame.error = failure(Status::authority_unavailable, Layer::http, "asking the authority");
    frame.error.native = 503;
    frame.error.detail.append(std::string(400, 'd'));
    frames.push_back(frame);
  }
  return frames;
}

TEST(RegistrarFrame, ComesBackAsItWent) {
  for (const RegistrarFrame& frame : one_of_each()) {
    const auto read = read_frame(packet(frame));
    ASSERT_TRUE(read) << static_cast<int>(frame.kind);
    EXPECT_EQ(read->kind, frame.kind);
    EXPECT_EQ(read->exchange, frame.exchange);
    switch (frame.kind) {
      case Kind::task_wanted:
        EXPECT_EQ(read->time_left, frame.time_left);
        EXPECT_TRUE(read->opens_sealed);
        EXPECT_EQ(read->id, frame.id);
        break;
      case Kind::task:
        EXPECT_EQ(read->id, frame.id);
        break;
      case Kind::sealed_task:
        EXPECT_EQ(read->sealed, frame.sealed);
        break;
      case Kind::signature:
        EXPECT_EQ(read->registration.timestamp, frame.registration.timestamp);
        EXPECT_EQ(read->registration.signature, frame.registration.signature);
        break;
      case Kind::ready:
      case Kind::failed:
        EXPECT_EQ(read->error.status, frame.error.status);
        EXPECT_EQ(read->error.layer, frame.error.layer);
        EXPECT_EQ(read->error.native, 503U);
        EXPECT_STREQ(read->error.native_name, "HTTP 503");
        EXPECT_STREQ(read->error.doing, "asking the authority");
        EXPECT_EQ(read->error.hint, nullptr);
        EXPECT_EQ(read->error.detail, frame.error.detail);
        break;
      default:
        break;
    }
  }
}

TEST(RegistrarFrame, OfAnotherLengthIsRefused) {
  EXPECT_FALSE(read_frame({}));
  for (const RegistrarFrame& frame : one_of_each()) {
    const auto whole = packet(frame);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(read_frame(std::span(whole).first(size))) << static_cast<int>(frame.kind) << " cut to " << size;
    }
    auto longer = whole;
    longer.push_back(std::byte{0});
    EXPECT_FALSE(read_frame(longer));
  }
}

TEST(RegistrarFrame, OfAnUnknownKindIsRefused) {
  for (int kind = 0; kind < 256; ++kind) {
    std::vector<std::byte> bytes(5);
    bytes[0] = static_cast<std::byte>(kind);
    const bool is_bare =
        kind == static_cast<int>(Kind::signature_wanted) || kind == static_cast<int>(Kind::signing_failed);
    EXPECT_EQ(read_frame(bytes).has_value(), is_bare) << kind;
  }
}

TEST(RegistrarFrame, WithATextLongerThanItsMemberIsRefused) {
  std::vector<std::byte> bytes(5 + 2 + kMaxIdentifierSize + 1, std::byte{'i'});
  bytes[0] = static_cast<std::byte>(Kind::task);
  const auto size = static_cast<std::uint16_t>(kMaxIdentifierSize + 1);
  std::memcpy(bytes.data() + 5, &size, sizeof size);
  EXPECT_FALSE(read_frame(bytes));

  bytes.assign(5 + 2 + kMaxSealedTaskSize + 1, std::byte{'b'});
  bytes[0] = static_cast<std::byte>(Kind::sealed_task);
  const auto sealed_size = static_cast<std::uint16_t>(kMaxSealedTaskSize + 1);
  std::memcpy(bytes.data() + 5, &sealed_size, sizeof sealed_size);
  EXPECT_FALSE(read_frame(bytes));
}

TEST(RegistrarFrame, WithAFlagThatIsNeitherYesNorNoIsRefused) {
  RegistrarFrame frame{.kind = Kind::task_wanted};
  auto bytes = packet(frame);
  EXPECT_FALSE(read_frame(bytes)->opens_sealed);
  bytes[5 + 8] = std::byte{2};
  EXPECT_FALSE(read_frame(bytes));
}

TEST(RegistrarFrame, CarriesNoErrorThatIsNotARegistrars) {
  for (holdfast_status status = -1; status <= HOLDFAST_STATUS_COUNT; ++status) {
    RegistrarFrame frame{.kind = Kind::failed};
    frame.error = failure(static_cast<Status>(status), Layer::registrar, "registering a task");
    const bool is_plausible = status == HOLDFAST_OK || status == HOLDFAST_INVALID_ARGUMENT ||
                              status == HOLDFAST_PERMISSION_DENIED || status == HOLDFAST_FILE_INVALID ||
                              status == HOLDFAST_FILE_UNTRUSTED || status == HOLDFAST_SEALED_ANSWER ||
                              status == HOLDFAST_DEADLINE_EXCEEDED || status == HOLDFAST_AUTHORITY_UNAVAILABLE ||
                              status == HOLDFAST_RESOURCE_EXHAUSTED || status == HOLDFAST_AUTHORITY_REFUSED ||
                              status == HOLDFAST_AUTHORITY_ANSWER_INVALID || status == HOLDFAST_AUTHORITY_UNTRUSTED;
    EXPECT_EQ(read_frame(packet(frame)).has_value(), is_plausible) << status;
  }
  RegistrarFrame frame{.kind = Kind::failed};
  frame.error = failure(Status::authority_refused, Layer::pkcs11, "logging in");
  EXPECT_FALSE(read_frame(packet(frame)));
}

void expect_carried(const Error& error) {
  RegistrarFrame frame{.kind = Kind::failed};
  frame.error = error;
  const auto read = read_frame(packet(frame));
  ASSERT_TRUE(read) << status_name(error.status) << " while " << error.doing << ": " << error.detail.view();
  EXPECT_EQ(read->error.status, error.status);
  EXPECT_EQ(read->error.layer, error.layer);
  EXPECT_STREQ(read->error.doing, error.doing);
}

// What the host takes for no frame costs it the child.
TEST(RegistrarFrame, CarriesEveryErrorOfTheFilesThatAreTrusted) {
  const test::TemporaryFolder folder;
  const std::string open_folder = folder.file("open");
  ASSERT_EQ(mkdir(open_folder.c_str(), 0755), 0);
  const std::string bad_paths[] = {folder.write("writable.pem", "", 0664),
                                   folder.write("open/ca.pem", ""),
                                   open_folder,
                                   folder.file("missing.pem"),
                                   folder.file("writable.pem/below"),
                                   "relative.pem",
                                   "/" + std::string(5000, 'x'),
                                   "/dev/null"};
  ASSERT_EQ(chmod(open_folder.c_str(), 0777), 0);
  for (const std::string& path : bad_paths) {
    for (std::string RegistrarOptions::*member :
         {&RegistrarOptions::ca_file, &RegistrarOptions::ca_directory, &RegistrarOptions::client_certificate,
          &RegistrarOptions::client_key}) {
      RegistrarOptions options;
      options.*member = path;
      const auto files = check_trust_files(options);
      ASSERT_FALSE(files) << path;
      expect_carried(files.error());
    }
  }
  // Whatever the system says of a file that is opened; that it is there already it says of one that is made.
  for (int code = 1; code < 134; ++code) {
    if (code == EEXIST) continue;
    expect_carried(hal::system_error(code, "checking the CA file", "/etc/ssl/ca.pem", "cannot be opened"));
  }
}

TEST(RegistrarFrame, CarriesEveryErrorOfATransferAndOfAnAnswer) {
  for (int code = 1; code < 100; ++code) {
    expect_carried(curl_error(static_cast<CURLcode>(code), "asking the authority", ""));
  }
  for (int status = 100; status < 600; ++status) {
    expect_carried(refusal_of({.status = status, .body = {}}, WallSeconds{0}));
  }
  expect_carried(load_curl_library("no-such-library.so").error());
  for (const std::string_view body :
       {"", "<html>", "[]", "{}", R"({"task_id":1})", R"({"task_id":"a b"})", R"({"encrypted_task_id":"AAAA"})"}) {
    expect_carried(read_task_answer(body, nullptr, std::chrono::seconds(1)).error());
  }
}

TEST(RegistrarFrame, ShowsNoControlCharacters) {
  RegistrarFrame frame{.kind = Kind::failed};
  frame.error = failure(Status::authority_refused, Layer::http, "something nobody knows");
  frame.error.hint = "a hint nobody knows";
  frame.error.detail = std::string_view(
      "a\x1b[2Jb\nc\xe2\x80\xae"
      "d");
  const auto read = read_frame(packet(frame));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->error.detail.view(), "a?[2Jb?c???d");
  EXPECT_EQ(read->error.hint, nullptr);
  EXPECT_STREQ(read->error.doing, "registering with the authority");
}

// Whatever bytes come, they are read within their bounds (the sanitizers look).
TEST(RegistrarFrame, NoiseIsHarmless) {
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::vector<std::byte> bytes(random() % 64);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    if (!bytes.empty()) bytes[0] = static_cast<std::byte>(random() % 10);
    const auto read = read_frame(bytes);
    if (read) {
      EXPECT_GE(bytes.size(), 5U);
    }
  }
}

TEST(ErrorTexts, KnowWhatTheRegistrarSays) {
  for (int code = 1; code < 100; ++code) {
    const Error error = curl_error(static_cast<CURLcode>(code), "asking the authority", "");
    if (error.hint != nullptr) {
      EXPECT_EQ(text_of_number(number_of_text(error.hint)), std::string_view(error.hint));
    }
    const char* name = native_name_of(Layer::http, static_cast<std::uint64_t>(code));
    EXPECT_EQ(std::string_view(name != nullptr ? name : ""), error.native_name != nullptr ? error.native_name : "");
  }
  HttpResponse moved{.status = 308, .body = {}};
  EXPECT_NE(number_of_text(refusal_of(moved, WallSeconds{0}).hint), 0);
  HttpResponse late{.status = 401, .body = {}};
  late.date = "Sun, 06 Nov 1994 08:49:37 GMT";
  EXPECT_NE(number_of_text(refusal_of(late, WallSeconds{0}).hint), 0);
  EXPECT_NE(number_of_text(refusal_of(late, WallSeconds{0}).doing), 0);
  const auto library = load_curl_library("no-such-library.so");
  EXPECT_NE(number_of_text(library.error().hint), 0);
  EXPECT_NE(number_of_text(library.error().doing), 0);
  EXPECT_EQ(text_of_number(255), nullptr);
  EXPECT_EQ(number_of_text(nullptr), 0);
  EXPECT_EQ(native_name_of(Layer::http, UINT64_MAX), nullptr);
  EXPECT_STREQ(native_name_of(Layer::system, EACCES), "EACCES");
  EXPECT_EQ(native_name_of(Layer::core, 13), nullptr);
}

}  // namespace
}  // namespace holdfast
