// EnvelopeMutator: changes an envelope where only its writer could: in the unpacked body, or in the header line; then
// packs it again, with a checksum, a count and a hash that fit.
//
// Seeds      What is no envelope becomes a made one (tests/kit/made_rows.h, our own writer, any effort): a run needs no
//            corpus to begin with. Findings are envelopes: `pinaflux decode FILE` shows them, too.
// Threads    One owner.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>

#include "agent/seal/compress.h"
#include "agent/seal/dictionary.h"
#include "agent/seal/envelope.h"
#include "agent/seal/line.h"
#include "platform/crypto/crypto.h"
#include "tests/kit/made_rows.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

namespace pinaflux::fuzz {

// One that is at hand, of batches like those that are made.
struct AtHand {
  Dictionaries all;
  const Dictionary* one = nullptr;
};
inline const AtHand& at_hand() {
  static const AtHand* const made = [] {
    auto* at_hand = new AtHand;
    kit::MadeRows rows(2);
    Sealer sealer;
    DictionaryMaker maker;
    while (!maker.ready()) {
      Header header;
      header.gateway = header.lane = "g";
      Buffer envelope;
      std::size_t taken = 0;
      if (!sealer.seal(rows.make(), Effort::fast, limits::kEnvelopeBytesMax, header, envelope,
                       taken)) {
        continue;
      }
      maker.take(sealer.plain_body());
    }
    at_hand->one = &at_hand->all.add(*maker.make());
    return at_hand;
  }();
  return *made;
}

class EnvelopeMutator {
 public:
  // As libFuzzer asks for it: in place, and the new size.
  std::size_t mutate(std::uint8_t* data, std::size_t size, std::size_t size_max, unsigned seed) {
    Random random(seed);
    const std::uint64_t way = random.below(32);
    if (way == 0) return LLVMFuzzerMutate(data, size, size_max);
    if (way > 1 && unpack({data, size})) {
      if (way < 6) {
        change_line(random);
      } else {
        change_body(random);
        renumber(random);
      }
      if (const std::size_t n = pack(data, size_max)) return n;
    }
    return make(data, size_max);
  }

  // The head of one body and the tail of another.
  std::size_t cross(Bytes one, Bytes other, std::uint8_t* to, std::size_t size_max, unsigned seed) {
    Random random(seed);
    if (!unpack(other)) return make(to, size_max);
    const Buffer tail = body_;
    if (!unpack(one)) return make(to, size_max);
    body_.resize(random.below(body_.size() + 1));
    const std::size_t from = std::min<std::size_t>(
        tail.size(), random.one_in(2) ? body_.size() : random.below(tail.size() + 1));
    append(body_, Bytes(tail).subspan(from));
    renumber(random);
    const std::size_t n = pack(to, size_max);
    return n > 0 ? n : make(to, size_max);
  }

 private:
  static constexpr std::size_t kBodyBytesMax = 64 * 1024;
  static constexpr std::size_t kLineBytesMax = 900;
  static constexpr int kSmall =
      0x70;  // Heads of series, kinds, modes, counts: what steers a reader.

  bool unpack(Bytes envelope) {
    const std::string_view all = as_text(envelope);
    const auto end = all.find('\n');
    if (!all.starts_with("pinaflux-env/") || end == std::string_view::npos) return false;
    line_ = all.substr(0, std::min(end, all.find(" h=")));
    const auto dictionary = line_.find(" d=");
    dictionary_ = dictionary == std::string::npos
                      ? nullptr
                      : at_hand().all.find(std::string_view(line_).substr(dictionary + 3, 8));
    return decompressor_.decompress(envelope.subspan(end + 1), kBodyBytesMax, body_, dictionary_)
        .has_value();
  }

  std::size_t pack(std::uint8_t* to, std::size_t size_max) {
    frame_.clear();
    if (!compressor_.compress(body_, 1, frame_, dictionary_)) return 0;
    crypto::Sha256 sha;
    sha.update(as_bytes(line_));
    sha.update(frame_);
    const std::string line =
        line_ + " h=" + seal::base64url(Bytes(sha.finish()).first(seal::kDigestBytes)) + "\n";
    if (line.size() + frame_.size() > size_max) return 0;
    std::ranges::copy(line, to);
    std::ranges::copy(frame_, to + line.size());
    return line.size() + frame_.size();
  }

