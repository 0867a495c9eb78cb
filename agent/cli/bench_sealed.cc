#include "agent/cli/bench_sealed.h"

#include <algorithm>

#include "agent/data/limits.h"

namespace pinaflux::bench {

Status Sealed::take(std::span<const Record> records) {
  rows_.clear();
  for (const Record& record : records) rows_.push_back(record.row());
  for (std::span<const Row> rows(rows_); !rows.empty();) {
    Header header;
    header.gateway = "bench";
    header.lane = "normal";
    header.range.first = count_ + 1;
    std::size_t taken = 0;
    envelope_.clear();
    const auto some = rows.first(std::min(rows.size(), kRecords));
    const Status sealed =
        sealer_.seal(some, Effort::standard, limits::kEnvelopeBytesMax, header, envelope_, taken);
    if (!sealed) return sealed;
    bytes_ += envelope_.size();
    count_ += taken;
    rows = rows.subspan(taken);
  }
  return {};
}

}  // namespace pinaflux::bench
