#include "agent/seal/dictionary.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "agent/seal/salvage.h"
#include "tests/kit/made_rows.h"
#include "tests/kit/sealed_rows.h"

namespace pinaflux {
namespace {

TEST_CASE("a dictionary is named by its bytes") {
  const auto made = Dictionary::of(kit::buffer_of("temperature pressure"));
  REQUIRE(made.has_value());
  // printf 'temperature pressure' | sha256sum | head -c 12 | xxd -r -p | basenc --base64url
  CHECK(made->id() == "Dssey6DY");
  CHECK(valid_dictionary_id(made->id()));
  CHECK(as_text(made->bytes()) == "temperature pressure");
  CHECK(Dictionary::of(kit::buffer_of("temperature pressure!"))->id() != made->id());
  for (const std::string_view id : {"", "Dssey6D", "Dssey6DYn", "Dssey6D ", "Dssey6/Y"}) {
    CAPTURE(id);
    CHECK_FALSE(valid_dictionary_id(id));
  }
}

TEST_CASE("a dictionary is neither too short, nor too long, nor of a format of its own") {
  CHECK_FALSE(Dictionary::of(Buffer(Dictionary::kBytesMin - 1)).has_value());
  CHECK(Dictionary::of(Buffer(Dictionary::kBytesMin)).has_value());
  CHECK(Dictionary::of(Buffer(Dictionary::kBytesMax)).has_value());
  CHECK_FALSE(Dictionary::of(Buffer(Dictionary::kBytesMax + 1)).has_value());
  const auto formatted = Dictionary::of(kit::buffer_of("\x37\xa4\x30\xec and more"));
  REQUIRE_FALSE(formatted.has_value());
  CHECK(std::string_view(formatted.error().what).contains("plain content"));
}

TEST_CASE("a maker keeps the last of what it takes, and says when it has enough") {
  DictionaryMaker maker;
  CHECK_FALSE(maker.make().has_value());
  for (std::size_t n = 0; n < DictionaryMaker::kBodies; ++n) {
    CHECK_FALSE(maker.ready());
    maker.take(Buffer(3000, static_cast<std::uint8_t>('a' + n)));
  }
  CHECK(maker.ready());
  const auto made = maker.make();
  REQUIRE(made.has_value());
  CHECK(made->bytes().size() == Dictionary::kBytesMax);
  CHECK(made->bytes().back() == 'h');
  CHECK(std::ranges::count(made->bytes(), 'h') == 3000);
  CHECK(std::ranges::count(made->bytes(), 'a') == 0);
  maker.take(Buffer(Dictionary::kBytesMax + 1, 'z'));
  CHECK(std::ranges::count(maker.make()->bytes(), 'z') == Dictionary::kBytesMax);
}

// Ten readings of a machine of long names, the n-th batch.
struct DictionaryFixture : kit::SealedRows {
  static constexpr std::size_t kRows = 10;

  Dictionaries known;
  const Dictionary* dictionary = nullptr;
  Shapes opened_shapes;
  Arena opened{std::size_t{10} << 20};
  std::vector<Row> back;
  Opener opener;
  Random random{3};

