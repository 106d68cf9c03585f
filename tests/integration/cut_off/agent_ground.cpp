// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/cut_off/agent_ground.hpp"

#include "tests/support/child_process.hpp"
#include "tests/support/softhsm.hpp"
#include "tests/support/swtpm.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

bool says(const std::string& output, std::string_view status) { return output.find(status) != std::string::npos; }

class SoftHsmGround : public AgentGround {
 public:
  explicit SoftHsmGround(bool has_twins) : has_twins_(has_twins) {}

  [[nodiscard]] const TemporaryFolder& folder() const override { return hsm_.folder(); }
  [[nodiscard]] std::string key_uri() const override { return hsm_.uri("agent", SoftHsm::module_path()); }
  [[nodiscard]] bool has_twins() const override { return has_twins_; }

  [[nodiscard]] bool holds_keys_of(std::size_t agents) const override {
    // In a child: the module must read the token's folder afresh.
    return run_in_child([&] {
             return has(hal::DeviceAccess::provision, agents) && has(hal::DeviceAccess::browse, agents);
           }) == 0;
  }

  void attend_to(const std::string& said, const std::string& saved) const override {
    // SoftHSM 2.6 truncates and rewrites the token's own file at every login.
    if (says(said, "token_not_found")) put_back("token.object", folder().file(saved));
    // Killed while the token judged the PIN, nobody knows whether it was refused: it is not sent again before
    // somebody has touched its file (docs/pins.md). The file that was lost may have hidden that.
    if (says(said, "pin_refused_before") || says(said, "token_not_found")) hsm_.write_pin(SoftHsm::kUserPin);
  }

 private:
  [[nodiscard]] std::string key_folder() const override { return hsm_.token_folder(); }

  [[nodiscard]] bool has(hal::DeviceAccess access, std::size_t agents) const {
    const auto device = open_for_test(hsm_.uri("", SoftHsm::module_path()), access, 1);
    // A twin is a private object alone.
    const std::size_t expected = has_twins_ && access != hal::DeviceAccess::browse ? 2 * agents : agents;
    const auto found = device->key_inventory()->list({});
    if (found && *found == expected) return true;
    std::fprintf(stderr, "%s halves: %zu, not %zu\n", access == hal::DeviceAccess::browse ? "public" : "private",
                 found ? *found : 999, expected);
    return false;
  }
  void put_back(const std::string& name, const std::string& saved) const {
    for (const auto& entry : fs::recursive_directory_iterator(saved)) {
      if (entry.path().filename() != name) continue;
      fs::copy_file(entry.path(), fs::path(hsm_.token_folder()) / fs::relative(entry.path(), saved),
                    fs::copy_options::overwrite_existing);
    }
  }

  const SoftHsm hsm_;
  bool has_twins_;
};

class SwtpmGround : public AgentGround {
 public:
  SwtpmGround() { fs::create_directory(key_folder()); }

  [[nodiscard]] const TemporaryFolder& folder() const override { return tpm_.folder(); }
  [[nodiscard]] std::string key_uri() const override { return tpm_.file_uri("keys/agent"); }

  [[nodiscard]] bool holds_keys_of(std::size_t agents) const override {
    std::size_t files = 0;
    for (const auto& entry : fs::directory_iterator(key_folder()))
      files += entry.path().extension() == ".pem" ? 1U : 0U;
    if (files != agents) std::fprintf(stderr, "%zu key files, not %zu\n", files, agents);
    const bool is_clean = tpm_.persistent().empty();
    if (!is_clean) std::fprintf(stderr, "something persistent is in the TPM\n");
    return files == agents && is_clean;
  }

  // What the kernel's resource manager does for a process that ended: it flushes what that had loaded.
  void attend_to(const std::string& /*said*/, const std::string& /*saved*/) const override { tpm_.clean(0); }

 private:
  [[nodiscard]] std::string key_folder() const override { return tpm_.folder().file("keys"); }

  Swtpm tpm_;
};

}  // namespace

void AgentGround::save(const std::string& name) const {
  fs::copy(key_folder(), folder().file(name), fs::copy_options::recursive);
  for (const std::string& file : {identity(), journal()}) {
    if (fs::exists(file)) fs::copy_file(file, folder().file(name + fs::path(file).filename().string()));
  }
}

void AgentGround::restore(const std::string& name) const {
  fs::remove_all(key_folder());
  fs::copy(folder().file(name), key_folder(), fs::copy_options::recursive);
  for (const std::string& file : {identity(), journal()}) {
    fs::remove(file);
    const std::string saved = folder().file(name + fs::path(file).filename().string());
    if (fs::exists(saved)) fs::copy_file(saved, file);
  }
}

const char* ground_name(GroundKind kind) {
  constexpr const char* kNames[] = {"softhsm", "softhsm_with_twin", "swtpm"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::unique_ptr<AgentGround> make_ground(GroundKind kind) {
  const bool is_tpm = kind == GroundKind::swtpm;
  const auto skip = [is_tpm] {
    if (is_tpm) {
      HOLDFAST_SKIP_WITHOUT_SWTPM();
    } else {
      HOLDFAST_SKIP_WITHOUT_SOFTHSM();
    }
  };
  skip();
  if (is_tpm ? !Swtpm::is_installed() : !SoftHsm::is_installed()) return nullptr;
  if (is_tpm) return std::make_unique<SwtpmGround>();
  return std::make_unique<SoftHsmGround>(kind == GroundKind::softhsm_with_twin);
}

}  // namespace holdfast::test
