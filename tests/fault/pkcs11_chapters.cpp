// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/pkcs11_chapters.hpp"

#include "hal/registry.hpp"

#include <array>
#include <filesystem>
#include <stdexcept>

namespace holdfast::fault {
namespace {

namespace fs = std::filesystem;
using hal::DeviceAccess;
using hal::kNoDeadline;

class InitToken final : public Chapter {
 public:
  explicit InitToken(TokenStage& stage) : stage_(stage) {}
  std::string_view name() const override { return "init"; }
  std::size_t steps() const override { return 1; }
  void set_up() override { stage_.put_up(Stage::State::blank); }
  void close() override {}
  std::string leftovers(const Error*) const override { return {}; }  // half of a token is erased by the next try

  Result<void> run(std::size_t) override {
    auto done = init("pkcs11:", false);
    if (done.status() == Status::already_exists) done = init("pkcs11:token=agents", true);
    return done;
  }

 private:
  Result<void> init(std::string_view uri, bool erases) {
    hal::TokenInitOptions options;
    const std::string module = test::SoftHsm::shim_path();
    const std::string records = stage_.failure_records();
    options.uri = uri;
    options.module_path = module;
    options.label = test::SoftHsm::kLabel;
    options.so_pin = HOLDFAST_TRY(hal::PinSource::parse("file:" + stage_.hsm().so_pin_file()));
    options.user_pin = HOLDFAST_TRY(hal::PinSource::parse("file:" + stage_.hsm().pin_file()));
    options.erase_existing = erases;
    options.clock = &stage_.clock();
    options.failure_records = records;
    const hal::Backend* backend = HOLDFAST_TRY(hal::backend_for(uri));
    HOLDFAST_TRY(backend->init_token(options));
    return {};
  }

  TokenStage& stage_;
};

class Browse final : public Chapter {
 public:
  explicit Browse(TokenStage& stage) : stage_(stage) {}
  std::string_view name() const override { return "browse"; }
  std::size_t steps() const override { return 4; }
  void set_up() override { stage_.put_up(Stage::State::key); }
  void close() override { device_.reset(); }
  std::string leftovers(const Error*) const override {
    return stage_.objects() == stage_.objects_of_a_key() ? "" : "the token has changed";
  }

  Result<void> run(std::size_t step) override {
    std::array<hal::KeyDescription, 2> keys;
    std::array<hal::TokenDescription, 4> tokens;
    hal::DeviceOptions options;
    const std::string module = test::SoftHsm::shim_path();
    const std::string records = stage_.failure_records();
    options.uri = "pkcs11:";
    options.module_path = module;
    options.access = DeviceAccess::browse;
    options.clock = &stage_.clock();
    options.failure_records = records;
    const hal::Backend* backend = nullptr;
    switch (step) {
      case 0:
        backend = HOLDFAST_TRY(hal::backend_for(options.uri));
        (void)HOLDFAST_TRY(backend->list_tokens(options, tokens));
        return {};
      case 1:
        options.uri = "pkcs11:token=agents";
        device_.reset();
        device_ = HOLDFAST_TRY(hal::open_device(options));
        return {};
      case 2:
        HOLDFAST_TRY(device_->describe_token());
        return {};
      default:
        (void)HOLDFAST_TRY(device_->key_inventory()->list(keys));
        return {};
    }
  }

 private:
  TokenStage& stage_;
  hal::DevicePtr device_{nullptr, [](hal::KeyDevice*) noexcept {}};
};

}  // namespace

TokenStage::TokenStage() {
  const auto save = [this](State state, const char* name) {
    const std::string folder = hsm_.folder().file(name);
    fs::copy(hsm_.token_folder(), folder, fs::copy_options::recursive);
    saved_[static_cast<int>(state)] = folder;
  };
  save(State::token, "saved-token");
  {
    const auto device = test::open_for_test(hsm_.uri("", test::SoftHsm::module_path()), DeviceAccess::provision, 1);
    const auto made = device->key_generator()->generate({Scheme::es256, "agent", {}}, kNoDeadline);
    if (!made) throw std::runtime_error("the key for the stage cannot be made");
    public_key_ = made->description.public_key;
  }
  save(State::key, "saved-key");
  saved_[static_cast<int>(State::blank)] = hsm_.folder().file("saved-blank");
  fs::create_directory(saved_[static_cast<int>(State::blank)]);
}

void TokenStage::put_up(State state) {
  fs::remove_all(failure_records());
  fs::remove_all(hsm_.token_folder());
  fs::copy(saved_[static_cast<int>(state)], hsm_.token_folder(), fs::copy_options::recursive);
}

std::size_t TokenStage::objects() const {
  std::size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(hsm_.token_folder())) {
    if (entry.path().extension() == ".object" && entry.path().filename() != "token.object") ++count;
  }
  return count;
}

std::vector<std::unique_ptr<Chapter>> pkcs11_chapters(TokenStage& stage) {
  std::vector<std::unique_ptr<Chapter>> chapters;
  chapters.push_back(std::make_unique<InitToken>(stage));
  chapters.push_back(provisioning(stage));
  chapters.push_back(std::make_unique<Browse>(stage));
  chapters.push_back(signing(stage, false));
  chapters.push_back(signing(stage, true));
  chapters.push_back(removal(stage));
  return chapters;
}

}  // namespace holdfast::fault
