#include "platform/crypto/es256.h"

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "tests/kit/es256_keys.h"

namespace pinaflux::tests {
namespace {

using crypto::Signature, crypto::SigningKey, crypto::VerifyingKey;

void one(MutableBytes bytes) {
  for (std::uint8_t& b : bytes) b = 1;
}

// Another blinding at each call.
struct Changing {
  void operator()(MutableBytes bytes) {
    for (std::uint8_t& b : bytes) b = ++last;
  }
  std::uint8_t last = 0;
};

SigningKey signing(std::string_view pem, crypto::Random random = one) {
  auto key = SigningKey::of_pem(as_bytes(pem), std::move(random));
  REQUIRE(key);
  return std::move(*key);
}

VerifyingKey verifying(std::string_view pem) {
  auto key = VerifyingKey::of_pem(as_bytes(pem));
  REQUIRE(key);
  return std::move(*key);
}

std::string why_not_signing(std::string_view pem) {
  const auto key = SigningKey::of_pem(as_bytes(pem), one);
  REQUIRE_FALSE(key.has_value());
  CHECK(key.error().code == Code::invalid);
  return key.error().what;
}

std::string why_not_verifying(std::string_view pem) {
  const auto key = VerifyingKey::of_pem(as_bytes(pem));
  REQUIRE_FALSE(key.has_value());
  CHECK(key.error().code == Code::invalid);
  return key.error().what;
}

void unhex(std::string_view hex, MutableBytes to) {
  REQUIRE(hex.size() == to.size() * 2);
  for (std::size_t i = 0; i < to.size(); ++i)
    to[i] = static_cast<std::uint8_t>(std::stoi(std::string(hex.substr(i * 2, 2)), nullptr, 16));
}

Signature signature_of(std::string_view hex) {
  Signature signature;
  unhex(hex, signature);
  return signature;
}

constexpr std::string_view kSampleSignature =
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
constexpr std::string_view kTestSignature =
    "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
    "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083";

}  // namespace

TEST_CASE("a signature is that of RFC 6979, appendix A.2.5, whatever blinds it") {
  for (const std::string_view pem : {kit::kSamplePkcs8, kit::kSampleSec1}) {
    const SigningKey key = signing(pem, Changing());
    for (int n = 0; n < 3; ++n) {
      CHECK(key.sign(as_bytes("sample")) == signature_of(kSampleSignature));
      CHECK(key.sign(as_bytes("test")) == signature_of(kTestSignature));
    }
  }
}

TEST_CASE("the signature of RFC 7515, appendix A.3 is verified, and made anew by its key") {
  constexpr std::string_view kInput =
      "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl"
      "LmNvbS9pc19yb290Ijp0cnVlfQ";
  const Signature published = signature_of(
      "0ed1215379636c483c2f7f155807d402a3b228033af97c7e17819ac3169ea665"
      "c50a07d38c3c70e5d8f12daf084a5480a66590c5f293509a8f3f7f8a83a354d5");
  const VerifyingKey key = verifying(kit::kJwsPublic);
  CHECK(key.verifies(as_bytes(kInput), published));
  CHECK_FALSE(key.verifies(as_bytes("something else"), published));
  CHECK(key.verifies(as_bytes(kInput), signing(kit::kJwsPkcs8).sign(as_bytes(kInput))));
  CHECK_FALSE(key.verifies(as_bytes(kInput), signing(kit::kSamplePkcs8).sign(as_bytes(kInput))));
}

TEST_CASE("a signature holds for its bytes, its key and its length alone") {
  const Signature good = signature_of(kSampleSignature);
  for (const std::string_view pem : {kit::kSamplePublic, kit::kSampleCompressed}) {
    const VerifyingKey key = verifying(pem);
    CHECK(key.verifies(as_bytes("sample"), good));
    CHECK_FALSE(key.verifies(as_bytes("samplf"), good));
    CHECK_FALSE(key.verifies({}, good));
  }
  const VerifyingKey key = verifying(kit::kSamplePublic);
  for (std::size_t bit = 0; bit < good.size() * 8; bit += 7) {
    Signature changed = good;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    CHECK_FALSE(key.verifies(as_bytes("sample"), changed));
  }
  Buffer longer(good.begin(), good.end());
  longer.push_back(0);
  CHECK_FALSE(key.verifies(as_bytes("sample"), longer));
  for (std::size_t size = 0; size < good.size(); ++size)
    CHECK_FALSE(key.verifies(as_bytes("sample"), Bytes(good).first(size)));
}

TEST_CASE("no number outside of 1 to n - 1 is a half of a signature") {
  const Signature good = signature_of(kSampleSignature);
  const std::string order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
  const VerifyingKey key = verifying(kit::kSamplePublic);
  for (const std::string& wrong : {std::string(64, '0'), order, std::string(64, 'f')}) {
    for (const std::size_t at : {0u, 32u}) {
      Signature changed = good;
      unhex(wrong, MutableBytes(changed).subspan(at, 32));
      CHECK_FALSE(key.verifies(as_bytes("sample"), changed));
    }
  }
  CHECK_FALSE(key.verifies(as_bytes("sample"), Signature{}));
}

TEST_CASE("what `openssl ecparam -genkey` writes before a key does no harm, nor do CR and LF") {
  const std::string parameters =
      "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
  std::string dos;
  for (const char c : kit::kSamplePkcs8) dos += c == '\n' ? "\r\n" : std::string(1, c);
  for (const std::string& pem : {parameters + std::string(kit::kSampleSec1), dos})
    CHECK(signing(pem).sign(as_bytes("sample")) == signature_of(kSampleSignature));
}

TEST_CASE("a private key that cannot sign is refused with what it is") {
  for (const auto& pem :
       {kit::kP384Private, kit::kSecp256k1Private, kit::kRsaPrivate, kit::kEd25519Private})
    CHECK(why_not_signing(pem).contains("not of the curve P-256"));
  for (const auto& pem : {kit::kEncryptedPkcs8, kit::kEncryptedSec1})
    CHECK(why_not_signing(pem).contains("encrypted"));
  for (const auto& pem : {kit::kSamplePublic, kit::kCertificate})
    CHECK(why_not_signing(pem).contains("there is no private key"));
  for (const std::string& text : {std::string(), std::string(32, 'k'), std::string(100'000, 'x'),
                                  std::string(kit::kSamplePkcs8.substr(28))})
    CHECK(why_not_signing(text).contains("no private key in PEM"));
}

TEST_CASE("a public key that cannot verify is refused with what it is") {
  for (const auto& pem :
       {kit::kP384Public, kit::kSecp256k1Public, kit::kRsaPublic, kit::kEd25519Public})
    CHECK(why_not_verifying(pem).contains("not of the curve P-256"));
  for (const auto& pem : {kit::kSamplePkcs8, kit::kSampleSec1, kit::kEncryptedPkcs8,
                          kit::kEncryptedSec1, kit::kRsaPrivate})
    CHECK(why_not_verifying(pem).contains("a private key, which its owner keeps"));
  CHECK(why_not_verifying(std::string(kit::kSamplePublic) + std::string(kit::kSamplePkcs8))
            .contains("a private key"));
  CHECK(why_not_verifying(kit::kSampleExplicit).contains("names no curve"));
  CHECK(why_not_verifying(kit::kCertificate).contains("a certificate"));
  for (const std::string& text :
       {std::string(), std::string("-----BEGIN"), std::string(99'999, 'x'),
        std::string("-----BEGIN RSA PUBLIC KEY-----\n")})
    CHECK(why_not_verifying(text).contains("no public key in PEM"));
}

TEST_CASE("keys that are cut off or changed are refused wherever that is") {
  const auto damaged = [](const std::string& why) { return why.contains("damaged"); };
  for (std::size_t size = 28; size + 26 < kit::kSamplePkcs8.size(); ++size)
    CHECK(damaged(why_not_signing(kit::kSamplePkcs8.substr(0, size))));
  for (std::size_t size = 27; size + 25 < kit::kSamplePublic.size(); ++size)
    CHECK(damaged(why_not_verifying(kit::kSamplePublic.substr(0, size))));
  std::string off_curve(kit::kSamplePublic);
  off_curve[off_curve.find("1F3o8KU")] = '2';
  CHECK(damaged(why_not_verifying(off_curve)));
  std::string no_base64(kit::kSamplePublic);
  no_base64[40] = '*';
  CHECK(damaged(why_not_verifying(no_base64)));
}

TEST_CASE("what everybody may know is told from random bytes") {
  const std::string der("\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08", 15);
  const std::string body(kit::kSamplePublic.substr(27, 64));
  for (const std::string& written :
       {std::string(kit::kSamplePublic), "\n" + std::string(kit::kCertificate), der, body,
        std::string(R"({"kty":"EC","crv":"P-256"})"),
        std::string("ecdsa-sha2-nistp256 AAAAE2VjZHNh gate")})
    CHECK(crypto::is_written_key(as_bytes(written)));
  for (const std::string& secret :
       {std::string(), std::string(32, 'k'), "x" + der, der.substr(0, 12),
        std::string("cb0bd4a9e21d5bbd4f7a2f21a76b2f2f2f0a44d1e8e9f6b4c3a2918f7e6d5c4b")})
    CHECK_FALSE(crypto::is_written_key(as_bytes(secret)));
}

}  // namespace pinaflux::tests
