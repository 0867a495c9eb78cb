#include "tests/sim/crash/reader.h"

#include <algorithm>

#include "agent/data/limits.h"
#include "tests/sim/crash/records.h"

namespace pinaflux::crash {

namespace {

std::string seqs(const Range& range) {
  return std::to_string(range.first) + "-" + std::to_string(range.last);
}

std::string extra(const Header& header, std::string_view key) {
  const auto at = std::ranges::find(header.extra, key, &std::pair<std::string, std::string>::first);
  return at == header.extra.end() ? "" : at->second;
}

}  // namespace

std::uint64_t thinness(const Header& header) { return header.count == 0 ? kLost : header.every; }

Reader::Reader() : arena_(limits::kOpenedBytesMax * 4) {}

std::string Reader::wrong_with(const Lease& lease, const LaneState& lane, std::uint64_t landed,
                               const Digest& chain) {
  arena_.reset();
  rows_.clear();
  reason_.clear();
  const std::string where = " (lane " + lane.name + ", lease " + seqs(lease.range) + ")";
  const auto header = opener_.open(lease.bytes, shapes_, arena_, rows_);
  if (!header) return std::string("an envelope does not open: ") + header.error().what + where;
  if (header->gateway != lane.gateway || header->lane != lane.name || header->epoch != lane.epoch ||
      lease.epoch != lane.epoch) {
    return "an envelope has another's identity" + where;
  }
  if (lease.range.first != landed + 1) return "a lease does not follow the one before it" + where;
  every_ = thinness(*header);
  if (header->every > 1) reason_ = "thinned";
  if (header->count == 0) {
    const std::string wrong = wrong_with_loss(lease, *header);
    if (!wrong.empty()) return wrong + where;
  }
  // What led to damage may be gone with it, and a receiver does not ask for it.
  const bool unknown = reason_ == "damaged" && header->previous == Digest{};
  if (header->previous != chain && !unknown) return "the hash chain is broken" + where;
  if (header->count == 0) return {};
  if (header->range != lease.range || header->count != rows_.size() ||
      chain_end(*header) != lease.hash || rows_.size() != lease.range.count_every(header->every)) {
    return "an envelope is not what its lease says" + where;
  }
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const std::uint64_t seq = lease.range.nth(i, header->every);
    if (!is_record(rows_[i], lane.name, seq)) {
      return "record " + std::to_string(seq) + " is not what was given" + where;
    }
  }
  return {};
}

bool Reader::overtakes(const Lease& lease, std::uint64_t landed) {
  const auto header = Opener::header(lease.bytes);
  return header && thinness(*header) > 1 && lease.range.first <= landed &&
         lease.range.last > landed;
}

void Reader::seal_again(Lease& lease) {
  arena_.reset();
  rows_.clear();
  auto header = opener_.open(lease.bytes, shapes_, arena_, rows_);
  if (!header || rows_.empty()) return;
  ++header->floor;
  lease.bytes.clear();
  std::size_t taken = 0;
  const Status sealed =
      sealer_.seal(rows_, Effort::fast, limits::kEnvelopeBytesMax, *header, lease.bytes, taken);
  ASSERT(sealed && taken == rows_.size());
  lease.hash = chain_end(*header);
}

std::string Reader::wrong_with_loss(const Lease& lease, const Header& header) {
  const std::string lost = extra(header, "lost");
  const std::string range = seqs(lease.range) + ":";
  if (!lost.starts_with(range)) return "a tombstone declares " + lost;
  if (extra(header, "through") != hex(lease.hash)) return "a tombstone leads another way";
  reason_ = lost.substr(range.size());
  return reason_.empty() ? "a tombstone gives no reason" : "";
}

}  // namespace pinaflux::crash
