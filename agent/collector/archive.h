// Archive: keeps each envelope that has landed, byte by byte, in a file a day: what can be landed again, anywhere.
//
// Promise    That of DayFiles, which must outlive it. A file is whole as long as nobody cuts it.
// Dictionary What an envelope of a file was packed with stands before it in that file, so that each can be landed and decoded
//            by itself. It may stand there more than once.
// Format     ../spool/EXPORT.md, "Archives".
// Threads    Storage worker.
// Tests      tests/agent/collector/archive_test.cc, archive_dictionaries_test.cc
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/collector/day_files.h"
#include "agent/collector/supply.h"
#include "agent/seal/dictionary.h"
#include "platform/base/bytes.h"
#include "platform/base/result.h"

namespace pinaflux {

// What an envelope was packed with, and whose it is.
struct PackedWith {
  LaneKey lane;
  const Dictionary* dictionary = nullptr;  // None: the envelope stands alone.
};

class Archive {
 public:
  // `directory` is there.
  Archive(std::string directory, DayFiles& files)
      : directory_(std::move(directory)), files_(&files) {}

  // `today` is the day of landing, as iso_day() writes it. On an error: DayFiles::abandon().
  Status append(const std::string& today, Bytes envelope, const PackedWith& with = {});
  // Something may be taken back: of no dictionary it is known that it is in the file.
  void forget() { known_.clear(); }

 private:
  static constexpr std::size_t kLanesMax = 4'096;

  void append_dictionary(DayFiles::Target& to, const PackedWith& with);
  bool note(const PackedWith& with);

  std::string directory_;
  DayFiles* files_;
  std::string path_;  // Of what known_ speaks of.
  // Ids by lane, the oldest first: what who lands the file has when it has come so far.
  std::map<std::string, std::vector<std::string>> known_;
};

}  // namespace pinaflux
