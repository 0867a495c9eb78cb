// The measurements of `bench spool`, one function each, to be run in a child of its own (bench_child.h).
//
// Units      Bytes, seconds, records; kilobytes of 1,024 bytes where a name ends in kb.
// Written    `written` is the kernel's write_bytes, `handed` what SQLite handed to the kernel. Both from
//            after the spool was opened (its WAL is laid out then, once) until it is closed, so that
//            acks and the last checkpoint are in.
// Order      fill() before those that need a backlog; drain() empties it.
// Tests      tests/bench/spool
#pragma once

#include <string>

#include "agent/cli/bench_child.h"
#include "agent/cli/bench_load.h"

namespace pinaflux::bench {

inline constexpr std::uint64_t kGibibyte = 1ull << 30;

// 200 messages a second, one commit a second: the position of one source, 16 pieces of pipeline state of 64
// bytes each (1 KB, all of it new in every commit), envelopes leased at once and acknowledged a second
// later. `redelivery`: as the mqtt source commits, also packet id and hash of each message, erased
// in the next commit.
Status steady(const std::string& directory, int minutes, bool redelivery, Numbers& out,
              Meter& progress);

// Full groups (12,288 records) of 10 fields. Link up: leased at once, acknowledged in
// the next commit. Link down: all of it waits, then the link returns and it drains.
Status bulk(const std::string& directory, std::size_t records, bool link, Numbers& out,
            Meter& progress);

// Records of 10 fields, from raw values in memory until they are durable: masked, committed in groups of
// `group`, sealed, leased, acknowledged in the next commit.
Status durable(const std::string& directory, std::size_t group, double seconds, Numbers& out,
               Meter& progress);

// A backlog, committed while the link is down: `records` of them, and until `bytes` are queued.
Status fill(const std::string& directory, LoadKind kind, std::size_t records, std::uint64_t bytes,
            Numbers& out, Meter& progress);

// The most memory of a process that opens the backlog, commits 100 small groups and a full one with the link
// down (which merges chunks), then leases five windows.
Status peak(const std::string& directory, Numbers& out, Meter& progress);

// Opening, with the file dropped from the kernel's cache first, where it lets itself be dropped; then again.
Status start(const std::string& directory, Numbers& out, Meter& progress);

// Leases, acknowledges and deletes all of it, a window at a time.
Status drain(const std::string& directory, Numbers& out, Meter& progress);

}  // namespace pinaflux::bench
