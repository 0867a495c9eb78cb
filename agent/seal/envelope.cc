#include "agent/seal/envelope.h"

// An envelope is one line and one zstd frame:
//
//   pinaflux-env/1 g=pump-7 l=normal e=EPOCH s=101-600 f=101 t=1700000000s,1700000499s c=3 p=HASH h=HASH\n
//
// The hash is SHA-256, cut to 16 bytes, over the line up to " h=" and the frame: both sides hash a
// prefix of the line. `p` is the hash of the lane's envelope before this one: whoever has the last
// hash has the whole chain. Pairs after h are not covered by it (a signature can only stand there).
//
// A thinned one holds some seqs of its range only, and leads on to where the chain went before it was thinned:
//
//   pinaflux-env/1 g=pump-7 l=normal e=EPOCH s=101-600 f=101 t=... p=HASH n=4 through=HEX h=HASH\n
//
// One that was packed with a dictionary is of version 2, which an older reader keeps for a newer one, and names it:
//
//   pinaflux-env/2 g=pump-7 l=normal e=EPOCH s=101-110 f=101 t=... p=HASH d=q1c0hTIk h=HASH\n

#include <algorithm>

#include "agent/data/limits.h"
#include "agent/seal/body.h"
#include "agent/seal/compress.h"
#include "agent/seal/line.h"
#include "platform/crypto/crypto.h"

