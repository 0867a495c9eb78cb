#include "agent/cli/envelope_file.h"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "agent/seal/dictionary_message.h"
#include "agent/spool/export_file.h"
#include "tests/kit/sealed_rows.h"

namespace pinaflux {
namespace {

using Kind = EnvelopePiece::Kind;

struct FileFixture : kit::SealedRows {
  Buffer file;
  Status ending;

  FileFixture() { walk(20); }

  // Reads `block` bytes at a time at most.
  static ReadBytes reader(const Buffer& bytes, std::size_t block) {
    return [&bytes, block, at = std::size_t{0}](MutableBytes to) mutable -> Result<std::size_t> {
      const std::size_t n = std::min({block, to.size(), bytes.size() - at});
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), n, to.begin());
      at += n;
      return n;
    };
  }
  // What is in the file, "E120" or "F7" for each piece; envelopes that do not open end at the next line, marked !.
  std::vector<std::string> pieces(std::size_t block = 1'000'000) {
    EnvelopeFile in(reader(file, block));
    std::vector<std::string> found;
    std::uint64_t at = 0;
    for (;;) {
      const auto piece = in.next();
      REQUIRE(piece.has_value());
      if (!*piece) break;
      EnvelopePiece p = **piece;
      CHECK(p.at >= at);
      std::string text = p.kind == Kind::foreign ? "F" : p.kind == Kind::dictionary ? "D" : "E";
      if (p.kind == Kind::envelope && !Opener::verify(p.bytes)) {
        p = in.damaged();
        text = "!";
      }
      if (p.kind == Kind::envelope) CHECK(p.bytes.size() == p.size);
      at = p.at + p.size;
      found.push_back(text + std::to_string(p.size));
    }
    ending = in.ending();
    return found;
  }
  static std::string whole(const Buffer& envelope) { return "E" + std::to_string(envelope.size()); }
  Buffer exported(std::initializer_list<Buffer> envelopes) {
    ExportWriter writer;
    Buffer bytes;
    writer.begin({.gateway = "pump-7", .lane = "", .version = "0", .made_s = 5}, bytes);
    for (const Buffer& e : envelopes) writer.add(e, bytes);
    writer.end(bytes);
    return bytes;
  }
};

using List = std::vector<std::string>;

