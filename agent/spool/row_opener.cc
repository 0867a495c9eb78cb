#include "agent/spool/row_opener.h"

#include <map>
#include <string>

namespace pinaflux {

namespace {
constexpr std::size_t kArenaBytesMax = 12 * 1024 * 1024;  // Any envelope, any chunk.
}  // namespace

RowOpener::RowOpener() : shapes_(std::make_unique<Shapes>()), arena_(kArenaBytesMax) {}

void RowOpener::forget() {
  rows_.clear();
  arena_.reset();
  shapes_ = std::make_unique<Shapes>();
}

Result<Header> RowOpener::open(const Lane& lane, const Entry& entry, Bytes bytes) {
  auto header = whole(bytes);
  if (!header) return header;
  if (header->gateway != lane.gateway || header->lane != lane.name || header->epoch != lane.epoch ||
      header->range.first != entry.range.first) {
    return fail(Code::corrupt, "its header is another's");
  }
  return header;
}

Result<Header> RowOpener::whole(Bytes envelope) {
  forget();
  return opener_.open(envelope, *shapes_, arena_, rows_);
}

Result<Header> RowOpener::envelope(const Lane& lane, const Entry& entry, Bytes bytes) {
  auto header = open(lane, entry, bytes);
  if (!header) return header;
  if (header->range != entry.range || header->every != entry.every ||
      chain_end(*header) != entry.hash) {
    return fail(Code::corrupt, "its header is not what its row says");
  }
  return header;
}

Result<Header> RowOpener::tombstone(const Lane& lane, const Entry& entry, Bytes bytes) {
  auto header = open(lane, entry, bytes);
  if (!header) return header;
  const std::map<std::string, std::string> extra(header->extra.begin(), header->extra.end());
  const auto lost = extra.find("lost"), through = extra.find("through");
  const std::string range =
      std::to_string(entry.range.first) + "-" + std::to_string(entry.range.last);
  if (!rows_.empty() || lost == extra.end() || through == extra.end() ||
      lost->second != range + ":" + loss_name(entry.loss) || through->second != hex(entry.hash)) {
    return fail(Code::corrupt, "its envelope is not what its row says");
  }
  return header;
}

Status RowOpener::chunk(const Entry& entry, Bytes bytes) {
  forget();
  if (Status s = opener_.open_body(bytes, *shapes_, arena_, rows_); !s) return s;
  if (rows_.size() != entry.range.count()) {
    return fail(Code::corrupt, "it does not hold what its row says");
  }
  return {};
}

}  // namespace pinaflux
