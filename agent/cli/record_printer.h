// Record printer: the records of a file of envelopes as text, envelope by envelope.
//
// Promise    What an envelope's hash proves is printed as it was sealed. What is damaged is told with its place, and printed
//            only when asked for (`salvage`), marked; the envelopes behind it are read all the same.
// Limits     Memory for one envelope and for the file's dictionaries, whatever the file; of a CSV the names of its columns, too.
// Ownership  An EnvelopeFile is read to its end.
// Threads    One owner.
// Tests      tests/agent/cli/record_printer_test.cc
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "agent/cli/envelope_file.h"
#include "agent/cli/record_text.h"
#include "agent/seal/salvage.h"

namespace pinaflux {

class RecordPrinter {
 public:
  struct Counts {
    std::uint64_t envelopes = 0;  // All of them,
    std::uint64_t whole = 0;      // and those that opened.
    std::uint64_t newer =
        0;  // Of those that did not: of a format to come, or without their dictionary.
    std::uint64_t records = 0;                       // Of whole ones.
    std::uint64_t salvaged = 0, salvaged_whole = 0;  // Of others; of which with all fields.
    std::uint64_t foreign_bytes = 0;
    std::uint64_t dictionaries_bad = 0;  // Damaged, or of a format to come.
  };
  using Print = std::function<void(std::string_view)>;

  // `print` takes records, `tell` what a person must know, each a text with its newline.
  RecordPrinter(RecordFormat format, bool salvage, Print print, Print tell);

  // Envelopes that were packed with one of these are opened, and with those that stand before them in the file, which are
  // added. They must outlive the printer.
  void look_in(Dictionaries& dictionaries);

  // Only for a CSV, before print(): the columns of what is in the file. Without it those of the first envelope are all.
  Status learn_columns(EnvelopeFile& file);
  // Errors: those of reading; full (a CSV meets a field that has no column). Damage is none.
  Status print(EnvelopeFile& file);
  // Of the last print().
  const Counts& counts() const { return counts_; }
  // What print() found, in a line; empty: all is whole.
  std::string summary() const;

 private:
  using Take = std::function<Status(const RowIdentity&)>;
  Status each(EnvelopeFile& file, const Take& take);
  void take_dictionary(EnvelopeFile& file, const EnvelopePiece& piece);
  Status take_envelope(EnvelopeFile& file, EnvelopePiece piece, const Take& take);
  Status take_damaged(const EnvelopePiece& piece, const Take& take);
  Result<Header> open(Bytes envelope);
  Status print_rows(RowIdentity identity);
  void renew_shapes();

  RecordFormat format_;
  bool salvage_;
  Print print_, tell_;
  Dictionaries own_;
  Dictionaries* dictionaries_ = &own_;
  Opener opener_;
  Salvager salvager_;
  std::unique_ptr<Shapes> shapes_ = std::make_unique<Shapes>();
  Arena arena_;
  std::vector<Row> rows_;
  std::vector<std::uint32_t> fields_lost_;  // Of rows_ that were salvaged.
  Header header_;                           // Of rows_.
  CsvTable table_;
  bool table_known_ = false;
  std::string text_;
  Counts counts_;
};

}  // namespace pinaflux
