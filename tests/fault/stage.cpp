// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/stage.hpp"

#include "holdfast/verifier.hpp"

#include "hal/registry.hpp"
#include "src/signer/signer_core.hpp"

#include <algorithm>
#include <stdexcept>

namespace holdfast::fault {
namespace {

using namespace std::chrono_literals;
using hal::DeviceAccess;
using hal::kNoDeadline;

// A device on the stage; closed at the end of each case.
class OnDevice : public Chapter {
 public:
  OnDevice(Stage& stage, Stage::State state, DeviceAccess access) : stage_(stage), state_(state), access_(access) {}

  void set_up() override {
    is_to_reconnect_ = false;
    stage_.put_up(state_);
  }
  void close() override { device_.reset(); }
  Result<void> run(std::size_t step) final {
    // What the hint says: a connection that broke is made anew.
    if (step > 0 && !climbs(step) && std::exchange(is_to_reconnect_, false))
      HOLDFAST_TRY(device_->reset(kNoDeadline));
    const auto done = run_step(step);
    is_to_reconnect_ = done.status() == Status::device_gone || done.status() == Status::device_fault;
    return done;
  }
  std::string leftovers(const Error* said) const override {
    const std::size_t objects = stage_.objects();
    const std::size_t expected = expected_keys() * stage_.objects_of_a_key();
    if (objects == expected) return {};
    // What cannot be removed is said, with what to do about it.
    const std::string_view detail = said != nullptr ? said->detail.view() : "";
    for (const std::string_view admission :
         {"could not be removed", "still there", "still be there", "may be there"}) {
      if (detail.find(admission) != std::string_view::npos) return {};
    }
    return std::to_string(objects) + " objects are there, not " + std::to_string(expected);
  }

 protected:
  virtual Result<void> run_step(std::size_t step) = 0;
  [[nodiscard]] virtual std::size_t expected_keys() const = 0;

  Result<void> open(const std::string& uri) {
    const std::string source = stage_.pin_source();
    const std::string records = stage_.failure_records();
    hal::DeviceOptions options;
    options.uri = uri;
    options.access = access_;
    options.pin = HOLDFAST_TRY(hal::PinSource::parse(source));
    options.sessions = access_ == DeviceAccess::sign ? 2 : 1;
    options.clock = &stage_.clock();
    options.failure_records = records;
    device_.reset();
    device_ = HOLDFAST_TRY(hal::open_device(options));
    return {};
  }

  Stage& stage_;
  hal::DevicePtr device_{nullptr, [](hal::KeyDevice*) noexcept {}};

 private:
  Stage::State state_;
  DeviceAccess access_;
  bool is_to_reconnect_ = false;
};

class Provisioning final : public OnDevice {
 public:
  explicit Provisioning(Stage& stage) : OnDevice(stage, Stage::State::token, DeviceAccess::provision) {}
  std::string_view name() const override { return "provision"; }
  std::size_t steps() const override { return 5; }
  void set_up() override {
    OnDevice::set_up();
    made_.reset();
    has_tried_ = false;
  }

 private:
  Result<void> run_step(std::size_t step) override {
    const hal::KeySpec spec = stage_.new_key();
    std::array<hal::KeyDescription, 2> keys;
    switch (step) {
      case 0:
        return open(stage_.uri_of_new_key());
      case 1: {
        auto made = device_->key_generator()->generate(spec, kNoDeadline);
        if (made.status() == Status::already_exists && has_tried_) {
          // It was said that it may be there. What a person does then:
          const auto key = HOLDFAST_TRY(device_->find_key({}, kNoDeadline));
          HOLDFAST_TRY(device_->key_inventory()->destroy(key));
          made = device_->key_generator()->generate(spec, kNoDeadline);
        }
        has_tried_ = true;
        if (!made) return made.error();
        made_ = *made;
        return {};
      }
      case 2: {
        const auto key = device_->describe(made_->handle);
        // A reset in between has made it stale: found by its name, it is the same one.
        if (key.status() != Status::stale_key) return key ? Result<void>() : key.error();
        HOLDFAST_TRY(device_->find_key({made_->description.public_key}, kNoDeadline));
        return {};
      }
      case 3:
        HOLDFAST_TRY(device_->export_probe()->try_export(spec.scheme, kNoDeadline));
        return {};
      default:
        (void)HOLDFAST_TRY(device_->key_inventory()->list(keys));
        return {};
    }
  }
  std::size_t expected_keys() const override { return made_ ? 1 : 0; }