namespace pinaflux {

namespace {

using namespace seal;

constexpr std::string_view kMagic = "pinaflux-env/1", kMagicWithDictionary = "pinaflux-env/2";
static_assert(kMagic.size() == kMagicWithDictionary.size());
constexpr std::string_view kAnyMagic = "pinaflux-env/";
constexpr std::size_t kHeaderBytesMax = 1024;
constexpr std::size_t kAppendedBytesMax = 1024;  // Behind the hash: a proof, what relays note.
constexpr std::string_view kHashKey = " h=";
constexpr std::size_t kHashBytes = 3 + 22 + 1;  // " h=", base64url, newline.

// Of the bytes that a batch may take: what a guess aims at, what is good enough, and how often to
// try.
constexpr double kFillAim = 0.97;
constexpr double kFillGood = 0.85;
constexpr int kTrialsMax = 4;
// A body up to this size is tried with the dictionary.
constexpr std::size_t kSmallBodyMax = Dictionary::kBytesMax;
// Packed bytes from and to which zstd alone is tried (two bodies of more take too much memory), and how often where it lost.
constexpr std::size_t kTriedAloneMin = 256, kTriedAloneMax = 16 << 10;
constexpr unsigned kTriedAloneEvery = 8;
constexpr std::size_t kDictionaryPairBytes = 3 + 8;  // " d=", the id.
constexpr const char* kTooMany = "what thinning keeps does not fit into one envelope";

int level_of(Effort effort) {
  return effort == Effort::fast ? 1 : effort == Effort::standard ? 6 : 19;
}

// The line without its hash and newline.
std::string header_text(const Header& h) {
  LineWriter line(h.dictionary.empty() ? kMagic : kMagicWithDictionary);
  line.pair("g", h.gateway).pair("l", h.lane).bytes("e", h.epoch).range("s", h.range);
  line.number("f", h.floor);
  if (h.count > 0) line.pair("t", format_stamp(h.time_first) + "," + format_stamp(h.time_last));
  if (h.generation != 0) line.number("c", h.generation);
  if (h.previous != kNoDigest) line.digest("p", h.previous);
  if (h.every != 1) line.number("n", h.every);
  if (!h.dictionary.empty()) line.pair("d", h.dictionary);
  for (const auto& [key, value] : h.extra) line.pair(key, value);
  return line.text();
}

Digest hash_of(std::string_view header_without_hash, Bytes body) {
  crypto::Sha256 sha;
  sha.update(as_bytes(header_without_hash));
  sha.update(body);
  Digest digest = sha.finish();
  std::fill(digest.begin() + kDigestBytes, digest.end(), std::uint8_t{0});
  return digest;
}

bool take_pair(Header& h, std::string_view key, std::string_view value) {
  const auto number = [&](std::uint64_t& to) {
    const auto n = parse_number(value);
    to = n.value_or(0);
    return n.has_value();
  };
  if (key == "g") return h.gateway = value, valid_name(value);
  if (key == "l") return h.lane = value, valid_name(value);
  if (key == "e") return unbase64url(value, h.epoch);
  if (key == "s") return parse_range(value, h.range);
  if (key == "f") return number(h.floor);
  if (key == "c") return number(h.generation);
  if (key == "n") return number(h.every) && h.every > 1;
  if (key == "d" && h.version > 1) return h.dictionary = value, valid_dictionary_id(value);
  if (key == "p") return parse_digest(value, h.previous);
  if (key == "h") return parse_digest(value, h.hash);
  if (key == "t") {
    const auto comma = value.find(',');
    return comma != std::string_view::npos && parse_stamp(value.substr(0, comma), h.time_first) &&
           parse_stamp(value.substr(comma + 1), h.time_last);
  }
  h.extra.emplace_back(key, value);
  return true;
}

constexpr std::string_view kKnownKeys = "glesfhtcpnd";
constexpr std::uint32_t kNeededKeys = (1u << 6) - 1;  // The first six.
constexpr std::string_view kTraceKey = "trace";

std::uint32_t bit_of(std::string_view key) {
  const auto known = key.size() == 1 ? kKnownKeys.find(key[0]) : std::string_view::npos;
  return known == std::string_view::npos ? 0 : 1u << known;
}

// A value that could be read in part only.
void forget(Header& header, std::string_view key) {
  if (key == "g") header.gateway.clear();
  if (key == "l") header.lane.clear();
  if (key == "e") header.epoch = {};
  if (key == "d") header.dictionary.clear();
  if (key == "p") header.previous = kNoDigest;
  if (key == "h") header.hash = kNoDigest;
  if (key == "t") header.time_first = header.time_last = {};
}

// What is wrong with a pair that comes after those that were seen; nothing: nullptr.
const char* take_next(Header& header, std::uint32_t& seen, std::string_view key,
                      std::string_view value) {
  const std::uint32_t bit = bit_of(key);
  const bool behind_hash = (seen & bit_of("h")) != 0;
  if ((seen & bit) != 0) return "the header has a key twice";
  if (behind_hash && bit != 0) return "a key of the header stands behind the hash, uncovered";
  if (behind_hash) {
    header.appended.emplace_back(key, value);
    return nullptr;
  }
  if (!take_pair(header, key, value)) {
    forget(header, key);
    return "a value of the header is damaged";
  }
  seen |= bit;
  return nullptr;
}

Result<std::string_view> line_of(Bytes envelope) {
  const std::string_view all =
      as_text(envelope.first(std::min(envelope.size(), kHeaderBytesMax + kAppendedBytesMax)));
  const auto end = all.find('\n');
  if (!all.starts_with(kAnyMagic)) return fail(Code::corrupt, "this is not a Pinaflux envelope");
  if (end == std::string_view::npos) return fail(Code::corrupt, "the header line has no end");
  const std::string_view line = all.substr(0, end);
  const bool known = line.starts_with(kMagic) || line.starts_with(kMagicWithDictionary);
  if (!known || (line.size() > kMagic.size() && line[kMagic.size()] != ' ')) {
    return fail(Code::newer, "a newer format: use a newer version of this program to open it");
  }
  return line;
}

Result<HeaderLine> parse(Bytes envelope) {
  HeaderLine line(envelope);
  if (!line.read) return std::unexpected(line.read.error());
  return line;
}

// Of the rows whose boot is the smallest number (calendar time first), the first; of those with the
// largest, the last.
void take_times(std::span<const Row> rows, Header& header) {
  const auto [low, high] = std::ranges::minmax_element(
      rows, {}, [](const Row& r) { return std::pair(r.time.boot, r.time.ns); });
  header.time_first = rows.empty() ? Stamp{} : low->time;
  header.time_last = rows.empty() ? Stamp{} : high->time;
}

bool extra_fits(const Header& header) {
  return std::ranges::all_of(header.extra, [](const auto& pair) {
    return bit_of(pair.first) == 0 && !pair.first.empty() && printable_word(pair.first) &&
           printable_word(pair.second) &&
           (pair.first != kTraceKey || valid_traceparent(pair.second));
  });
}

// Leading rows that one body takes.
std::size_t rows_within(std::span<const Row> rows) {
  std::size_t taken = 0, cells = 0;
  const std::size_t most = std::min(rows.size(), limits::kEnvelopeRecordsMax);
  for (; taken < most; ++taken) {
    cells += rows[taken].shape->field_count();
    if (cells > kCellsMax) break;
  }
  return taken;
}

}  // namespace

struct Sealer::State {
  BodyWriter writer;
  Buffer plain, trial, best, packed;
  Buffer coded_plain, coded_packed;
  unsigned coded_again = 0;  // Batches for which zstd alone is not tried: it lost.
  const Dictionary* dictionary = nullptr;
  double bytes_per_row[3] =
      {};  // By effort, of the last batch: the first guess of the next. 0: none.

