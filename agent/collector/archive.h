// Archive: keeps each envelope that has landed, byte by byte, in a file a day: what can be landed again, anywhere.
//
// Promise    That of DayFiles, which must outlive it. A file is whole as long as nobody cuts it.
// Format     ../spool/EXPORT.md, "Archives".
// Threads    Storage worker.
// Tests      tests/agent/collector/archive_test.cc
#pragma once

#include <string>
#include <utility>

#include "agent/collector/day_files.h"
#include "platform/base/bytes.h"
#include "platform/base/result.h"

namespace pinaflux {

class Archive {
 public:
  // `directory` is there.
  Archive(std::string directory, DayFiles& files)
      : directory_(std::move(directory)), files_(&files) {}

  // `today` is the day of landing, as iso_day() writes it. On an error: DayFiles::abandon().
  Status append(const std::string& today, Bytes envelope);

 private:
  std::string directory_;
  DayFiles* files_;
};

}  // namespace pinaflux
