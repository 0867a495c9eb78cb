// mbedTLS looks for the lines that it knows anywhere in a text, and where it finds none, takes the text for DER. So
// what a file holds is judged by its lines first: the answer says what it is, not only that it is unfit.

#include "platform/crypto/es256.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <mbedtls/ecdsa.h>
#include <mbedtls/pk.h>

#include "platform/base/assert.h"
#include "platform/crypto/crypto.h"

namespace pinaflux::crypto {

namespace {

constexpr std::size_t kNumberBytes = kSignatureBytes / 2;
constexpr std::string_view kBegin = "-----BEGIN ";
constexpr const char* kOtherKey =
    "the key is not of the curve P-256: make one with `openssl ecparam -name prime256v1 -genkey "
    "-noout`";

// The first parts of a SubjectPublicKeyInfo of P-256, as DER and as base64.
constexpr std::string_view kDerBegin("\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01", 13);
constexpr std::string_view kBase64Begin = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD";

std::unexpected<Error> invalid(const char* what) { return fail(Code::invalid, what); }

struct Number {
  Number() { mbedtls_mpi_init(&mpi); }
  ~Number() { mbedtls_mpi_free(&mpi); }
  Number(const Number&) = delete;
  Number& operator=(const Number&) = delete;
  mbedtls_mpi mpi;
};

struct Group {
  Group() {
    mbedtls_ecp_group_init(&ecp);
    const int failed = mbedtls_ecp_group_load(&ecp, MBEDTLS_ECP_DP_SECP256R1);
    ASSERT(failed == 0);
  }
  ~Group() { mbedtls_ecp_group_free(&ecp); }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  mbedtls_ecp_group ecp;
};

struct Point {
  Point() { mbedtls_ecp_point_init(&ecp); }
  ~Point() { mbedtls_ecp_point_free(&ecp); }
  Point(const Point&) = delete;
  Point& operator=(const Point&) = delete;
  mbedtls_ecp_point ecp;
};

struct AnyKey {
  AnyKey() { mbedtls_pk_init(&pk); }
  ~AnyKey() { mbedtls_pk_free(&pk); }
  AnyKey(const AnyKey&) = delete;
  AnyKey& operator=(const AnyKey&) = delete;
  mbedtls_pk_context pk;
};

// What mbedTLS reads PEM from: a zero behind it.
struct Text {
  explicit Text(Bytes pem) {
    bytes.reserve(pem.size() + 1);
    bytes.assign(pem.begin(), pem.end());
    bytes.push_back(0);
  }
  ~Text() { wipe(bytes); }
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;
  Buffer bytes;
};

int by_random(void* random, unsigned char* to, std::size_t size) {
  (*static_cast<Random*>(random))({to, size});
  return 0;
}

// Of a key that was not read: it is one of another kind, or it is damaged.
const char* why_unread(int failure, const char* damaged) {
  switch (failure) {
    case MBEDTLS_ERR_PK_UNKNOWN_PK_ALG:
    case MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE: return kOtherKey;
    default: return damaged;
  }
}

// A point's coordinates or a private number go to `number` or `point`.
bool take(const mbedtls_pk_context& pk, Number& number, Point& point) {
  if (mbedtls_pk_get_type(&pk) != MBEDTLS_PK_ECKEY) return false;
  const mbedtls_ecp_keypair* pair = mbedtls_pk_ec(pk);
  if (mbedtls_ecp_keypair_get_group_id(pair) != MBEDTLS_ECP_DP_SECP256R1) return false;
  const int failed = mbedtls_ecp_export(pair, nullptr, &number.mpi, &point.ecp);
  ASSERT(failed == 0);
  return true;
}

}  // namespace

struct SigningKey::State {
  Group group;
  Number secret;
  mutable Random random;
};

SigningKey::SigningKey(std::unique_ptr<State> state) : state_(std::move(state)) {}
SigningKey::~SigningKey() = default;
SigningKey::SigningKey(SigningKey&& other) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&& other) noexcept = default;

