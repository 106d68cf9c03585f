// SPDX-License-Identifier: Apache-2.0
#include "src/identity/software_crypto.hpp"
#include "src/identity/upstream_record.hpp"
#include "src/verification/sealed_box.hpp"
#include "tests/integration/pkcs11/on_token.hpp"
#include "tests/support/temporary_folder.hpp"

#include <sodium.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace holdfast::test {
namespace {

// What must not be found is never in this process as it is: a child makes it, and hands over each form with every bit
// inverted.
struct Form {
  std::string name;
  std::string inverted;
};

std::string inverted(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(~c);
  return out;
}

std::string encoded(std::string_view text, int variant) {
  std::string out(sodium_base64_encoded_len(text.size(), variant), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                    variant);
  out.pop_back();
  return out;
}

// In the child: a JWT with a random seed, and the forms its key could survive in.
void write_jwt_and_forms(const std::string& jwt_path, const std::string& forms_path) {
  std::string seed(32, '\0');
  randombytes_buf(seed.data(), seed.size());
  std::array<unsigned char, 64> hash{};
  crypto_hash_sha512(hash.data(), reinterpret_cast<const unsigned char*>(seed.data()), seed.size());
  std::string scalar(reinterpret_cast<const char*>(hash.data()), 32);
  scalar[0] = static_cast<char>(static_cast<unsigned char>(scalar[0]) & 248U);
  scalar[31] = static_cast<char>((static_cast<unsigned char>(scalar[31]) & 127U) | 64U);
  const std::string prefix("\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20", 16);
  const std::string key = encoded(prefix + seed, sodium_base64_VARIANT_ORIGINAL);
  const std::string claims =
      R"({"iss":"i","aud":"a","agent_runtime_id":"agent-123","agent_private_key":")" + key + R"(","account_id":"x"})";
  const std::string payload = encoded(claims, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  std::ofstream(jwt_path) << encoded(R"({"alg":"RS256","kid":"k"})", sodium_base64_VARIANT_URLSAFE_NO_PADDING) << "."
                          << payload << ".AAAA\n";

  std::ofstream forms(forms_path, std::ios::binary);
  const auto add = [&forms](const std::string& name, const std::string& text) {
    forms << name << ' ' << text.size() << '\n' << inverted(text);
  };
  add("raw", seed);
  add("scalar", scalar);
  for (const bool is_upper : {false, true}) {
    std::string hex(65, '\0');
    sodium_bin2hex(hex.data(), hex.size(), reinterpret_cast<const unsigned char*>(seed.data()), seed.size());
    hex.pop_back();
    if (is_upper) {
      for (char& c : hex) c = static_cast<char>(c >= 'a' ? c - 32 : c);
    }
    add(is_upper ? "HEX" : "hex", hex);
  }
  for (std::size_t offset = 0; offset < 3; ++offset) {
    // Without the characters that depend on what stands around the seed.
    const std::string text = encoded(std::string(offset, 'x') + seed, sodium_base64_VARIANT_ORIGINAL).substr(4, 36);
    add("base64+" + std::to_string(offset), text);
  }
  add("pkcs8", prefix + seed);
  const std::size_t key_at = claims.find(key) * 4 / 3;
  add("jwt-segment", payload.substr(key_at + 28, 40));
}

std::vector<Form> read_forms(const std::string& path) {
  std::vector<Form> forms;
  std::ifstream file(path, std::ios::binary);
  std::string name;
  std::size_t size = 0;
  while (file >> name >> size) {
    file.get();
    std::string text(size, '\0');
    file.read(text.data(), static_cast<std::streamsize>(size));
    forms.push_back({name, text});
  }
  return forms;
}

struct Hit {
  std::string form;
  std::uintptr_t at = 0;
};

// Reads this process's memory through the kernel, page by page, and so also what is left out of core dumps.
class MemoryScan {
 public:
  MemoryScan() {
    void* pages = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    buffer_ = static_cast<char*>(pages);
  }
  ~MemoryScan() { munmap(buffer_, kSize); }
  MemoryScan(const MemoryScan&) = delete;
  MemoryScan& operator=(const MemoryScan&) = delete;

  std::vector<Hit> run(const std::vector<Form>& forms) {
    std::vector<Hit> hits;
    const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    std::ifstream maps("/proc/self/maps");
    std::string line;
    while (std::getline(maps, line)) {
      std::uintptr_t begin = 0;
      std::uintptr_t end = 0;
      char right = 0;
      std::istringstream(line) >> std::hex >> begin >> right >> end;
      const bool is_own = begin == reinterpret_cast<std::uintptr_t>(buffer_);
      if (line.find(" r") == std::string::npos || is_own || line.find("[v") != std::string::npos) continue;
      scan(memory, begin, end, forms, hits);
    }
    close(memory);
    explicit_bzero(buffer_, kSize);
    return hits;
  }

 private:
  static constexpr std::size_t kSize = std::size_t{1} << 20U;
  static constexpr std::size_t kOverlap = 256;

  void scan(int memory, std::uintptr_t begin, std::uintptr_t end, const std::vector<Form>& forms,
            std::vector<Hit>& hits) {
    for (std::uintptr_t at = begin; at < end;) {
      const ssize_t got = pread(memory, buffer_, std::min<std::size_t>(kSize, end - at), static_cast<off_t>(at));
      if (got <= 0) return;
      const auto size = static_cast<std::size_t>(got);
      for (const Form& form : forms) look_for(form, at, size, hits);
      at += size > kOverlap && at + size < end ? size - kOverlap : size;
    }
  }

  void look_for(const Form& form, std::uintptr_t at, std::size_t size, std::vector<Hit>& hits) const {
    const int first = static_cast<unsigned char>(~form.inverted[0]);
    const char* from = buffer_;
    const char* const end = buffer_ + size;
    while ((from = static_cast<const char*>(memchr(from, first, static_cast<std::size_t>(end - from)))) != nullptr) {
      if (static_cast<std::size_t>(end - from) < form.inverted.size()) return;
      std::size_t same = 0;
      while (same < form.inverted.size() && static_cast<char>(~from[same]) == form.inverted[same]) ++same;
      const std::uintptr_t place = at + static_cast<std::uintptr_t>(from - buffer_);
      const bool is_known =
          std::ranges::any_of(hits, [&](const Hit& hit) { return hit.at == place && hit.form == form.name; });
      if (same == form.inverted.size() && !is_known) hits.push_back({form.name, place});
      ++from;
    }
  }

  char* buffer_ = nullptr;
};

bool is_within(std::uintptr_t at, const hal::SecretBytes& secret) {
  const auto begin = reinterpret_cast<std::uintptr_t>(secret.reveal({}).data());
  return at >= begin && at < begin + 4096;
}

std::string in_words(const std::vector<Hit>& hits) {
  std::ostringstream text;
  for (const Hit& hit : hits) text << hit.form << " at 0x" << std::hex << hit.at << "; ";
  return text.str();
}

class ImportMemory : public OnToken {};

TEST_F(ImportMemory, TheKeyIsInItsLockedPageAndAfterwardsNowhere) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers keep freed memory and turn mlock off";
#endif
  ASSERT_GE(sodium_init(), 0);
  const TemporaryFolder folder;
  const std::string jwt_path = folder.file("agent.jwt");
  const std::string forms_path = folder.file("forms");
  const pid_t child = fork();
  if (child == 0) {
    write_jwt_and_forms(jwt_path, forms_path);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  const std::vector<Form> forms = read_forms(forms_path);
  ASSERT_EQ(forms.size(), 9U);
  MemoryScan scan;
  ASSERT_TRUE(scan.run(forms).empty()) << in_words(scan.run(forms));

  // As `agent import` does it.
  std::optional<hal::SecretBytes> source = hal::SecretBytes::allocate(65536).value();
  const int file = ::open(jwt_path.c_str(), O_RDONLY | O_CLOEXEC);
  source->set_size(static_cast<std::size_t>(::read(file, source->storage({}).data(), source->capacity())));
  ::close(file);
  std::optional<SoftwareIdentity> software;
  {
    auto read = read_upstream_record(source->storage({}).first(source->size()));
    ASSERT_OK(read);
    software.emplace(std::move(*read));
  }
  software->jwt.reset();
  source.reset();

  const std::vector<Hit> during = scan.run(forms);
  ASSERT_EQ(during.size(), 1U) << in_words(during);
  EXPECT_EQ(during[0].form, "raw");
  EXPECT_TRUE(is_within(during[0].at, software->key.private_key));

  {
    const auto twin = x25519_secret(software->key.private_key);
    ASSERT_OK(twin);
  }
  software.reset();
  const std::vector<Hit> after = scan.run(forms);
  EXPECT_TRUE(after.empty()) << in_words(after);
}

// What a software token keeps of a key it was given is its own affair, and is told apart: our frames are looked at
// with the module's memory counted, not judged.
TEST_F(ImportMemory, WhatTheModuleKeepsIsReported) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers keep freed memory and turn mlock off";
#endif
  ASSERT_GE(sodium_init(), 0);
  const TemporaryFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    write_jwt_and_forms(folder.file("agent.jwt"), folder.file("forms"));
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  const std::vector<Form> forms = read_forms(folder.file("forms"));
  {
    hal::SecretBytes source = hal::SecretBytes::allocate(65536).value();
    const int file = ::open(folder.file("agent.jwt").c_str(), O_RDONLY | O_CLOEXEC);
    source.set_size(static_cast<std::size_t>(::read(file, source.storage({}).data(), source.capacity())));
    ::close(file);
    auto software = read_upstream_record(source.storage({}).first(source.size()));
    ASSERT_OK(software);
    const auto device = open_for_test(direct(), DeviceAccess::provision);
    ASSERT_OK(device->key_importer()->import_key({Scheme::ed25519, "agent", {}}, software->key.private_key,
                                                 software->key.public_key, kNoDeadline));
  }
  MemoryScan scan;
  const std::vector<Hit> after = scan.run(forms);
  // Never as text: the module was handed bytes, so text would be ours.
  for (const Hit& hit : after) {
    EXPECT_TRUE(hit.form == "raw" || hit.form == "scalar" || hit.form == "pkcs8") << in_words(after);
  }
  printf("SoftHSM keeps the key in %zu place(s) after the import: %s\n", after.size(), in_words(after).c_str());
}

}  // namespace
}  // namespace holdfast::test
