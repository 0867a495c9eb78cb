// How an envelope is opened: by itself, or by the dictionary that its lane has sent before.
//
// One whose dictionary is not here is not refused for good: its gateway is told which are here, sends what is missing, and
// then the envelope again.

#include "agent/collector/store.h"
#include "agent/seal/dictionary_message.h"

namespace pinaflux {

namespace {

constexpr std::size_t kShapesKept = 1'024;
constexpr std::size_t kArenaKept = 32 * 1024 * 1024;

}  // namespace

Status CollectorStore::take_dictionary(const Arrival& arrival) {
  const Result<DictionaryMessage> message = parse_dictionary(arrival.payload);
  if (!message) {
    return refuse(arrival, message.error().code == Code::newer ? "newer" : "damaged");
  }
  if (message->gateway != arrival.gateway) return refuse(arrival, "foreign_gateway");
  if (message->lane != arrival.lane) return refuse(arrival, "foreign_lane");
  const LaneKey key{message->gateway, message->epoch, message->lane};
  const Result<LaneEntry> lane = ledger_->lane(key);
  if (!lane) return std::unexpected(lane.error());
  touch(key, false).dictionaries = true;
  return dictionaries_->keep(lane->id, message->dictionary);
}

Result<std::optional<Header>> CollectorStore::without_dictionary(Bytes payload) {
  packed_with_ = {};
  opener_.look_in(nullptr);
  Result<Header> header = Opener::header(payload);
  if (!header || header->dictionary.empty()) return std::nullopt;
  packed_with_.lane = {header->gateway, header->epoch, header->lane};
  const auto lane = ledger_->find(packed_with_.lane);
  if (!lane) return std::unexpected(lane.error());
  if (*lane) {
    const auto found = dictionaries_->find((*lane)->id, header->dictionary);
    if (!found) return std::unexpected(found.error());
    if (*found != nullptr) {
      packed_with_.dictionary = (*found)->find(header->dictionary);
      opener_.look_in(*found);
      return std::nullopt;
    }
  }
  // A header that is damaged may name anything: that is told where it is opened.
  if (!Opener::verify(payload)) return std::nullopt;
  return std::move(*header);
}

Status CollectorStore::refuse_without_dictionary(const Arrival& arrival, const Header& header) {
  if (header.gateway != arrival.gateway) return refuse(arrival, "foreign_gateway", header.range);
  if (header.lane != arrival.lane) return refuse(arrival, "foreign_lane", header.range);
  touch(packed_with_.lane, false).dictionaries = true;
  return refuse(arrival, "dictionary", header.range);
}

Result<Header> CollectorStore::open_envelope(Bytes payload) {
  const bool large = arena_.bytes_used() > kArenaKept;
  rows_.clear();
  if (large) {
    arena_ = Arena(kRowsBytesMax);
  } else {
    arena_.reset();
  }
  if (shapes_->count() > kShapesKept) {
    home_->tables().forget();
    shapes_ = std::make_unique<Shapes>();
  }
  return opener_.open(payload, *shapes_, arena_, rows_);
}

}  // namespace pinaflux