  Status seal(std::span<const Row> rows, Effort effort, Header& header, Buffer& envelope);
  Status pack(std::span<const Row> rows, Effort effort, Header& header);
  Status write(std::span<const Row> rows, Effort effort, Header& header);
  Result<std::size_t> search(std::span<const Row> rows, Effort effort, std::size_t bytes_max,
                             Header& header);
};

Sealer::Sealer() : state_(std::make_unique<State>()) {}
Sealer::~Sealer() = default;

void Sealer::do_without(Part part) { state_->writer.parts().remove(part); }

void Sealer::use(const Dictionary* dictionary) { state_->dictionary = dictionary; }

Bytes Sealer::plain_body() const { return state_->plain; }

Status Sealer::seal_body(std::span<const Row> rows, Effort effort, Buffer& body) {
  state_->plain.clear();
  if (Status s = state_->writer.write(rows, effort, state_->plain); !s) return s;
  return state_->writer.compressor().compress(state_->plain, level_of(effort), body);
}

// All these rows, whatever it takes; the hash's place is left empty.
Status Sealer::State::seal(std::span<const Row> rows, Effort effort, Header& header,
                           Buffer& envelope) {
  header.count = rows.size();
  if (header.every == 1) header.range.last = header.range.first + rows.size() - 1;
  take_times(rows, header);
  if (Status s = write(rows, effort, header); !s) return s;
  const std::string text = header_text(header);
  if (text.size() + kHashBytes > kHeaderBytesMax) {
    return fail(Code::invalid, "the header is too long");
  }
  envelope.assign(text.begin(), text.end());
  envelope.resize(text.size() + kHashBytes);
  envelope.back() = '\n';
  append(envelope, packed);
  return {};
}

// Max tries it for zstd alone, too: it finds what repeats from column to column, which a code hides from it.
Status Sealer::State::write(std::span<const Row> rows, Effort effort, Header& header) {
  if (Status s = pack(rows, effort, header); !s) return s;
  const Parts all = writer.parts();
  const bool coded = all.has(Part::code) || all.has(Part::prefix);
  if (effort != Effort::max || !coded) return {};
  if (packed.size() < kTriedAloneMin || packed.size() > kTriedAloneMax) return {};
  if (coded_again > 0) {
    --coded_again;
    return {};
  }
  Header coded_header = header;
  coded_plain.swap(plain);
  coded_packed.swap(packed);
  writer.parts().remove(Part::code);
  writer.parts().remove(Part::prefix);
  const Status alone = pack(rows, effort, header);
  writer.parts() = all;
  if (alone && packed.size() < coded_packed.size()) return {};
  coded_again = kTriedAloneEvery - 1;
  coded_plain.swap(plain);
  coded_packed.swap(packed);
  header = std::move(coded_header);
  return alone;
}

// The plain body, in the better of the two ways.
Status Sealer::State::pack(std::span<const Row> rows, Effort effort, Header& header) {
  plain.clear();
  packed.clear();
  if (Status s = writer.write(rows, effort, plain); !s) return s;
  header.dictionary.clear();
  header.version = 1;
  if (Status s = writer.compressor().compress(plain, level_of(effort), packed); !s) return s;
  if (dictionary == nullptr || plain.size() > kSmallBodyMax) return {};
  const std::size_t alone = packed.size();
  Status s = writer.compressor().compress(plain, level_of(effort), packed, dictionary);
  if (!s) return s;
  const std::size_t with = packed.size() - alone + kDictionaryPairBytes;
  if (with + alone / Dictionary::kWorthOf > alone) {
    packed.resize(alone);
    return {};
  }
  packed.erase(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(alone));
  header.dictionary = dictionary->id();
  header.version = 2;
  return {};
}

// Looks for the most rows that fit, and leaves them sealed in `best`: the first guess comes from
// the batch before, each further one from what the last trial came to. At most kTrialsMax beyond
// the first that fits.
Result<std::size_t> Sealer::State::search(std::span<const Row> rows, Effort effort,
                                          std::size_t bytes_max, Header& header) {
  double& per_row = bytes_per_row[static_cast<std::size_t>(effort)];
  std::size_t most = rows_within(rows), fitting = 0;  // `most` may fit, `fitting` does.
  if (header.every != 1 && most < rows.size()) return fail(Code::full, kTooMany);
  if (most == 0 && !rows.empty())
    return fail(Code::full, "a record has more fields than an envelope holds");
  const auto share = [&](double bytes_of_one) {
    const double fit = static_cast<double>(bytes_max) * kFillAim / std::max(bytes_of_one, 0.01);
    return fit >= static_cast<double>(most) ? most : static_cast<std::size_t>(fit);
  };
  const bool guess =
      header.every == 1 && per_row * static_cast<double>(most) > static_cast<double>(bytes_max);
  std::size_t next = guess ? share(per_row) : most;
  Header found;
  for (int trial_number = 0;; ++trial_number) {
    next = std::clamp<std::size_t>(next, std::min(fitting + 1, most), most);
    Header attempt = header;
    const Status sealed = seal(rows.first(next), effort, attempt, trial);
    if (!sealed && sealed.error().code != Code::full) return std::unexpected(sealed.error());
    const std::size_t bytes = sealed ? trial.size() : 0;
    if (sealed && next > 0) per_row = static_cast<double>(bytes) / static_cast<double>(next);
    if (sealed && bytes <= bytes_max) {
      fitting = next;
      found = std::move(attempt);
      best.swap(trial);
      const bool good = static_cast<double>(bytes) >= static_cast<double>(bytes_max) * kFillGood;
      if (fitting == most || good || trial_number >= kTrialsMax) break;
    } else {
      if (header.every != 1) return fail(Code::full, kTooMany);
      if (next <= 1) return fail(Code::full, "a record is larger than an envelope may be");
      most = next - 1;
      if (fitting > 0 && (fitting == most || trial_number >= kTrialsMax)) break;
    }
    next = sealed ? share(per_row) : next / 2;
  }
  header = std::move(found);
  return fitting;
}

Status Sealer::seal(std::span<const Row> rows, Effort effort, std::size_t bytes_max, Header& header,
                    Buffer& envelope, std::size_t& taken) {
  const std::size_t before = envelope.size();
  Status drafted = draft(rows, effort, bytes_max, header, envelope, taken);
  if (drafted) finish(header, MutableBytes(envelope).subspan(before));
  return drafted;
}

void Sealer::finish(Header& header, MutableBytes envelope) {
  const auto end = std::ranges::find(envelope, std::uint8_t{'\n'});
  ASSERT(end != envelope.end());
  const auto line_bytes = static_cast<std::size_t>(end - envelope.begin()) + 1;
  const MutableBytes place = envelope.first(line_bytes).last(kHashBytes);
  const Bytes text = envelope.first(line_bytes - kHashBytes);
  header.hash = hash_of(as_text(text), envelope.subspan(line_bytes));
  const std::string hash =
      std::string(kHashKey) + base64url(Bytes(header.hash).first(kDigestBytes)) + "\n";
  ASSERT(hash.size() == place.size());
  std::ranges::copy(hash, place.begin());
}

Status Sealer::draft(std::span<const Row> rows, Effort effort, std::size_t bytes_max,
                     Header& header, Buffer& envelope, std::size_t& taken) {
  taken = 0;
  if (!valid_name(header.gateway) || !valid_name(header.lane)) {
    return fail(Code::invalid, "a gateway or lane name has letters that a header cannot carry");
  }
  ASSERT(header.every == 1 || rows.size() == header.range.count_every(header.every));
  if (!extra_fits(header)) {
    return fail(Code::invalid, "a pair of the header has letters that it cannot carry");
  }
  const Result<std::size_t> found = state_->search(rows, effort, bytes_max, header);
  if (!found) return std::unexpected(found.error());
  taken = *found;
  append(envelope, state_->best);
  return {};
}

HeaderLine::HeaderLine(Bytes envelope) {
  const auto line = line_of(envelope);
  if (!line) {
    read = std::unexpected(line.error());
    return;
  }
  const auto damaged = [&](const char* what, std::size_t left) {
    if (!read) return;
    read = fail(Code::corrupt, what);
    at = line->size() - left;
  };
  header.version = line->starts_with(kMagicWithDictionary) ? 2 : 1;
  std::uint32_t seen = 0;
  std::string_view key, value;
  LineReader reader(*line, line->substr(0, kMagic.size()));
  for (std::size_t left = reader.left(); left > 0; left = reader.left()) {
    if (reader.next(key, value)) {
      if (const char* what = take_next(header, seen, key, value)) damaged(what, left - 1);
    } else {
      damaged("a pair of the header is damaged", left - 1);
      reader.pass_over();
    }
  }
  const std::uint32_t needed = kNeededKeys | (header.version == 2 ? bit_of("d") : 0);
  if ((seen & needed) != needed) damaged("the header lacks a key that is needed", 0);
  range_known = (seen & bit_of("s")) != 0 && header.every != 0;
  header.every = std::max<std::uint64_t>(header.every, 1);
  if (range_known) header.count = header.range.count_every(header.every);
  covered = line->substr(0, line->find(kHashKey));
  body = envelope.subspan(line->size() + 1);
}

bool HeaderLine::hash_fits() const { return hash_of(covered, body) == header.hash; }

std::string_view trace_of(const Header& header) {
  const auto trace =
      std::ranges::find(header.extra, kTraceKey, [](const auto& p) { return p.first; });
  const bool is_one = trace != header.extra.end() && valid_traceparent(trace->second);
  return is_one ? std::string_view(trace->second) : std::string_view();
}

bool is_stand_in(const Header& header) {
  const auto key = [](const auto& pair) { return pair.first; };
  return header.every > 1 || header.count == 0 ||
         std::ranges::contains(header.extra, "through", key);
}

Digest chain_end(const Header& header) {
  if (!is_stand_in(header)) return header.hash;
  const auto through =
      std::ranges::find(header.extra, "through", [](const auto& p) { return p.first; });
  Digest digest{};
  return through != header.extra.end() && unhex(through->second, digest) ? digest : kNoDigest;
}

struct Opener::State {
  Decompressor decompressor;
  BodyReader reader;
  Buffer plain;
  const Dictionaries* dictionaries = nullptr;

