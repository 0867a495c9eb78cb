// Schema: the tables of spool.db, made, recognised and refused; and the few facts of the file itself.
//
// Promise    A file of a newer version, or of another program, is closed as it was found.
// Errors     newer, invalid (another program's database), corrupt (not a database), and sqlite.h's.
// Threads    Storage worker.
// Tests      tests/agent/spool/open_test.cc. Tables: FORMAT.md.
#pragma once

#include <string>
#include <vector>

#include "agent/data/identity.h"
#include "agent/spool/encryption.h"
#include "agent/spool/lane.h"
#include "agent/spool/queue.h"
#include "agent/spool/sqlite.h"
#include "platform/base/result.h"
#include "platform/entropy.h"

namespace pinaflux::schema {

inline constexpr std::int64_t kVersion = 1;           // Of a spool in plain text.
inline constexpr std::int64_t kVersionEncrypted = 2;  // Has the tables of encryption.h.
inline constexpr std::int64_t kVersionUnordered = 3;  // May have rows with Loss::landed.
inline constexpr std::int64_t kVersionThinned = 4;    // May have thinned envelopes.
inline constexpr std::int64_t kVersionSplit =
    5;  // May have parts of split ones, and Loss::undeliverable.
inline constexpr std::int64_t kVersionDictionaries = 6;     // May have envelopes with a dictionary.
inline constexpr std::int64_t kApplicationId = 0x50465331;  // "PFS1", seen by file(1).

// Looks at the file without writing. True: the tables are there. False: the file is empty.
Result<bool> recognise(sqlite::Database& database);
// Makes the file durable, and the tables (and columns) if they are not there.
Status prepare(sqlite::Database& database, bool made, const std::string& gateway, WallTime now,
               Entropy& entropy);
// That a reader of the row, or of what the lane may write, must know.
std::int64_t version_for(const Entry& entry);
std::int64_t version_for(const LaneOptions& lane);
// In the running transaction, if there is one: no version above it is lowered, or none but `from`.
Status raise_version(sqlite::Database& database, std::int64_t to);
Status lower_version(sqlite::Database& database, std::int64_t from, std::int64_t to);
// Ours, and with its tables. Reads only. Errors: not_found (an empty file), newer, invalid, corrupt.
Status check(sqlite::Database& database);
Result<Epoch> epoch(sqlite::Database& database);
// In the running transaction: lanes that are made from now on get another one.
Status renew_epoch(sqlite::Database& database, Entropy& entropy);
Result<std::string> gateway(sqlite::Database& database);  // That made the file.
Result<std::vector<Lane>> lanes(sqlite::Database& database, Encryption& encryption);
sqlite::Statement prepare_save(const sqlite::Database& database);  // See Store::save().
Result<Lane> add_lane(sqlite::Database& database, const std::string& gateway,
                      const std::string& name, const Epoch& epoch);

}  // namespace pinaflux::schema
