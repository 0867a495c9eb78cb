#include "agent/seal/envelope.h"

// An envelope is one line and one zstd frame:
//
//   pinaflux-env/1 g=pump-7 l=normal e=EPOCH s=101-600 n=500 f=101 t=NS,NS c=3 p=HASH h=HASH\n<zstd>
//
// The hash is SHA-256, cut to 16 bytes, over the line without " h=..." and its newline, then the frame. It is the last
// pair, so that both sides hash a prefix of the line. `p` is the hash of the lane's envelope before this
// one: whoever has the last hash has the whole chain.

#include <algorithm>

#include "agent/data/limits.h"
#include "agent/seal/body.h"
#include "agent/seal/compress.h"
#include "agent/seal/line.h"
#include "platform/crypto/crypto.h"

namespace pinaflux {

namespace {

using namespace seal;

constexpr std::string_view kMagic = "pinaflux-env/1";
constexpr std::string_view kAnyMagic = "pinaflux-env/";
constexpr std::size_t kHeaderBytesMax = 4096;
constexpr std::string_view kHashKey = " h=";

int level_of(Effort effort) {
  return effort == Effort::fast ? 1 : effort == Effort::standard ? 7 : 19;
}

// The line without its hash and newline.
std::string header_text(const Header& h) {
  LineWriter line(kMagic);
  line.pair("g", h.gateway).pair("l", h.lane).bytes("e", h.epoch).range("s", h.range);
  line.number("n", h.count).number("f", h.floor);
  line.pair("t", format_stamp(h.time_first) + "," + format_stamp(h.time_last));
  line.number("c", h.generation).digest("p", h.previous);
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
  if (key == "n") return number(h.count);
  if (key == "f") return number(h.floor);
  if (key == "c") return number(h.generation);
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

constexpr std::string_view kKnownKeys = "glesnftcph";

struct Parsed {
  Header header;
  std::string_view text;  // The line without its hash.
  Bytes body;
};

Result<Parsed> parse(Bytes envelope) {
  const std::string_view all = as_text(envelope.first(std::min(envelope.size(), kHeaderBytesMax)));
  const auto end = all.find('\n');
  if (!all.starts_with(kAnyMagic)) return fail(Code::corrupt, "this is not a Pinaflux envelope");
  if (end == std::string_view::npos) return fail(Code::corrupt, "the header line has no end");
  const std::string_view line = all.substr(0, end);
  if (!line.starts_with(kMagic) || (line.size() > kMagic.size() && line[kMagic.size()] != ' ')) {
    return fail(Code::newer, "a newer format: use a newer version of this program to open it");
  }
  Parsed parsed;
  std::uint32_t seen = 0;
  std::string_view key, value;
  LineReader reader(line, kMagic);
  while (reader.next(key, value)) {
    const auto known = key.size() == 1 ? kKnownKeys.find(key[0]) : std::string_view::npos;
    if (known != std::string_view::npos && (seen >> known & 1) != 0) {
      return fail(Code::corrupt, "the header has a key twice");
    }
    if (known != std::string_view::npos) seen |= 1u << known;
    if (!take_pair(parsed.header, key, value)) {
      return fail(Code::corrupt, "a value of the header is damaged");
    }
  }
  const auto hash_at = line.rfind(kHashKey);
  if (reader.failed() || seen != (1u << kKnownKeys.size()) - 1 || key != "h") {
    return fail(Code::corrupt, "the header is incomplete or damaged");
  }
  const auto& h = parsed.header;
  if (h.count != h.range.count()) return fail(Code::corrupt, "the header's count does not fit its range");
  parsed.text = line.substr(0, hash_at);
  parsed.body = envelope.subspan(end + 1);
  return parsed;
}

}  // namespace

struct Sealer::State {
  BodyWriter writer;
  Compressor compressor;
  Buffer plain, body;
  double bytes_per_row = 64.0;  // Of the last batch: the first guess of the next.
};

Sealer::Sealer() : state_(std::make_unique<State>()) {}
Sealer::~Sealer() = default;

Status Sealer::seal_body(std::span<const Row> rows, Effort effort, Buffer& body) {
  state_->plain.clear();
  state_->writer.write(rows, state_->plain);
  if (state_->plain.size() > limits::kOpenedBytesMax) {
    return fail(Code::full, "the batch is larger than an envelope may be when opened");
  }
  return state_->compressor.compress(state_->plain, level_of(effort), body);
}

Status Sealer::seal(std::span<const Row> rows, Effort effort, std::size_t bytes_max, Header& header,
                    Buffer& envelope, std::size_t& taken) {
  if (!valid_name(header.gateway) || !valid_name(header.lane)) {
    return fail(Code::invalid, "a gateway or lane name has letters that a header cannot carry");
  }
  constexpr std::size_t kHashBytes = 3 + 22 + 1;  // " h=", base64url, newline.
  taken = std::min(rows.size(), limits::kEnvelopeRecordsMax);
  while (true) {
    const auto part = rows.first(taken);
    header.range.last = header.range.first + taken - 1;
    header.count = taken;
    const auto [low, high] = std::ranges::minmax_element(
        part, {}, [](const Row& r) { return std::pair(r.time.boot, r.time.ns); });
    header.time_first = part.empty() ? Stamp{} : low->time;
    header.time_last = part.empty() ? Stamp{} : high->time;
    const std::string text = header_text(header);
    if (text.size() + kHashBytes > kHeaderBytesMax) return fail(Code::full, "the header is too long");
    state_->body.clear();
    const Status sealed = seal_body(part, effort, state_->body);
    if (!sealed && sealed.error().code != Code::full) return sealed;
    const std::size_t bytes = text.size() + kHashBytes + state_->body.size();
    if (sealed && bytes <= bytes_max) {
      header.hash = hash_of(text, state_->body);
      append(envelope, text);
      append(envelope, std::string(kHashKey) + base64url(Bytes(header.hash).first(kDigestBytes)));
      envelope.push_back('\n');
      append(envelope, state_->body);
      return {};
    }
    if (taken <= 1) return fail(Code::full, "a record is larger than an envelope may be");
    // In proportion, with a little less hope each time; halved where it did not even seal.
    const double share = sealed ? static_cast<double>(bytes_max) / static_cast<double>(bytes) : 0.5;
    const auto fewer = static_cast<std::size_t>(static_cast<double>(taken) * share * 0.95);
    taken = std::clamp<std::size_t>(fewer, 1, taken - 1);
  }
}

struct Opener::State {
  Decompressor decompressor;
  BodyReader reader;
  Buffer plain;
};

Opener::Opener() : state_(std::make_unique<State>()) {}
Opener::~Opener() = default;

Result<Header> Opener::header(Bytes envelope) {
  auto parsed = parse(envelope);
  if (!parsed) return std::unexpected(parsed.error());
  return std::move(parsed->header);
}

Result<Header> Opener::open(Bytes envelope, Shapes& shapes, Arena& arena, std::vector<Row>& rows) {
  auto parsed = parse(envelope);
  if (!parsed) return std::unexpected(parsed.error());
  if (hash_of(parsed->text, parsed->body) != parsed->header.hash) {
    return fail(Code::corrupt, "the envelope's hash does not fit its bytes");
  }
  const std::size_t before = rows.size();
  if (auto ok = open_body(parsed->body, shapes, arena, rows); !ok) {
    return std::unexpected(ok.error());
  }
  if (rows.size() - before != parsed->header.count) {
    rows.resize(before);
    return fail(Code::corrupt, "the body does not hold as many records as the header says");
  }
  return std::move(parsed->header);
}

Status Opener::open_body(Bytes body, Shapes& shapes, Arena& arena, std::vector<Row>& rows) {
  auto ok = state_->decompressor.decompress(body, limits::kOpenedBytesMax, state_->plain);
  if (!ok) return ok;
  return state_->reader.read(state_->plain, shapes, arena, rows);
}

}  // namespace pinaflux
