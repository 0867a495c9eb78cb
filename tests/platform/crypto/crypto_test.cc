#include "platform/crypto/crypto.h"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>
#include <mbedtls/sha256.h>

using namespace pinaflux;

namespace {

std::string hex_of(Bytes bytes) {
  std::string text;
  for (std::uint8_t b : bytes) {
    text += "0123456789abcdef"[b >> 4];
    text += "0123456789abcdef"[b & 15];
  }
  return text;
}

}  // namespace

TEST_CASE("SHA-256 gives the digests of FIPS 180-4") {
  CHECK(hex_of(crypto::sha256({})) ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex_of(crypto::sha256(as_bytes("abc"))) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex_of(
            crypto::sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST_CASE("SHA-256 in pieces equals SHA-256 at once, and finish() begins again") {
  crypto::Sha256 hash;
  for (int i = 0; i < 10'000; ++i)
    hash.update(
        as_bytes("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
  CHECK(hex_of(hash.finish()) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");

  hash.update(as_bytes("a"));
  hash.update({});
  hash.update(as_bytes("bc"));
  CHECK(hash.finish() == crypto::sha256(as_bytes("abc")));
}

TEST_CASE("SHA-256 by the processor's instructions, where it has them, is mbedTLS's") {
  Buffer bytes(700);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * i >> 3);
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    crypto::Digest expected;
    REQUIRE(mbedtls_sha256(bytes.data(), size, expected.data(), 0) == 0);
    crypto::Sha256 hash;
    for (std::size_t at = 0, piece = size % 67; at < size; at += piece, piece = piece * 5 % 131 + 1)
      hash.update(Bytes(bytes).subspan(at, std::min(piece, size - at)));
    REQUIRE(hash.finish() == expected);
  }
}

TEST_CASE("HMAC-SHA-256 gives the tags of RFC 4231") {
  CHECK(hex_of(crypto::hmac_sha256(Buffer(20, 0x0b), as_bytes("Hi There"))) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hex_of(crypto::hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(
      hex_of(crypto::hmac_sha256(
          Buffer(131, 0xaa), as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))) ==
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("HMAC under a key that is kept gives the same tag each time") {
  const crypto::Hmac hmac(Buffer(20, 0x0b));

  for (int i = 0; i < 2; ++i) {
    CHECK(hex_of(hmac.of(as_bytes("Hi There"))) ==
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    CHECK(hmac.of({}) == crypto::hmac_sha256(Buffer(20, 0x0b), {}));
  }
}

TEST_CASE("HKDF-SHA-256 gives the keys of RFC 5869") {
  Buffer salt, info;
  for (int i = 0; i <= 0x0c; ++i) salt.push_back(static_cast<std::uint8_t>(i));
  for (int i = 0xf0; i <= 0xf9; ++i) info.push_back(static_cast<std::uint8_t>(i));
  Buffer key(32);

  crypto::hkdf_sha256(Buffer(22, 0x0b), salt, info, key);  // A.1; the first 32 of its 42 bytes.
  CHECK(hex_of(key) == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");

  crypto::hkdf_sha256(Buffer(22, 0x0b), {}, {}, key);  // A.3.
  CHECK(hex_of(key) == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

TEST_CASE("SipHash-2-4 gives the reference vectors of its authors") {
  // vectors_sip64 of https://github.com/veorq/SipHash: key 00..0f, message 00..(n-1), read
  // little-endian.
  Buffer key, message;
  for (std::uint8_t i = 0; i < 16; ++i) key.push_back(i);
  CHECK(crypto::siphash(key, message) == 0x726fdb47dd0e0e31u);
  message.push_back(0);
  CHECK(crypto::siphash(key, message) == 0x74f839c593dc67fdu);
  for (std::uint8_t i = 1; i < 8; ++i) message.push_back(i);
  CHECK(crypto::siphash(key, message) == 0x93f5f5799a932462u);
  for (std::uint8_t i = 8; i < 15; ++i) message.push_back(i);
  CHECK(crypto::siphash(key, message) ==
        0xa129ca6149be45e5u);  // The example of the paper's appendix A.
}

TEST_CASE("SHA-1 and base64 give what RFC 6455 and RFC 4648 have") {
  CHECK(hex_of(crypto::sha1(as_bytes("abc"))) == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(crypto::base64(crypto::sha1(
            as_bytes("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))) ==
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK(crypto::base64({}).empty());
  CHECK(crypto::base64(as_bytes("f")) == "Zg==");
  CHECK(crypto::base64(as_bytes("fo")) == "Zm8=");
  CHECK(crypto::base64(as_bytes("foobar")) == "Zm9vYmFy");
}
