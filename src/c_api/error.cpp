// SPDX-License-Identifier: Apache-2.0
#include "src/c_api/error.hpp"

#include "src/c_api/argument.hpp"

#include <algorithm>
#include <iterator>

namespace holdfast::c_api {
namespace {

static_assert(HOLDFAST_LAYER_CORE == static_cast<int>(Layer::core) &&
              HOLDFAST_LAYER_PKCS11 == static_cast<int>(Layer::pkcs11) &&
              HOLDFAST_LAYER_TPM2 == static_cast<int>(Layer::tpm2) &&
              HOLDFAST_LAYER_SYSTEM == static_cast<int>(Layer::system) &&
              HOLDFAST_LAYER_HTTP == static_cast<int>(Layer::http) &&
              HOLDFAST_LAYER_REGISTRAR == static_cast<int>(Layer::registrar) &&
              HOLDFAST_LAYER_IDENTITY == static_cast<int>(Layer::identity) &&
              HOLDFAST_LAYER_VERIFICATION == static_cast<int>(Layer::verification));

}  // namespace

holdfast_status Outcome::succeeded() const noexcept {
  if (out_ != nullptr) *out_ = HOLDFAST_ERROR_INIT;
  return HOLDFAST_OK;
}

holdfast_status Outcome::failed(const Error& error) const noexcept {
  const auto status = static_cast<holdfast_status>(error.status);
  if (out_ == nullptr) return status;
  *out_ = HOLDFAST_ERROR_INIT;
  out_->status = status;
  out_->layer = static_cast<std::uint32_t>(error.layer);
  out_->remedy = static_cast<std::uint32_t>(status_remedy(error.status));
  out_->native = error.native;
  (void)write_message(error, std::span(out_->message).first(sizeof(out_->message) - 1));
  const FixedText<sizeof(out_->hint) - 1> hint(hint_of(error));
  std::ranges::copy(hint.view(), std::begin(out_->hint));
  return status;
}

holdfast_status Outcome::bad_argument(const char* doing, std::string_view what) const noexcept {
  return failed(c_api::bad_argument(doing, what));
}

}  // namespace holdfast::c_api
