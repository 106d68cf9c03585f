// SPDX-License-Identifier: Apache-2.0
#include "src/signer/twin_opener.hpp"

#include "src/assertion/base64.hpp"
#include "src/signer/key_policy.hpp"

#include <algorithm>

namespace holdfast {
namespace {

constexpr const char* kOpening = "opening a sealed task id";

// The longest id in a box.
constexpr std::size_t kMaxBoxSize = 128 + kSealedBoxOverhead;

Error refusal(std::string_view why) noexcept {
  return failure(Status::authority_answer_invalid, Layer::core, kOpening).about(why);
}

}  // namespace

Result<TwinOpener> TwinOpener::create(hal::KeyDevice& device, hal::Clock& clock, CallCount& calls,
                                      std::string_view twin_uri, const PublicKey& public_key) noexcept {
  constexpr const char* kPreparing = "preparing to open sealed task ids";
  if (twin_uri.size() > hal::kMaxKeyUriSize) {
    return failure(Status::invalid_argument, Layer::core, kPreparing).about("the twin's URI is too long");
  }
  const X25519PublicKey recipient = HOLDFAST_TRY(x25519_public_key(public_key));
  hal::KeyAgreement* agreement = device.key_agreement();
  if (agreement == nullptr) {
    return failure(Status::scheme_unsupported, Layer::core, kPreparing).about("this device derives no secrets");
  }
  return TwinOpener(device, *agreement, clock, calls, FixedText<hal::kMaxKeyUriSize>(twin_uri), recipient);
}

Result<TaskId> TwinOpener::open_sealed_task(std::string_view sealed, std::chrono::nanoseconds timeout) noexcept {
  const CallCount::UnderWay under_way(*calls_);
  std::array<std::byte, kMaxBoxSize> box_bytes{};
  const auto box_size = decode_base64(Base64::standard, sealed, box_bytes);
  if (!box_size) return refusal("it is not standard base64 of at most 176 bytes");
  const std::span<const std::byte> box(box_bytes.data(), *box_size);
  const X25519PublicKey ephemeral = HOLDFAST_TRY(ephemeral_key(box));

  const hal::BootTime deadline = clock_->boot().after(std::max(timeout, std::chrono::nanoseconds::zero()));
  const hal::KeyHandle twin = HOLDFAST_TRY(agreement_->find_twin(uri_.view(), deadline));
  const hal::KeyDescription description = HOLDFAST_TRY(device_->describe(twin, deadline));
  HOLDFAST_TRY(check_twin_policy(description));
  std::array<std::byte, 128> text{};
  std::size_t size = 0;
  {
    const hal::SecretBytes shared = HOLDFAST_TRY(agreement_->agree(twin, ephemeral, deadline));
    size = HOLDFAST_TRY(open_sealed_box(box, recipient_, shared.reveal({}), text));
  }
  const auto id = TaskId::parse({reinterpret_cast<const char*>(text.data()), size});
  hal::wipe(text);
  if (!id) return refusal("what was sealed is no task id").about(id.error().detail.view());
  return *id;
}

}  // namespace holdfast
