// Rows into the files of their shapes, for the sinks that write files by day.
//
// Threads    Storage worker.
// Tests      tests/agent/collector/ndjson_sink_test.cc, csv_sink_test.cc
#pragma once

#include <span>

#include "agent/collector/day_files.h"
#include "agent/seal/row_json.h"
#include "platform/base/assert.h"
#include "platform/base/result.h"

namespace pinaflux {

// `choose(shape)` gives a shape's file (Result<DayFiles::Target*>), `write(text, identity, row)` appends a row to its text.
// On an error: DayFiles::abandon().
template <typename Choose, typename Write>
Status append_rows(DayFiles& files, RowIdentity identity, std::span<const Row> rows,
                   const Choose& choose, const Write& write) {
  const Shape* shape = nullptr;
  DayFiles::Target* to = nullptr;
  for (const Row& row : rows) {
    if (row.shape != shape) {
      const auto found = choose(*row.shape);
      if (!found) return std::unexpected(found.error());
      to = *found;
      shape = row.shape;
    }
    ASSERT(to != nullptr);
    write(to->text, identity, row);
    identity.seq += identity.step;
    if (Status s = files.grown(*to); !s) return s;
  }
  return {};
}

}  // namespace pinaflux
