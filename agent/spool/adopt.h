// Adopt: takes what an export file of an earlier spool of this gateway holds (the gateway died, or was given a new
// card), to be sent beside what this spool has of its own.
//
// Promise    Gateway, epoch, lane, seq and bytes stay as they are. What is here already, or was acknowledged
//            from here, is not taken again: importing twice changes nothing.
// Errors     invalid: of another gateway, whose topics are not ours to publish to; or it does not follow on
//            what is here. full: no room. newer. Nothing of the step was taken.
// Ownership  The spool is to be closed and opened again afterwards: only that makes lanes of the rows.
// Threads    The one thread of a command that has the spool's lock.
// Tests      tests/agent/spool/adopt_test.cc
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/spool/export_file.h"
#include "agent/spool/operation.h"
#include "agent/spool/row_opener.h"

namespace pinaflux {

class Adopt : public Operation {
 public:
  explicit Adopt(std::unique_ptr<ExportReader> reader) : reader_(std::move(reader)) {}

  bool changes() const override { return true; }
  std::int64_t bytes_written(const Access& access) const override;
  Result<bool> step(const Access& access, Buffer& out) override;
  Progress progress() const override { return {reader_->bytes_read(), reader_->bytes_total()}; }
  // The file was cut off or changed: what was whole has been taken.
  bool damaged() const override { return !ending_; }
  std::string text() const;  // For a terminal, when it has ended.

 private:
  Status take_dictionary(const Access& access, Bytes message);
  Status take(const Access& access, Bytes envelope);
  Status put(const Access& access, Lane& lane, Entry& entry, const Digest& previous,
             Bytes envelope);
  Result<Lane> lane_of(const Access& access, const Header& header, std::uint64_t first);
  void report(Buffer& out) const;

  std::unique_ptr<ExportReader> reader_;
  Status ending_;
  std::uint64_t envelopes_ = 0;  // In the file.
  std::uint64_t taken_ = 0, records_ = 0;
  RowOpener opener_;
};

// "pinaflux.queue.import/1", one line.
std::string adopt_json(std::uint64_t envelopes, std::uint64_t taken, std::uint64_t records,
                       const std::string& text);

}  // namespace pinaflux
