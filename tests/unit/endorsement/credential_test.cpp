// SPDX-License-Identifier: Apache-2.0
// What a challenge is worth is asked of a TPM (tpm2_attestation_test); here: that none is made of nothing.
#include "src/endorsement/credential.hpp"

#include <gtest/gtest.h>

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HOLDFAST_SANITIZER_OWNS_MALLOC
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HOLDFAST_SANITIZER_OWNS_MALLOC
#endif
#endif

namespace {

int g_draws_left = -1;        // getrandom() calls that work; negative: all
int g_allocations_left = -1;  // of mbedTLS, which takes all of its memory by calloc()

}  // namespace

extern "C" {
// The linker's --wrap, for our own draws.
ssize_t __real_getrandom(void* bytes, size_t size, unsigned flags);   // NOLINT
ssize_t __wrap_getrandom(void* bytes, size_t size, unsigned flags);   // NOLINT
ssize_t __wrap_getrandom(void* bytes, size_t size, unsigned flags) {  // NOLINT
  if (g_draws_left == 0) {
    errno = ENOSYS;
    return -1;
  }
  if (g_draws_left > 0) --g_draws_left;
  return __real_getrandom(bytes, size, flags);
}

#ifndef HOLDFAST_SANITIZER_OWNS_MALLOC
void* __libc_calloc(size_t count, size_t size);  // NOLINT: glibc's own name
__attribute__((visibility("default"))) void* calloc(size_t count, size_t size) {
  if (g_allocations_left == 0) return nullptr;
  if (g_allocations_left > 0) --g_allocations_left;
  return __libc_calloc(count, size);
}
#endif
}

namespace holdfast {
namespace {

// RFC 3447's arithmetic asks an odd modulus of 2048 bits; whether it is a product of two primes nobody can tell.
EndorsementPublicKey some_key() {
  EndorsementPublicKey key;
  key.modulus.fill(std::byte{0xC3});
  key.exponent = {std::byte{0}, std::byte{1}, std::byte{0}, std::byte{1}};
  return key;
}

class MakeCredential : public testing::Test {
 protected:
  void TearDown() override {
    g_draws_left = -1;
    g_allocations_left = -1;
  }
  static Result<Credential> make(const EndorsementPublicKey& key = some_key()) {
    return make_credential(key, name_, std::vector<std::byte>(32, std::byte{0x42}));
  }
  static inline TpmName name_{};
};

TEST_F(MakeCredential, HasTheFormOfTheStandardAndIsNeverTheSame) {
  const auto first = make();
  const auto second = make();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->blob.size(), 2U + 32 + 2 + 32);  // TPM2B integrity, then the encrypted TPM2B secret
  EXPECT_EQ(first->seed.size(), EndorsementPublicKey::kModulusSize);
  EXPECT_NE(first->blob, second->blob);
  EXPECT_NE(first->seed, second->seed);
}

TEST_F(MakeCredential, ForAKeyThatIsNoneIsRefused) {
  for (const auto spoil : {+[](EndorsementPublicKey& key) { key.modulus.fill(std::byte{0}); },
                           +[](EndorsementPublicKey& key) { key.modulus.back() = std::byte{2}; },
                           +[](EndorsementPublicKey& key) { key.exponent.fill(std::byte{0}); }}) {
    EndorsementPublicKey key = some_key();
    spoil(key);
    EXPECT_EQ(make(key).status(), Status::resource_exhausted);
  }
}

TEST_F(MakeCredential, WithoutRandomnessIsNotMade) {
  g_draws_left = 0;
  EXPECT_EQ(make().error().detail.view(), "no randomness");
  g_draws_left = 1;  // the seed is there, the padding is not
  EXPECT_EQ(make().status(), Status::resource_exhausted);
}

TEST_F(MakeCredential, WhicheverPieceOfMemoryIsMissingIsNotMade) {
#ifdef HOLDFAST_SANITIZER_OWNS_MALLOC
  GTEST_SKIP() << "the sanitizer's allocator cannot be made to fail here";
#endif
  int pieces = 0;
  while (true) {
    g_allocations_left = pieces;
    const auto made = make();
    const bool is_whole = g_allocations_left > 0;
    g_allocations_left = -1;
    if (is_whole) {
      EXPECT_TRUE(made);
      break;
    }
    EXPECT_EQ(made.status(), made ? Status::ok : Status::resource_exhausted) << pieces;
    ++pieces;
    ASSERT_LT(pieces, 10'000);
  }
  EXPECT_GT(pieces, 8) << "of each HMAC, of the RSA key and of its arithmetic";
}

}  // namespace
}  // namespace holdfast
