// LineSink: posts rows as line protocol to a time series database (InfluxDB 1 and 2, VictoriaMetrics, QuestDB, Telegraf).
//
// Promise    What a transaction landed has been taken by the server, or put into the folder of refused lines, before the
//            transaction is committed. What is not committed comes again, as the same points: a database that keeps one
//            point for each measurement, tags and time has each once.
// Points     Measurement: stream. Tags: gateway, lane; and _n (1, 2, ...) for rows of one envelope and stream at one time. A row
//            without calendar time gets the time of landing, and the fields _boot and _since_boot_ns.
// Answers    2xx: taken. 400, 413 and 422: the lines are posted again in halves, until those are found that the server does not
//            take; these go into the folder with its answer, in a form that can be posted by hand. All others fail
//            append() or flush(): everything waits.
// Order      append() -> flush() -> the owner's commit; abandon() on a rollback.
// Ownership  Poster and DayFiles must outlive it.
// Threads    Storage worker, which waits for the server.
// Source     InfluxDB's line protocol reference and /write endpoint.
// Tests      tests/agent/collector/line_sink_test.cc, tests/collector/influx
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "agent/collector/day_files.h"
#include "agent/seal/row_json.h"
#include "platform/base/result.h"

namespace pinaflux {

class Poster {
 public:
  struct Answer {
    int status = 0;
    std::string text;
  };
  virtual ~Poster() = default;
  // Waits for the answer. Errors: io, and `why` says what to do.
  virtual Result<Answer> post(std::string_view body, std::string& why) = 0;
};

class LineSink {
 public:
  static constexpr std::size_t kPostBytes = 512 * 1024;  // About, of a request.

  // `refused`: the folder for lines that the server does not take.
  LineSink(Poster& poster, std::string refused, DayFiles& files)
      : poster_(poster), refused_(std::move(refused)), files_(files) {}

  // `now`: for rows without calendar time; `today` for the names of files. Errors: io.
  Status append(const std::string& today, WallTime now, const RowIdentity& identity,
                std::span<const Row> rows);
  Status flush(const std::string& today);
  void abandon() { text_.clear(), lines_refused_ = 0; }

  std::uint64_t take_refused();  // Lines, since it was asked last.
  // Why nothing lands; empty when it does.
  const std::string& trouble() const { return trouble_; }

 private:
  Status post(const std::string& today, std::string_view lines);
  Status refuse(const std::string& today, std::string_view line, const Poster::Answer& answer);

  Poster& poster_;
  const std::string refused_;
  DayFiles& files_;
  std::string text_, trouble_;
  std::uint64_t lines_refused_ = 0;
};

}  // namespace pinaflux
