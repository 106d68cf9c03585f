// SPDX-License-Identifier: Apache-2.0
// Does the openssl command verify our headers from their bytes alone, and refuse what is not one?

#include "holdfast/verifier.hpp"

#include "src/assertion/base64.hpp"
#include "src/assertion/envelope.hpp"
#include "src/assertion/message.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace holdfast {
namespace {

namespace fs = std::filesystem;

const TimestampText kTime("2026-04-20T00:00:00Z");
constexpr VerifyWindow kWindow{{1776643200}, 300};

class OpensslCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string folder = (fs::temp_directory_path() / "holdfast-vectors-XXXXXX").string();
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::string put(const std::string& name, std::string_view content) const {
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }
  [[nodiscard]] std::string get(const std::string& name) const {
    std::ostringstream content;
    content << std::ifstream(path(name), std::ios::binary).rdbuf();
    return content.str();
  }

  // The exit code; output goes to a file, so that a failure can show it.
  int run(std::vector<std::string> words) const {
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const std::string log = path("log");
    posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    pid_t child = 0;
    const int spawned = posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (spawned != 0) return -1;
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
  }

  int verify(const std::string& header_file, const std::string& key_file) const {
    return run({HOLDFAST_VECTOR_FOLDER "/verify_with_openssl.sh", header_file, key_file});
  }
  int verify_value(std::string_view value, const std::string& key_file) const {
    return verify(put("value", value), key_file);
  }

  static std::string data(const std::string& name) { return HOLDFAST_VECTOR_DATA "/" + name; }

  fs::path folder_;
};

std::string value_of(const RuntimeId& runtime, const TaskId& task, const Signature& signature) {
  std::string out(kMaxAuthorizationSize, '\0');
  const auto size = write_authorization(runtime, task, kTime, signature, out);
  EXPECT_TRUE(size);
  out.resize(*size);
  return out;
}

std::string read_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

TEST_F(OpensslCommand, VerifiesTheStoredHeadersAndSoDoWe) {
  for (const auto& [header, key] :
       {std::pair{"ed25519.header", "ed25519.pub"}, std::pair{"es256_long.header", "es256.pub"},
        std::pair{"es256_short_r.header", "es256.pub"}, std::pair{"es256_short_s.header", "es256.pub"}}) {
    EXPECT_EQ(verify(data(header), data(key)), 0) << header << '\n' << get("log");
    const auto assertion = parse_authorization(read_line(data(header)));
    ASSERT_TRUE(assertion) << assertion.error().detail.view();
    const auto public_key = parse_ssh_public_key(read_line(data(key)));
    ASSERT_TRUE(public_key);
    EXPECT_TRUE(verify_assertion(*assertion, *public_key, kWindow)) << header;
  }
}

TEST_F(OpensslCommand, VerifiesEd25519HeadersThatWeWrite) {
  std::array<unsigned char, 32> public_bytes{};
  std::array<unsigned char, 64> secret{};
  crypto_sign_keypair(public_bytes.data(), secret.data());
  const auto key = *PublicKey::from_bytes(Scheme::ed25519, std::as_bytes(std::span(public_bytes)));
  const std::string key_file = put("key.pub", to_ssh_public_key(key).view());
  for (const std::size_t size : {1U, 2U, 3U, 127U, 128U}) {
    const auto runtime = *RuntimeId::parse(std::string(size, '~'));
    const auto task = *TaskId::parse(std::string(129 - size, '-'));
    const auto message = build_assertion_message(runtime, task, kTime);
    Signature signature{};
    crypto_sign_detached(reinterpret_cast<unsigned char*>(signature.data()), nullptr,
                         reinterpret_cast<const unsigned char*>(message.bytes().data()), message.bytes().size(),
                         secret.data());
    const std::string value = value_of(runtime, task, signature);
    EXPECT_EQ(verify_value(value, key_file), 0) << get("log");
    EXPECT_EQ(verify_value("Authorization: " + value + "\n", key_file), 0) << get("log");
    signature[0] ^= std::byte{1};
    EXPECT_EQ(verify_value(value_of(runtime, task, signature), key_file), 1);
  }
}

