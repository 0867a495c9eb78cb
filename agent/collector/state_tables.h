// The tables of state that collectors share in PostgreSQL: the same names and columns there as in SQLite.
//
// Threads    Constants; any.
// Tests      tests/agent/collector_postgres/
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace pinaflux {

// The first `keys` columns are the key.
struct StateTable {
  struct Column {
    const char* name;
    char type;  // i: bigint, t: text, b: bytea.
  };
  const char* name;
  std::size_t keys;
  std::vector<Column> columns;
};

namespace state_tables {

inline const StateTable kRanges{
    "pinaflux_range",
    2,
    {{"lane", 'i'}, {"first", 'i'}, {"last", 'i'}, {"fate", 'i'}, {"reason", 't'}}};
inline const StateTable kEnvelopes{
    "pinaflux_envelope",
    2,
    {{"lane", 'i'}, {"last", 'i'}, {"first", 'i'}, {"hash", 'b'}, {"previous", 'b'}}};
inline const StateTable kDictionaries{
    "pinaflux_dictionary", 2, {{"lane", 'i'}, {"id", 't'}, {"number", 'i'}, {"content", 'b'}}};
inline const StateTable kGateways{
    "pinaflux_gateway", 1, {{"name", 't'}, {"state", 't'}, {"seen", 'i'}}};
inline const StateTable kAnchors{"pinaflux_anchor",
                                 1,
                                 {{"id", 'i'},
                                  {"gateway", 't'},
                                  {"boot", 't'},
                                  {"origin", 't'},
                                  {"monotonic", 'i'},
                                  {"wall", 'i'},
                                  {"uncertainty", 'i'},
                                  {"round_trip", 'i'},
                                  {"synchronised", 'i'},
                                  {"received", 'i'},
                                  {"replaced", 'i'}}};
inline const StateTable kBoots{"pinaflux_boot",
                               4,
                               {{"gateway", 't'},
                                {"boot", 't'},
                                {"stream", 't'},
                                {"lane", 'i'},
                                {"first", 'i'},
                                {"last", 'i'},
                                {"todo", 'i'}}};
inline const StateTable kFiles{"pinaflux_file", 1, {{"path", 't'}, {"bytes", 'i'}}};
inline const StateTable kLanes{"pinaflux_lane", 1, {{"id", 'i'}}};
inline const StateTable kGaps{"pinaflux_gap", 1, {{"lane", 'i'}, {"since", 'i'}}};
inline const StateTable kDoubts{"pinaflux_doubt", 1, {{"lane", 'i'}}};

// Whose changes are noted.
inline const std::array kWatched{&kRanges, &kEnvelopes, &kDictionaries, &kGateways, &kAnchors,
                                 &kBoots,  &kFiles,     &kLanes,        &kDoubts,   &kGaps};

// PostgreSQL's.
const char* make_sql();

// "PREFIXa,PREFIXb": columns from `first` to before `end`.
std::string join(const StateTable& table, std::size_t first, std::size_t end,
                 const std::string& prefix);
// "Ak=Bk AND ...".
std::string equal_keys(const StateTable& table, const std::string& a, const std::string& b);
// "unnest($1::bigint[],...)" of the first columns.
std::string unnest(const StateTable& table, std::size_t columns);

}  // namespace state_tables

}  // namespace pinaflux