Result<SigningKey> SigningKey::of_pem(Bytes pem, Random random) {
  const std::string_view lines = as_text(pem);
  if (!lines.contains(kBegin)) {
    return invalid(
        "this is no private key in PEM: make one with `openssl ecparam -name prime256v1 -genkey "
        "-noout`");
  }
  if (lines.contains("ENCRYPTED")) {
    return invalid(
        "the private key is encrypted, and nobody is here to type its password: write it in plain "
        "text with `openssl pkey`");
  }
  if (!lines.contains("PRIVATE KEY-----"))
    return invalid("there is no private key: it begins with -----BEGIN PRIVATE KEY-----");
  const Text text(pem);
  AnyKey key;
  auto state = std::make_unique<State>();
  state->random = std::move(random);
  const int failed = mbedtls_pk_parse_key(&key.pk, text.bytes.data(), text.bytes.size(), nullptr, 0,
                                          by_random, &state->random);
  if (failed != 0) {
    return invalid(why_unread(
        failed, "the private key is damaged, cut off or names no curve: copy it there again"));
  }
  Point unused;
  if (!take(key.pk, state->secret, unused)) return invalid(kOtherKey);
  return SigningKey(std::move(state));
}

Signature SigningKey::sign(Bytes message) const {
  const Digest hash = sha256(message);
  Number r, s;
  Signature signature;
  int failed = mbedtls_ecdsa_sign_det_ext(&state_->group.ecp, &r.mpi, &s.mpi, &state_->secret.mpi,
                                          hash.data(), hash.size(), MBEDTLS_MD_SHA256, by_random,
                                          &state_->random);
  ASSERT(failed == 0);
  failed = mbedtls_mpi_write_binary(&r.mpi, signature.data(), kNumberBytes);
  ASSERT(failed == 0);
  failed = mbedtls_mpi_write_binary(&s.mpi, signature.data() + kNumberBytes, kNumberBytes);
  ASSERT(failed == 0);
  return signature;
}

struct VerifyingKey::State {
  Group group;
  Point point;
};

VerifyingKey::VerifyingKey(std::unique_ptr<State> state) : state_(std::move(state)) {}
VerifyingKey::~VerifyingKey() = default;
VerifyingKey::VerifyingKey(VerifyingKey&& other) noexcept = default;
VerifyingKey& VerifyingKey::operator=(VerifyingKey&& other) noexcept = default;

Result<VerifyingKey> VerifyingKey::of_pem(Bytes pem) {
  const std::string_view lines = as_text(pem);
  if (lines.contains("PRIVATE KEY-----")) {
    return invalid(
        "this is a private key, which its owner keeps: the public one belongs here, from `openssl "
        "pkey -pubout`");
  }
  if (lines.contains("-----BEGIN CERTIFICATE-----")) {
    return invalid(
        "this is a certificate: its key belongs here, from `openssl x509 -noout -pubkey`");
  }
  if (!lines.contains("-----BEGIN PUBLIC KEY-----"))
    return invalid("this is no public key in PEM: write it with `openssl pkey -pubout`");
  const Text text(pem);
  AnyKey key;
  const int failed = mbedtls_pk_parse_public_key(&key.pk, text.bytes.data(), text.bytes.size());
  if (failed != 0)
    return invalid(why_unread(
        failed, "the public key is damaged, cut off or names no curve: copy it there again"));
  auto state = std::make_unique<State>();
  Number unused;
  if (!take(key.pk, unused, state->point)) return invalid(kOtherKey);
  return VerifyingKey(std::move(state));
}

bool VerifyingKey::verifies(Bytes message, Bytes signature) const {
  if (signature.size() != kSignatureBytes) return false;
  const Digest hash = sha256(message);
  Number r, s;
  int failed = mbedtls_mpi_read_binary(&r.mpi, signature.data(), kNumberBytes);
  ASSERT(failed == 0);
  failed = mbedtls_mpi_read_binary(&s.mpi, signature.data() + kNumberBytes, kNumberBytes);
  ASSERT(failed == 0);
  return mbedtls_ecdsa_verify(&state_->group.ecp, hash.data(), hash.size(), &state_->point.ecp,
                              &r.mpi, &s.mpi) == 0;
}

bool is_written_key(Bytes bytes) {
  const std::string_view text = as_text(bytes);
  return text.starts_with(kDerBegin) || text.contains(kBegin) || text.contains(kBase64Begin) ||
         text.contains("\"kty\"") || text.contains("ecdsa-sha2-");
}

}  // namespace pinaflux::crypto
