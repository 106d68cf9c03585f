// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/bench_token.hpp"

#include "hal/registry.hpp"
#include "tests/bench/required.hpp"

#include <sys/stat.h>

#include <array>
#include <cstdlib>
#include <stdexcept>

namespace holdfast::bench {

BenchToken::BenchToken(std::string module_path) : module_path_(std::move(module_path)) {
  folder_.write("softhsm2.conf", "directories.tokendir = " + folder_.path() + "/tokens\nlog.level = ERROR\n");
  if (mkdir((folder_.path() + "/tokens").c_str(), 0700) != 0) throw std::runtime_error("no token folder");
  setenv("SOFTHSM2_CONF", folder_.file("softhsm2.conf").c_str(), 1);
  pin_source_ = "file:" + folder_.write("pin", kPin);
  init_token(kLabel);
  for (const Scheme scheme : {Scheme::ed25519, Scheme::es256}) {
    public_keys_.emplace(scheme, make_key(kLabel, scheme));
  }
}

PublicKey BenchToken::add_token(const std::string& label, Scheme scheme) {
  init_token(label);
  return make_key(label, scheme);
}

void BenchToken::init_token(const std::string& label) {
  hal::TokenInitOptions init;
  const std::string any = "pkcs11:?module-path=" + module_path_;
  init.uri = any;
  init.label = label;
  init.so_pin = init.user_pin = require(hal::PinSource::parse(pin_source_));
  const hal::Backend* backend = require(hal::backend_for(any));
  require(backend->init_token(init));
}

std::string BenchToken::uri(Scheme scheme, const std::string& module_path) const {
  return uri_on(kLabel, scheme, module_path);
}

std::string BenchToken::uri_on(const std::string& label, Scheme scheme, const std::string& module_path) {
  return "pkcs11:token=" + label + ";object=" + std::string(scheme_name(scheme)) + "?module-path=" + module_path;
}

PublicKey BenchToken::make_key(const std::string& label, Scheme scheme) {
  const std::string key_uri = uri_on(label, scheme, module_path_);
  hal::DeviceOptions options;
  options.uri = key_uri;
  options.access = hal::DeviceAccess::provision;
  options.pin = require(hal::PinSource::parse(pin_source_));
  const hal::DevicePtr device = require(hal::open_device(options));
  hal::KeySpec spec;
  spec.scheme = scheme;
  spec.label = scheme_name(scheme);
  const std::array id{scheme == Scheme::ed25519 ? std::byte{1} : std::byte{2}};
  spec.id = id;
  const hal::MadeKey made = require(device->key_generator()->generate(spec, hal::kNoDeadline));
  if (!made.description.public_key) throw std::runtime_error("the token shows no public half");
  return *made.description.public_key;
}

}  // namespace holdfast::bench
