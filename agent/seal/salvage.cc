// From the outside in: the line, the frame, the body. The first of them that is wrong is the reason; what is behind
// it is tried all the same, because a flipped bit in the line leaves a frame that unpacks, and a cut frame blocks
// that do. A body that lacks its end lacks the code of section 6 in FORMAT.md, too, so its coded columns are lost,
// and what stands behind the first of them.

#include "agent/seal/salvage.h"

#include "agent/data/limits.h"

namespace pinaflux {

namespace {

using Ending = Decompressor::Unpacked::Ending;

constexpr const char* kCut = "the envelope ends before its body does: it was cut off";
constexpr const char* kNoFrame = "what stands here does not unpack: the body is damaged";
constexpr const char* kChecksum =
    "the body unpacks, and its checksum does not fit: bytes of it were changed";
constexpr const char* kMore = "something follows the envelope";
constexpr const char* kHashOnly =
    "the hash does not fit, and the body's own checksum does: the line was changed";
constexpr const char* kHashAlone =
    "the hash does not fit: bytes of the line or of the body were changed";
constexpr const char* kCount = "the body does not hold as many records as the line says";

}  // namespace

void Salvager::look(HeaderLine& line, Salvaged& found) {
  const auto dictionary = dictionary_of(line.header.dictionary, dictionaries_);
  if (!dictionary) {
    found.part = Salvaged::Part::frame;
    found.at = found.frame_at;
    found.why = dictionary.error();
    return;
  }
  const Decompressor::Unpacked frame =
      decompressor_.salvage(line.body, limits::kOpenedBytesMax, plain_, *dictionary);
  found.plain = plain_.size();
  found.plain_whole = frame.declared;
  const bool more = frame.ending == Ending::whole && frame.frame_bytes != line.body.size();
  if (more) line.body = line.body.first(frame.frame_bytes);
  judge(line, frame, more, found);
}

void Salvager::judge(const HeaderLine& line, const Decompressor::Unpacked& frame, bool more,
                     Salvaged& found) {
  const bool alone = line.header.dictionary.empty();
  if (frame.ending == Ending::whole) {
    found.proof = line.hash_fits() ? Salvaged::Proof::hash
                  : alone          ? Salvaged::Proof::checksum
                                   : Salvaged::Proof::none;
  }
  if (!line.read) return;
  found.part = Salvaged::Part::frame;
  found.at = found.frame_at + frame.frame_bytes;
  if (frame.ending == Ending::cut) found.why = {Code::corrupt, 0, kCut};
  if (frame.ending == Ending::damaged) found.why = {Code::corrupt, 0, kNoFrame};
  if (frame.ending == Ending::checksum) found.why = {Code::corrupt, 0, kChecksum};
  if (frame.ending == Ending::whole && !alone) found.why = {Code::corrupt, 0, kHashAlone};
  if (found.proof == Salvaged::Proof::checksum) {
    found.part = Salvaged::Part::line;
    found.at = 0;
    found.why = {Code::corrupt, 0, kHashOnly};
  }
  if (found.proof == Salvaged::Proof::hash && more) found.why = {Code::corrupt, 0, kMore};
  if (found.proof == Salvaged::Proof::hash && !more) found.part = Salvaged::Part::body;
}

Salvaged Salvager::examine(Bytes envelope, Shapes& shapes, Arena& arena, std::vector<Row>& rows) {
  const std::size_t before = rows.size();
  HeaderLine line(envelope);
  Salvaged found;
  if (!line.read) {
    found.why = line.read.error();
    found.at = line.at;
  }
  found.frame_at = envelope.size() - line.body.size();
  if (line.body.empty() && (!line.read || found.why.code == Code::newer)) {
    found.header = std::move(line.header);
    return found;
  }
  look(line, found);
  const bool whole = found.plain == found.plain_whole && found.plain > 0;
  const Status read = found.plain > 0 ? reader_.salvage(plain_, whole, shapes, arena, rows)
                                      : Status(fail(Code::corrupt, kNoFrame));
  if (found.plain > 0) found.reached = reader_.reached();
  const std::size_t count = rows.size() - before;
  found.range_known = line.range_known && line.header.count == found.reached.rows;
  if (found.part == Salvaged::Part::body) {
    found.why = read ? Error{Code::corrupt, 0, kCount} : read.error();
    found.at = found.frame_at;
  }
  found.fields_lost = count > 0 ? reader_.fields_lost() : std::span<const std::uint32_t>();
  found.header = std::move(line.header);
  return found;
}

}  // namespace pinaflux