TEST_CASE_FIXTURE(FileFixture,
                  "envelopes one after the other are found, however few bytes come at once") {
  const Buffer a = envelope(), b = envelope(Effort::max), c = envelope();
  for (const Buffer& e : {a, b, c}) append(file, e);
  for (const std::size_t block : {1u, 7u, 100'000u}) {
    CHECK(pieces(block) == List{whole(a), whole(b), whole(c)});
    CHECK(ending.has_value());
  }
}

TEST_CASE_FIXTURE(FileFixture, "an export's own lines are no pieces") {
  const Buffer a = envelope(), b = envelope();
  file = exported({a, b});
  CHECK(pieces(3) == List{whole(a), whole(b)});
  CHECK(ending.has_value());
}

TEST_CASE_FIXTURE(FileFixture, "a dictionary is a piece of its own, and counts as an entry") {
  const auto dictionary = Dictionary::of(Buffer(100, 'x'));
  REQUIRE(dictionary.has_value());
  const Buffer a = envelope(), b = envelope();
  const Buffer message = format_dictionary("pump-7", "normal", Epoch{}, *dictionary);
  const List expected = {"D" + std::to_string(message.size()), whole(a),
                         "D" + std::to_string(message.size()), whole(b)};
  for (const Buffer& bytes : {message, a, message, b}) append(file, bytes);
  for (const std::size_t block : {1u, 7u, 100'000u}) {
    CHECK(pieces(block) == expected);
    CHECK(ending.has_value());
  }
  file = exported({message, a, message, b});
  CHECK(pieces() == expected);
  CHECK(ending.has_value());
}

TEST_CASE_FIXTURE(FileFixture, "after an envelope that was cut off the next one is found") {
  const Buffer a = envelope(), b = envelope(), c = envelope();
  for (std::size_t cut = 20; cut < a.size(); cut += 3) {
    CAPTURE(cut);
    file = a;
    file.resize(cut);
    append(file, b);
    append(file, c);
    CHECK(pieces() == List{"!" + std::to_string(cut), whole(b), whole(c)});
  }
}

TEST_CASE_FIXTURE(FileFixture, "wherever a byte is changed, only its envelope is lost") {
  const Buffer a = envelope(), b = envelope(), c = envelope();
  for (std::size_t at = 0; at < b.size(); ++at) {
    for (const unsigned flip : {0x01u, 0x80u}) {
      CAPTURE(at);
      Buffer bad = b;
      bad[at] = static_cast<std::uint8_t>(bad[at] ^ flip);
      file = a;
      append(file, bad);
      append(file, c);
      const List found = pieces();
      REQUIRE(found.size() >= 3);
      CHECK(found.front() == whole(a));
      CHECK(found.back() == whole(c));
      for (std::size_t n = 1; n + 1 < found.size(); ++n) CHECK(found[n][0] != 'E');
    }
  }
}

TEST_CASE_FIXTURE(FileFixture, "in an export, too, whose last line then does not fit") {
  const Buffer a = envelope(), b = envelope(), c = envelope();
  const Buffer good = exported({a, b, c});
  const auto begin = static_cast<std::size_t>(std::ranges::search(good, b).begin() - good.begin());
  for (std::size_t cut = begin + 1; cut < begin + b.size(); cut += 5) {
    CAPTURE(cut);
    file = good;
    file.erase(file.begin() + static_cast<std::ptrdiff_t>(cut),
               file.begin() + static_cast<std::ptrdiff_t>(begin + b.size()));
    const List found = pieces();
    REQUIRE(found.size() >= 3);
    CHECK(found.front() == whole(a));
    CHECK(found.back() == whole(c));
    CHECK(ending.error().code == Code::corrupt);
  }
}

TEST_CASE_FIXTURE(FileFixture, "an export that was cut off says so") {
  const Buffer a = envelope();
  file = exported({a});
  file.resize(file.size() - 40);
  (void)pieces();
  CHECK(std::string_view(ending.error().what).contains("cut off"));
}

TEST_CASE_FIXTURE(FileFixture, "what is no envelope is counted, in front, between and behind") {
  const Buffer a = envelope(), b = envelope();
  const std::string noise(200'000, 'x');
  append(file, "hello\n");
  append(file, a);
  append(file, noise);
  append(file, b);
  append(file, "bye");
  CHECK(pieces() == List{"F6", whole(a), "F200000", whole(b), "F3"});
  CHECK(pieces(11) == List{"F6", whole(a), "F200000", whole(b), "F3"});
}

TEST_CASE_FIXTURE(FileFixture, "an envelope of a version to come ends where the next one begins") {
  const Buffer a = envelope(), b = envelope();
  file = a;
  file[13] = '2';
  append(file, b);
  CHECK(pieces() == List{"!" + std::to_string(a.size()), whole(b)});
}

TEST_CASE_FIXTURE(FileFixture, "a file without any envelope is refused, an export of none is not") {
  append(file, "1\n2\n\n3\n");
  (void)pieces();
  CHECK(ending.error().code == Code::corrupt);
  file.clear();
  (void)pieces();
  CHECK(ending.error().code == Code::corrupt);
  file = exported({});
  CHECK(pieces().empty());
  CHECK(ending.has_value());
}

TEST_CASE_FIXTURE(FileFixture, "an export of a version to come is newer") {
  append(file, "pinaflux-export/2 g=pump-7 v=9 t=5\n");
  EnvelopeFile in(reader(file, 100));
  CHECK(in.next().error().code == Code::newer);
}

TEST_CASE_FIXTURE(FileFixture, "a disk that fails is told as that") {
  EnvelopeFile in([](MutableBytes) -> Result<std::size_t> { return fail(Code::io, "bad sector"); });
  CHECK(in.next().error().code == Code::io);
}

}  // namespace
}  // namespace pinaflux
