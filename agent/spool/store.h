// Store: the open file: database, tables and the lanes as the file has them.
//
// Promise    open() reads the whole queue's keys and checks that no seq is missing or doubled. What it found
//            is durable when it returns, even if an earlier sync failed.
// Errors     As Spool::open(); corrupt: the file must be set aside.
// Threads    Storage worker.
// Tests      tests/agent/spool/open_test.cc
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/spool/encryption.h"
#include "agent/spool/lane.h"
#include "agent/spool/lane_dictionaries.h"
#include "agent/spool/letters.h"
#include "agent/spool/notes.h"
#include "agent/spool/queue.h"
#include "agent/spool/room.h"
#include "agent/spool/spool.h"
#include "agent/spool/sqlite.h"
#include "platform/files.h"

namespace pinaflux {

struct Store {
  std::unique_ptr<File> file;  // First: closed after the database, whose locks it would drop.
  std::unique_ptr<sqlite::Database> database;  // Statements die before it.
  std::unique_ptr<Encryption> encryption;
  std::optional<Queue> queue;
  std::optional<Notes> notes;
  std::optional<Letters> letters;
  std::optional<Room> room;
  sqlite::Statement save_lane;
  Epoch epoch{};
  LaneDictionaries dictionaries;
  std::vector<Lane> lanes;  // By LaneIndex: as configured, then those that still hold something.
  std::int64_t age = 0;     // Seconds that the spool had lived at its newest entry.
  std::uint64_t letter_count = 0;  // Refusals that the dead letters stand for.
  std::int64_t version = 0;  // That a reader of the rows, and of those that may come, must know.

  // `keep`: lanes that stay in `lanes` although they are empty, so that no index changes.
  static Result<Store> open(const SpoolOptions& options, const Roots& roots, Files& files,
                            WallTime now, Entropy& entropy, std::vector<std::string>& findings,
                            const std::vector<LaneId>& keep = {});

  Status save(const Lane& lane);
  // Cursors, states, contents of dead letters and chains that are not stored as new ones would be are written anew, keys that nothing
  // needs any more are deleted. What has no room is done at a later start.
  Status tidy();
  // In the running transaction, having lived so many seconds, if there is room for them beside so many bytes: they can wait, records cannot.
  // What is too old goes.
  Status write_dictionaries(std::int64_t bytes_beside, std::int64_t lived);
  // After dead letters came or went.
  Status count_letters();
  // Looks up the oldest records of a lane again.
  Status find_front(Lane& lane);
};

// The budget of dead letters.
std::uint64_t letter_bytes(const SpoolOptions& options);
std::string database_path(const SpoolOptions& options);
// The name of the damaged database that was set aside; empty: there is none.
std::string name_set_aside(const SpoolOptions& options, Files& files);
// Moves a damaged database out of the way, in place of one that was set aside before.
Status set_aside(const SpoolOptions& options, Files& files, WallTime now, const char* why,
                 std::vector<std::string>& findings);

}  // namespace pinaflux