  double reading(int least, int most) {
    return static_cast<double>(static_cast<int>(random.between(least, most))) / 10;
  }
  Buffer batch(Effort effort = Effort::standard) {
    rows.clear();
    for (std::size_t n = 0; n < kRows; ++n) {
      row("compressor/station",
          {"inlet_temperature", "outlet_temperature", "oil_pressure", "vibration_velocity",
           "state"},
          {Value::float64(reading(180, 260)), Value::float64(reading(600, 900)),
           Value::int64(random.between(30, 60)), Value::float64(reading(0, 400)),
           Value::text(random.one_in(3) ? "loaded" : "unloaded")},
          {1'700'000'000'000'000'000 + static_cast<std::int64_t>(next + n) * 1'000'000'000, 0});
    }
    return envelope(effort);
  }
  void learn() {
    DictionaryMaker maker;
    while (!maker.ready()) {
      batch();
      maker.take(sealer.plain_body());
    }
    dictionary = &known.add(*maker.make());
    sealer.use(dictionary);
  }
  Result<Header> open(Bytes bytes) {
    back.clear();
    opened.reset();
    return opener.open(bytes, shapes, opened, back);
  }
  void check_same() const {
    REQUIRE(back.size() == rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      CHECK(back[i].shape == rows[i].shape);
      CHECK(back[i].time == rows[i].time);
      for (std::size_t f = 0; f < rows[i].cells().size(); ++f) {
        CHECK(identical(back[i].values[f], rows[i].values[f]));
      }
    }
  }
};

TEST_CASE_FIXTURE(DictionaryFixture, "small envelopes take a third less with a dictionary") {
  const std::size_t alone = batch().size();
  learn();
  opener.look_in(&known);
  for (const Effort effort : {Effort::fast, Effort::standard, Effort::max}) {
    const Buffer bytes = batch(effort);
    CHECK(as_text(bytes).starts_with("pinaflux-env/2 "));
    CHECK(as_text(bytes).contains(" d=" + dictionary->id() + " h="));
    const std::size_t header = as_text(bytes).find('\n');
    CHECK(3 * (bytes.size() - header) < 2 * (alone - header));
    const auto h = open(bytes);
    REQUIRE_MESSAGE(h.has_value(), h.error().what);
    CHECK(h->version == 2);
    CHECK(h->dictionary == dictionary->id());
    check_same();
  }
}

TEST_CASE_FIXTURE(DictionaryFixture, "random rows come back with whatever dictionary") {
  kit::MadeRows made(21);
  DictionaryMaker maker;
  opener.look_in(&known);
  std::size_t with = 0;
  for (int n = 0; n < 600; ++n) {
    CAPTURE(n);
    const std::span<const Row> now = made.make();
    rows.assign(now.begin(), now.end());
    if (rows.size() > 100) rows.resize(100);
    const Buffer bytes = envelope(static_cast<Effort>(n % 3));
    const bool alone = as_text(bytes).starts_with("pinaflux-env/1 ");
    with += alone ? 0 : 1;
    const Bytes frame = Bytes(bytes).subspan(as_text(bytes).find('\n') + 1);
    Buffer plain;
    REQUIRE((!alone || Decompressor().decompress(frame, limits::kOpenedBytesMax, plain)));
    CHECK((!alone || std::ranges::equal(plain, sealer.plain_body())));
    maker.take(sealer.plain_body());
    back.clear();
    opened.reset();
    const auto h = opener.open(bytes, made.shapes(), opened, back);
    REQUIRE_MESSAGE(h.has_value(), h.error().what);
    check_same();
    if (n % 20 == 0) sealer.use(&known.add(*maker.make()));
  }
  CHECK(with >= 60);
}

TEST_CASE_FIXTURE(DictionaryFixture, "where a dictionary saves nothing, an envelope stands alone") {
  learn();
  rows.clear();
  noise(200);
  CHECK(as_text(envelope()).starts_with("pinaflux-env/1 "));
  rows.clear();
  walk(6000);  // Large: it has its names once.
  CHECK(as_text(envelope()).starts_with("pinaflux-env/1 "));
  sealer.use(nullptr);
  CHECK(as_text(batch()).starts_with("pinaflux-env/1 "));
}

TEST_CASE_FIXTURE(DictionaryFixture, "a chunk's body stands alone") {
  learn();
  Buffer body;
  batch();
  REQUIRE(sealer.seal_body(rows, Effort::standard, body).has_value());
  CHECK(Opener().open_body(body, shapes, opened, back).has_value());
}

TEST_CASE_FIXTURE(DictionaryFixture, "without its dictionary an envelope is kept, and no damage") {
  learn();
  const Buffer bytes = batch();
  Dictionaries others;
  others.add(*Dictionary::of(kit::buffer_of("another dictionary")));
  for (const Dictionaries* at_hand :
       {static_cast<const Dictionaries*>(nullptr), &std::as_const(others)}) {
    opener.look_in(at_hand);
    const auto refused = open(bytes);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Code::newer);
    CHECK(std::string_view(refused.error().what).contains("dictionary"));
    CHECK(back.empty());
    Salvager salvager;
    salvager.look_in(at_hand);
    const Salvaged found = salvager.examine(bytes, shapes, opened, back);
    CHECK(found.why.code == Code::newer);
    CHECK(found.proof == Salvaged::Proof::none);
    CHECK(back.empty());
  }
  CHECK(Opener::verify(bytes).has_value());  // Whoever only hands it on needs none.
}

TEST_CASE_FIXTURE(DictionaryFixture, "what was changed is never called proven") {
  learn();
  const Buffer bytes = batch();
  opener.look_in(&known);
  Salvager salvager;
  salvager.look_in(&known);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    Buffer changed = bytes;
    changed[at] ^= 1;
    CHECK_FALSE(open(changed).has_value());
    back.clear();
    opened.reset();
    CHECK(salvager.examine(changed, shapes, opened, back).proof != Salvaged::Proof::hash);
    CHECK(salvager.examine(changed, shapes, opened, back).proof != Salvaged::Proof::checksum);
  }
}

TEST_CASE_FIXTURE(
    DictionaryFixture,
    "a header of version 2 names a dictionary, one of version 1 carries what it means by d") {
  learn();
  const std::string all(as_text(batch()));
  const auto with = [&](std::string_view pair, std::string_view instead) {
    std::string other = all;
    const auto at = other.find(pair);
    REQUIRE(at != std::string::npos);
    return other.replace(at, pair.size(), instead);
  };
  const std::string pair = " d=" + dictionary->id();
  const auto code = [](std::string_view bytes) {
    return Opener::header(as_bytes(bytes)).error().code;
  };
  CHECK(code(with(pair, "")) == Code::corrupt);
  CHECK(code(with(pair, " d=short")) == Code::corrupt);
  CHECK(code(with(pair, pair + pair)) == Code::corrupt);
  const auto first = Opener::header(as_bytes(with("pinaflux-env/2", "pinaflux-env/1")));
  REQUIRE(first.has_value());
  CHECK(first->dictionary.empty());
  REQUIRE(first->extra.size() == 1);
  CHECK(first->extra[0].second == dictionary->id());
}

}  // namespace
}  // namespace pinaflux