// The openssl command makes the key and the signature, our code the rest.
TEST_F(OpensslCommand, VerifiesEs256HeadersThatWeWrite) {
  ASSERT_EQ(
      run({"openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path("key.pem")}),
      0)
      << get("log");
  ASSERT_EQ(run({"openssl", "pkey", "-in", path("key.pem"), "-pubout", "-outform", "DER", "-out", path("key.der")}),
            0);
  const std::string der = get("key.der");
  ASSERT_EQ(der.size(), 91U);
  const auto key = *PublicKey::from_bytes(Scheme::es256, std::as_bytes(std::span(der)).last(kP256PointSize));
  const std::string key_file = put("key.pub", to_ssh_public_key(key).view());

  const auto runtime = *RuntimeId::parse("agent-123");
  for (int round = 0; round < 8; ++round) {
    const auto task = *TaskId::parse("task-" + std::to_string(round));
    const auto message = build_assertion_message(runtime, task, kTime);
    put("message", message.view());
    ASSERT_EQ(
        run({"openssl", "dgst", "-sha256", "-sign", path("key.pem"), "-out", path("signature"), path("message")}), 0);
    // SEQUENCE of two INTEGERs, each shorter than 128 bytes: 30 size 02 size r 02 size s.
    const std::string sequence = get("signature");
    Signature signature{};
    std::size_t at = 2;
    for (const std::size_t end : {32U, 64U}) {
      const auto size = static_cast<std::size_t>(sequence.at(at + 1));
      const std::string number = sequence.substr(at + 2, size);
      for (std::size_t i = 0; i < std::min<std::size_t>(size, 32); ++i) {
        signature[end - 1 - i] = static_cast<std::byte>(number[size - 1 - i]);
      }
      at += 2 + size;
    }
    const std::string value = value_of(runtime, task, signature);
    EXPECT_EQ(verify_value(value, key_file), 0) << get("log");
    const auto assertion = parse_authorization(value);
    ASSERT_TRUE(assertion);
    EXPECT_TRUE(verify_assertion(*assertion, key, kWindow));
    signature[40] ^= std::byte{1};
    EXPECT_EQ(verify_value(value_of(runtime, task, signature), key_file), 1);
  }
}

TEST_F(OpensslCommand, IsNotAskedAboutAnythingElse) {
  const std::string good = read_line(data("ed25519.header"));
  const std::string key = data("ed25519.pub");
  ASSERT_EQ(verify_value(good, key), 0);
  EXPECT_EQ(verify_value(good + "=", key), 2);
  EXPECT_EQ(verify_value(good + " ", key), 2);
  EXPECT_EQ(verify_value("agentAssertion" + good.substr(14), key), 2);
  EXPECT_EQ(verify_value("AgentAssertion  " + good.substr(15), key), 2);
  EXPECT_EQ(verify_value(good.substr(0, good.size() - 1) + "1", key), 2) << "bits behind the last byte";
  EXPECT_EQ(verify_value(good.substr(0, good.size() - 4), key), 2);
  EXPECT_EQ(verify_value("", key), 2);
  EXPECT_EQ(verify_value("AgentAssertion ", key), 2);
  const std::string json = R"({"task_id":"t","agent_runtime_id":"a"})";
  std::string token(base64_size(Base64::url, json.size()), '\0');
  ASSERT_EQ(encode_base64(Base64::url, std::as_bytes(std::span(json)), token), token.size());
  EXPECT_EQ(verify_value("AgentAssertion " + token, key), 2);
  EXPECT_EQ(verify_value(good, put("rsa.pub", "ssh-rsa AAAAB3NzaC1yc2E=")), 2);
  EXPECT_EQ(verify_value(good, put("short.pub", read_line(key).substr(0, 60))), 2);
  EXPECT_EQ(verify_value(good, data("es256.pub")), 1) << "another key";
}

}  // namespace
}  // namespace holdfast
