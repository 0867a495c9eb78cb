#include "platform/crypto/aead.h"

#include <string>
#include <string_view>

#include <doctest/doctest.h>

using namespace pinaflux;

namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

Buffer bytes_of(std::string_view text) {
  Buffer bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const auto high = kDigits.find(text[i]), low = kDigits.find(text[i + 1]);
    REQUIRE((high < 16 && low < 16));
    bytes.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return bytes;
}

std::string lower_hex(Bytes bytes) {
  std::string text;
  for (std::uint8_t b : bytes) {
    text += kDigits[b >> 4];
    text += kDigits[b & 15];
  }
  return text;
}

std::string text_of(const Buffer& bytes) { return std::string(as_text(bytes)); }

}  // namespace

TEST_CASE("sealing gives the ciphertext and the tag of RFC 8439, section 2.8.2") {
  crypto::Aead aead(bytes_of("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"));
  const std::string plain =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
      "sunscreen would be it.";
  Buffer text(plain.begin(), plain.end()), tag(16);

  aead.seal(bytes_of("070000004041424344454647"), bytes_of("50515253c0c1c2c3c4c5c6c7"), text, tag);

  CHECK(lower_hex(text) ==
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
        "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
        "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
        "3ff4def08e4b7a9de576d26586cec64b6116");
  CHECK(lower_hex(tag) == "1ae10b594f09e26a7e902ecbd0600691");
}

TEST_CASE("opening gives the text of RFC 8439, appendix A.5") {
  crypto::Aead aead(bytes_of("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0"));
  Buffer text = bytes_of(
      "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e38"
      "2d26b0bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f9"
      "82b1ff37c8559797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c767b804d"
      "46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04"
      "b3564eea1b422273f548271a0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049"
      "e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709b");

  REQUIRE(aead.open(bytes_of("000000000102030405060708"), bytes_of("f33388860000000000004e91"),
                    text, bytes_of("eead9d67890cbb22392336fea1851f38")));

  CHECK(text_of(text).starts_with("Internet-Drafts are draft documents valid for a maximum"));
  CHECK(text_of(text).ends_with(
      "or to cite them other than as /\xe2\x80\x9cwork in progress./\xe2\x80\x9d"));
}

TEST_CASE("nothing opens when a bit of key, nonce, associated data, text or tag is another") {
  const Buffer key(32, 1), nonce(12, 2), associated(20, 3);
  const std::string plain = "a reading that nobody else may read";
  Buffer text(plain.begin(), plain.end()), tag(16);
  crypto::Aead(key).seal(nonce, associated, text, tag);
  const auto opens = [&](const Buffer& k, const Buffer& n, const Buffer& a, Buffer t,
                         const Buffer& g) {
    const bool opened = crypto::Aead(k).open(n, a, t, g);
    CHECK(t == (opened ? Buffer(plain.begin(), plain.end()) : Buffer(t.size(), 0)));
    return opened;
  };
  REQUIRE(opens(key, nonce, associated, text, tag));

  const Buffer* const parts[] = {&key, &nonce, &associated, &text, &tag};
  for (std::size_t part = 0; part < 5; ++part) {
    for (std::size_t bit = 0; bit < parts[part]->size() * 8; ++bit) {
      Buffer copies[] = {key, nonce, associated, text, tag};
      copies[part][bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
      CHECK(!opens(copies[0], copies[1], copies[2], copies[3], copies[4]));
    }
  }
}

TEST_CASE("an empty text is sealed: its tag alone speaks for the associated data") {
  crypto::Aead aead(Buffer(32, 1));
  Buffer none, tag(16);

  aead.seal(Buffer(12, 2), as_bytes("pump-7"), none, tag);

  CHECK(aead.open(Buffer(12, 2), as_bytes("pump-7"), none, tag));
  CHECK(!aead.open(Buffer(12, 2), as_bytes("pump-8"), none, tag));
}
