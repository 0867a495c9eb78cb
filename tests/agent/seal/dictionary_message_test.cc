#include "agent/seal/dictionary_message.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "agent/seal/compress.h"
#include "agent/seal/proof.h"

namespace pinaflux {
namespace {

constexpr Epoch kEpoch{1, 2, 3};

Dictionary dictionary_of(std::string_view content) {
  auto made = Dictionary::of({content.begin(), content.end()});
  REQUIRE(made.has_value());
  return std::move(*made);
}

Buffer message() {
  return format_dictionary("pump-7", "normal", kEpoch, dictionary_of("temperature pressure"));
}

Buffer with(std::string_view old, std::string_view now) {
  std::string text(as_text(message()));
  const std::size_t at = text.find(old);
  REQUIRE(at != std::string::npos);
  text.replace(at, old.size(), now);
  return {text.begin(), text.end()};
}

TEST_CASE("a dictionary message comes back, and its line is golden") {
  const Buffer bytes = message();
  CHECK(is_dictionary_message(bytes));
  CHECK(as_text(bytes).substr(0, as_text(bytes).find('\n')) ==
        "pinaflux-dictionary/1 g=pump-7 l=normal e=AQIDAAAAAAAAAAAAAAAAAA d=Dssey6DY n=20");
  const auto back = parse_dictionary(bytes);
  REQUIRE(back.has_value());
  CHECK(back->gateway == "pump-7");
  CHECK(back->lane == "normal");
  CHECK(back->epoch == kEpoch);
  CHECK(as_text(back->dictionary.bytes()) == "temperature pressure");
}

TEST_CASE("a dictionary of any length comes back") {
  for (const std::size_t bytes : {Dictionary::kBytesMin, Dictionary::kBytesMax}) {
    Buffer content(bytes);
    for (std::size_t i = 0; i < bytes; ++i) content[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
    const auto made = Dictionary::of(content);
    const auto back = parse_dictionary(format_dictionary("g", "l", kEpoch, *made));
    REQUIRE(back.has_value());
    CHECK(std::ranges::equal(back->dictionary.bytes(), content));
  }
}

TEST_CASE("its proof is an envelope's, and unknown keys are ignored") {
  const Buffer key(32, 7);
  const Buffer proved = Prover("k", key).signed_envelope(message());
  CHECK(Verifier("k", key).proves_envelope(proved));
  CHECK(parse_dictionary(proved).has_value());
  CHECK(parse_dictionary(with(" n=20", " later=1 n=20")).has_value());
}

TEST_CASE("what is cut anywhere is damaged, and so is what was changed") {
  const Buffer bytes = message();
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    CAPTURE(n);
    const auto cut = parse_dictionary(Bytes(bytes).first(n));
    REQUIRE_FALSE(cut.has_value());
    CHECK(cut.error().code == Code::corrupt);
  }
  for (std::size_t n = bytes.size() - 20; n < bytes.size(); ++n) {
    CAPTURE(n);
    Buffer changed = bytes;
    changed[n] ^= 1;
    CHECK_FALSE(parse_dictionary(changed).has_value());
  }
}

TEST_CASE("a line that makes no sense is damaged") {
  using Change = std::pair<std::string_view, std::string_view>;
  for (const auto& [old, now] : {Change{"g=pump-7", "g=pump/7"},
                                 {"l=normal ", ""},
                                 {"l=normal", "l="},
                                 {"e=AQID", "e=AQI"},
                                 {"d=Dssey6DY", "d=Dssey6DX"},
                                 {"d=Dssey6DY", "d=Dssey6D"},
                                 {"n=20", "n=21"},
                                 {"n=20", "n=99999999"},
                                 {"n=20", "n=-20"},
                                 {"pinaflux-d", "pinaflux-e"}}) {
    CAPTURE(now);
    const auto parsed = parse_dictionary(with(old, now));
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code == Code::corrupt);
  }
}

TEST_CASE("a later version is newer, not damage") {
  const Buffer later = with("dictionary/1", "dictionary/2");
  CHECK(is_dictionary_message(later));
  const auto parsed = parse_dictionary(later);
  REQUIRE_FALSE(parsed.has_value());
  CHECK(parsed.error().code == Code::newer);
  CHECK_FALSE(is_dictionary_message(with("pinaflux-dictionary", "pinaflux-env")));
}

TEST_CASE("a frame that unpacks to more than a dictionary may have is refused") {
  Buffer bomb = with("n=20", "n=20");
  bomb.resize(static_cast<std::size_t>(std::ranges::find(bomb, '\n') - bomb.begin()) + 1);
  REQUIRE(Compressor().compress(Buffer(Dictionary::kBytesMax + 1), 1, bomb).has_value());
  CHECK_FALSE(parse_dictionary(bomb).has_value());
}

}  // namespace
}  // namespace pinaflux
