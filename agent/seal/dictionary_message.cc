//   pinaflux-dictionary/1 g=pump-7 l=normal e=EPOCH d=ID n=4711
//   one zstd frame of the content

#include "agent/seal/dictionary_message.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/seal/compress.h"
#include "agent/seal/line.h"
#include "platform/base/assert.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::string_view kDictionaryMagic = "pinaflux-dictionary/1";
constexpr std::string_view kDictionaryMagicAny = "pinaflux-dictionary/";
constexpr std::size_t kLineBytesMax = 1024;
constexpr int kLevel = 19;  // It is packed once.

std::unexpected<Error> damaged_dictionary() {
  return fail(Code::corrupt,
              "the dictionary is damaged: it is sent again when an envelope needs it");
}

struct Named {
  std::string gateway, lane, id;
  Epoch epoch{};
  std::uint64_t bytes = 0;
};

std::optional<Named> read_named(std::string_view text) {
  seal::LineReader reader(text, kDictionaryMagic);
  Named line;
  bool epoch = false;
  std::string_view key, value;
  while (reader.next(key, value)) {
    if (key == "g") line.gateway = value;
    if (key == "l") line.lane = value;
    if (key == "e") epoch = seal::unbase64url(value, line.epoch);
    if (key == "d") line.id = value;
    if (key == "n") line.bytes = seal::parse_number(value).value_or(0);
  }
  const bool whole = !reader.failed() && epoch && seal::valid_name(line.gateway) &&
                     seal::valid_name(line.lane) && valid_dictionary_id(line.id);
  return whole ? std::optional(std::move(line)) : std::nullopt;
}

bool is_newer(std::string_view line) {
  if (!line.starts_with(kDictionaryMagicAny)) return false;
  const std::string_view rest = line.substr(kDictionaryMagicAny.size());
  const auto version = parse_integer<unsigned>(rest.substr(0, rest.find(' ')));
  return version && *version > 1;
}

}  // namespace

bool is_dictionary_message(Bytes message) {
  return as_text(message).starts_with(kDictionaryMagicAny);
}

Buffer format_dictionary(std::string_view gateway, std::string_view lane, const Epoch& epoch,
                         const Dictionary& dictionary) {
  seal::LineWriter line(kDictionaryMagic);
  line.pair("g", gateway).pair("l", lane).bytes("e", epoch).pair("d", dictionary.id());
  line.number("n", dictionary.bytes().size());
  Buffer message;
  append(message, line.text());
  message.push_back('\n');
  const Status packed = Compressor().compress(dictionary.bytes(), kLevel, message);
  ASSERT(packed.has_value());
  return message;
}

Result<DictionaryMessage> parse_dictionary(Bytes message) {
  const std::string_view text = as_text(message);
  const std::size_t end = text.substr(0, kLineBytesMax).find('\n');
  if (end == std::string_view::npos) return damaged_dictionary();
  if (is_newer(text.substr(0, end))) {
    return fail(Code::newer,
                "the dictionary has a newer format: use a newer version of this program");
  }
  auto line = read_named(text.substr(0, end));
  if (!line || line->bytes > Dictionary::kBytesMax) return damaged_dictionary();
  Buffer content;
  const Status unpacked =
      Decompressor().decompress(message.subspan(end + 1), Dictionary::kBytesMax, content);
  if (!unpacked || content.size() != line->bytes) return damaged_dictionary();
  auto dictionary = Dictionary::of(std::move(content));
  if (!dictionary || dictionary->id() != line->id) return damaged_dictionary();
  return DictionaryMessage{.gateway = std::move(line->gateway),
                           .lane = std::move(line->lane),
                           .epoch = line->epoch,
                           .dictionary = std::move(*dictionary)};
}

}  // namespace pinaflux
