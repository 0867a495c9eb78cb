// LineSink: posts rows as line protocol to a time series database (InfluxDB 1 and 2, VictoriaMetrics, QuestDB, Telegraf).
//
// Promise    What a transaction landed has been taken by the server, or put into the folder of refused lines, before the
//            transaction is committed. What is not committed comes again, as the same points: a database that keeps one
//            point for each measurement, tags and time has each once.
// Points     agent/seal/row_lines.h. Rows of one append() that have one stream and time are told apart by _n.
// Answers    204, and others of 2xx without a body: taken. 400, 413 and 422: the lines are posted again in halves, until those
//            are found that the server does not take; these go into the folder with its answer, in a form that can be
//            posted by hand. All others fail append() or flush(): everything waits; so it does when a server that has
//            never taken a line refuses all of a transaction, kDoubtAfter or more: that is no matter of lines.
// Limits     kPostBytes, and one row, of memory; after kSearchMax refusals in a transaction what is refused is searched no more, but
//            put away as it is.
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
#include <vector>

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
  static constexpr std::uint64_t kDoubtAfter = 16;
  static constexpr std::uint64_t kSearchMax = 64;

  // `refused`: the folder for lines that the server does not take.
  LineSink(Poster& poster, std::string refused, DayFiles& files)
      : poster_(poster), refused_(std::move(refused)), files_(files) {}

  // `today` for the names of files. Errors: io.
  Status append(const std::string& today, const RowIdentity& identity, std::span<const Row> rows);
  Status flush(const std::string& today);
  void abandon();

  std::uint64_t take_refused();  // Lines, since it was asked last.
  // Why nothing lands; empty when it does.
  const std::string& trouble() const { return trouble_; }

 private:
  Status send(const std::string& today);
  Status post(const std::string& today, std::span<const std::size_t> starts);
  std::string_view text_of(std::span<const std::size_t> starts) const;
  Status refuse(const std::string& today, std::string_view lines, std::size_t count,
                const Poster::Answer& answer);
  Status wait(int status, const char* advice);

  Poster& poster_;
  const std::string refused_;
  DayFiles& files_;
  std::string text_;
  std::vector<std::size_t> starts_;  // Of the lines in text_: a line may hold line breaks.
  bool has_taken_ = false;           // Ever.
  std::uint64_t searched_ = 0;       // Refusals of this transaction.
  std::uint64_t lines_refused_ = 0;
  int last_refusal_ = 0;
  std::string trouble_;
};

}  // namespace pinaflux