  void change_line(Random& random) {
    Buffer text(line_.begin(), line_.end());
    text.resize(kLineBytesMax);
    text.resize(LLVMFuzzerMutate(text.data(), line_.size(), kLineBytesMax));
    if (random.one_in(2)) std::erase(text, '\n');
    line_ = as_text(text);
  }

  void change_body(Random& random) {
    for (std::uint64_t times = 1 + random.below(3); times > 0; --times) {
      const std::size_t at = random.below(body_.size() + 1);
      const auto here = body_.begin() + static_cast<std::ptrdiff_t>(at);
      const std::size_t some = random.below(std::min<std::size_t>(body_.size() - at, 16) + 1);
      const auto small = static_cast<std::uint8_t>(random.below(kSmall));
      switch (random.below(10)) {
        case 0: body_.insert(here, small); break;
        case 1: body_.erase(here, here + static_cast<std::ptrdiff_t>(some)); break;
        case 2: repeat(at, some); break;
        case 3:
        case 4: put_varint(at, random.u64() >> random.below(64)); break;
        case 5:
        case 6:
        case 7:
          if (at < body_.size()) *here = small;
          break;
        default: {
          const std::size_t before = body_.size();
          body_.resize(std::min(before + 64, kBodyBytesMax));
          body_.resize(
              LLVMFuzzerMutate(body_.data(), std::min(before, body_.size()), body_.size()));
        }
      }
    }
  }

  // A count, a length, a value of any size in the place of a byte.
  void put_varint(std::size_t at, std::uint64_t value) {
    Buffer varint;
    Writer(varint).varint(value);
    if (at < body_.size()) body_.erase(body_.begin() + static_cast<std::ptrdiff_t>(at));
    body_.insert(body_.begin() + static_cast<std::ptrdiff_t>(at), varint.begin(), varint.end());
  }

  void repeat(std::size_t at, std::size_t some) {
    const Buffer piece(body_.begin() + static_cast<std::ptrdiff_t>(at),
                       body_.begin() + static_cast<std::ptrdiff_t>(at + some));
    body_.insert(body_.begin() + static_cast<std::ptrdiff_t>(at), piece.begin(), piece.end());
    if (body_.size() > kBodyBytesMax) body_.resize(kBodyBytesMax);
  }

  // As many records in the line as the body says.
  void renumber(Random& random) {
    Reader reader(body_);
    reader.u8();
    const std::uint64_t rows = reader.varint();
    const auto begin = line_.find(" s=");
    if (reader.failed() || begin == std::string::npos || random.one_in(16)) return;
    const auto end = std::min(line_.find(' ', begin + 1), line_.size());
    line_.replace(begin, end - begin, " s=1-" + std::to_string(rows));
  }

  std::size_t make(std::uint8_t* to, std::size_t size_max) {
    for (;;) {
      Random& random = made_.random();
      Header header;
      header.gateway = "g";
      header.lane = "l";
      header.range.first = random.one_in(4) ? random.u64() >> 1 : 1;
      header.generation = random.below(3);
      if (random.one_in(8)) header.extra.emplace_back("lost", "1-2:evicted");
      const std::span<const Row> rows = made_.make();
      sealer_.use(random.one_in(3) ? at_hand().one : nullptr);
      const auto effort = static_cast<Effort>(random.one_in(16) ? 2 : random.below(2));
      envelope_.clear();
      std::size_t taken = 0;
      if (!sealer_.seal(rows, effort, size_max, header, envelope_, taken)) continue;
      std::ranges::copy(envelope_, to);
      return envelope_.size();
    }
  }

  kit::MadeRows made_{1};
  Sealer sealer_;
  Compressor compressor_;
  Decompressor decompressor_;
  std::string line_;                        // Without its hash.
  const Dictionary* dictionary_ = nullptr;  // Of what was unpacked last.
  Buffer body_, frame_, envelope_;
};

}  // namespace pinaflux::fuzz