  std::optional<hal::MadeKey> made_;
  bool has_tried_ = false;
};

class Signing final : public OnDevice {
 public:
  Signing(Stage& stage, bool recovers)
      : OnDevice(stage, Stage::State::key, DeviceAccess::sign), recovers_(recovers) {}
  std::string_view name() const override { return recovers_ ? "recover" : "sign"; }
  std::size_t steps() const override { return recovers_ ? 5 : 4; }
  bool climbs(std::size_t step) const override { return step >= 2; }
  void set_up() override {
    OnDevice::set_up();
    is_lost_ = false;
  }
  void close() override {
    core_.reset();
    OnDevice::close();
  }

 private:
  Result<void> run_step(std::size_t step) override {
    if (step == 0) {
      core_.reset();
      return open(stage_.uri_of_key());
    }
    if (step == 1) {
      const SignerCore::Settings settings{.runtime_id = HOLDFAST_TRY(RuntimeId::parse("agent-123"))};
      core_.emplace(*device_, stage_.clock(), HOLDFAST_TRY(SignerCore::prepare(*device_, stage_.clock(), settings)));
      return {};
    }
    if (recovers_ && step == 3 && !std::exchange(is_lost_, true)) stage_.lose();
    return step + 1 == steps() ? sign_registration() : sign_header();
  }
  std::size_t expected_keys() const override { return 1; }

  // Wide: a token that takes an hour is one of the cases.
  VerifyWindow window() { return {stage_.clock().wall(), 7200}; }
  Result<void> sign_header() {
    std::array<char, kMaxAuthorizationSize> out;
    out.fill('x');
    const auto size = core_->authorization(HOLDFAST_TRY(TaskId::parse("task-1")), 5s, out, Freshness::fresh);
    // What must hold whatever happened: a header that verifies, or not a byte of one.
    if (!size) {
      if (std::ranges::any_of(out, [](char c) { return c != '\0'; }))
        throw std::logic_error("the output is not wiped");
      return size.error();
    }
    const auto assertion = parse_authorization({out.data(), *size});
    if (!assertion || !verify_assertion(*assertion, *stage_.public_key(), window())) {
      throw std::logic_error("a header does not verify");
    }
    return {};
  }
  Result<void> sign_registration() {
    const TaskRegistration signed_ = HOLDFAST_TRY(core_->sign_task_registration(5s));
    if (!verify_task_registration(core_->runtime_id(), signed_.timestamp.view(), signed_.signature.view(),
                                  *stage_.public_key(), window())) {
      throw std::logic_error("a task registration does not verify");
    }
    return {};
  }

  bool recovers_;
  bool is_lost_ = false;
  std::optional<SignerCore> core_;
};

class Removal final : public OnDevice {
 public:
  explicit Removal(Stage& stage) : OnDevice(stage, Stage::State::key, DeviceAccess::provision) {}
  std::string_view name() const override { return "remove"; }
  std::size_t steps() const override { return 2; }
  void set_up() override {
    OnDevice::set_up();
    is_gone_ = false;
    has_tried_ = false;
  }

 private:
  Result<void> run_step(std::size_t step) override {
    if (step == 0) return open(stage_.uri_of_key());
    const auto key = device_->find_key({}, kNoDeadline);
    if (key.status() == Status::key_not_found && has_tried_) {
      is_gone_ = true;  // the answer that said so was lost
      return {};
    }
    if (!key) return key.error();
    has_tried_ = true;
    HOLDFAST_TRY(device_->key_inventory()->destroy(*key));
    is_gone_ = true;
    return {};
  }
  std::size_t expected_keys() const override { return is_gone_ ? 0 : 1; }

  bool is_gone_ = false;
  bool has_tried_ = false;
};

}  // namespace

std::unique_ptr<Chapter> provisioning(Stage& stage) { return std::make_unique<Provisioning>(stage); }
std::unique_ptr<Chapter> signing(Stage& stage, bool recovers) { return std::make_unique<Signing>(stage, recovers); }
std::unique_ptr<Chapter> removal(Stage& stage) { return std::make_unique<Removal>(stage); }

}  // namespace holdfast::fault