  Status unpack(Bytes body, std::string_view dictionary);
};

Opener::Opener() : state_(std::make_unique<State>()) {}
Opener::~Opener() = default;

void Opener::look_in(const Dictionaries* dictionaries) { state_->dictionaries = dictionaries; }

Result<Header> Opener::header(Bytes envelope) {
  auto parsed = parse(envelope);
  if (!parsed) return std::unexpected(parsed.error());
  return std::move(parsed->header);
}

Result<Header> Opener::verify(Bytes envelope) {
  auto parsed = parse(envelope);
  if (!parsed) return std::unexpected(parsed.error());
  if (!parsed->hash_fits()) {
    return fail(Code::corrupt, "the envelope's hash does not fit its bytes");
  }
  return std::move(parsed->header);
}

Result<Header> Opener::open(Bytes envelope, Shapes& shapes, Arena& arena, std::vector<Row>& rows) {
  auto parsed = parse(envelope);
  if (!parsed) return std::unexpected(parsed.error());
  if (!parsed->hash_fits()) {
    return fail(Code::corrupt, "the envelope's hash does not fit its bytes");
  }
  const std::size_t before = rows.size();
  Status ok = state_->unpack(parsed->body, parsed->header.dictionary);
  if (ok) ok = state_->reader.read(state_->plain, shapes, arena, rows);
  if (!ok) return std::unexpected(ok.error());
  if (rows.size() - before != parsed->header.count) {
    rows.resize(before);
    return fail(Code::corrupt, "the body does not hold as many records as the header says");
  }
  return std::move(parsed->header);
}

Status Opener::open_body(Bytes body, Shapes& shapes, Arena& arena, std::vector<Row>& rows) {
  if (Status s = state_->unpack(body, {}); !s) return s;
  return state_->reader.read(state_->plain, shapes, arena, rows);
}

Status Opener::State::unpack(Bytes body, std::string_view id) {
  const auto dictionary = dictionary_of(id, dictionaries);
  if (!dictionary) return std::unexpected(dictionary.error());
  return decompressor.decompress(body, limits::kOpenedBytesMax, plain, *dictionary);
}

}  // namespace pinaflux
