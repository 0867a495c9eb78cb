#include "agent/cli/record_printer.h"

#include <algorithm>

#include "agent/cli/damage_text.h"
#include "agent/data/limits.h"
#include "agent/seal/dictionary_message.h"

namespace pinaflux {

namespace {

constexpr std::size_t kArenaBytes = std::size_t{10}
                                    << 20;     // What envelope.h promises to be enough.
constexpr std::size_t kTextBytes = 64 * 1024;  // Handed over at once.

constexpr const char* kNewColumn =
    "a later envelope has a field that the CSV's header line has no column for, and a stream "
    "cannot "
    "be read twice: give a file instead of -, or use another --format";

}  // namespace

RecordPrinter::RecordPrinter(RecordFormat format, bool salvage, Print print, Print tell)
    : format_(format),
      salvage_(salvage),
      print_(std::move(print)),
      tell_(std::move(tell)),
      arena_(kArenaBytes),
      table_(salvage) {
  look_in(own_);
}

void RecordPrinter::look_in(Dictionaries& dictionaries) {
  dictionaries_ = &dictionaries;
  opener_.look_in(&dictionaries);
  salvager_.look_in(&dictionaries);
}

void RecordPrinter::renew_shapes() {
  shapes_ = std::make_unique<Shapes>();
  table_.forget_shapes();
}

// Shapes only grow, and a file may hold any number of them.
Result<Header> RecordPrinter::open(Bytes envelope) {
  if (shapes_->count() > limits::kShapesMax / 2) renew_shapes();
  for (bool again = false;; again = true) {
    rows_.clear();
    arena_.reset();
    auto header = opener_.open(envelope, *shapes_, arena_, rows_);
    if (header || header.error().code != Code::full || again) return header;
    renew_shapes();
  }
}

Status RecordPrinter::take_damaged(const EnvelopePiece& piece, const Take& take) {
  rows_.clear();
  arena_.reset();
  renew_shapes();
  Salvaged found = salvager_.examine(piece.bytes, *shapes_, arena_, rows_);
  if (found.why.code == Code::newer) ++counts_.newer;
  tell_(damage_text(piece, found, rows_.size(), salvage_));
  if (!salvage_ || rows_.empty()) return {};
  fields_lost_.assign(found.fields_lost.begin(), found.fields_lost.end());
  counts_.salvaged += rows_.size();
  counts_.salvaged_whole += static_cast<std::uint64_t>(std::ranges::count(fields_lost_, 0u));
  header_ = std::move(found.header);
  return take({.salvaged = found.proof == Salvaged::Proof::none ? "unproven" : "proven",
               .seq_known = found.range_known});
}

void RecordPrinter::take_dictionary(EnvelopeFile& file, const EnvelopePiece& piece) {
  auto message = parse_dictionary(piece.bytes);
  if (!message) message = parse_dictionary(file.damaged().bytes);
  if (message) {
    dictionaries_->add(std::move(message->dictionary));
    return;
  }
  ++counts_.dictionaries_bad;
  tell_(bad_dictionary_text(piece, message.error()));
}

Status RecordPrinter::take_envelope(EnvelopeFile& file, EnvelopePiece piece, const Take& take) {
  ++counts_.envelopes;
  auto header = open(piece.bytes);
  if (!header && header.error().code == Code::corrupt) {
    const std::size_t before = piece.bytes.size();
    piece = file.damaged();
    if (piece.bytes.size() != before) header = open(piece.bytes);
  }
  if (!header) return take_damaged(piece, take);
  ++counts_.whole;
  counts_.records += rows_.size();
  header_ = std::move(*header);
  fields_lost_.clear();
  return take({});
}

Status RecordPrinter::each(EnvelopeFile& file, const Take& take) {
  counts_ = {};
  for (;;) {
    const auto piece = file.next();
    if (!piece) return std::unexpected(piece.error());
    if (!*piece) break;
    if ((*piece)->kind == EnvelopePiece::Kind::foreign) {
      counts_.foreign_bytes += (*piece)->size;
      tell_(std::to_string((*piece)->size) + " bytes at byte " + std::to_string((*piece)->at) +
            ": no envelope, and none begins in them\n");
    } else if ((*piece)->kind == EnvelopePiece::Kind::dictionary) {
      take_dictionary(file, **piece);
    } else if (Status s = take_envelope(file, **piece, take); !s) {
      return s;
    }
  }
  return file.ending();
}

Status RecordPrinter::learn_columns(EnvelopeFile& file) {
  const Print tell = std::exchange(tell_, [](std::string_view) {});  // print() will tell.
  const Status learnt = each(file, [this](const RowIdentity&) { return table_.add(rows_); });
  tell_ = tell;
  table_known_ = true;
  return learnt.has_value() || learnt.error().code == Code::corrupt ? Status() : learnt;
}

Status RecordPrinter::print(EnvelopeFile& file) {
  if (format_ == RecordFormat::csv && table_known_) print_(table_.header());
  return each(file, [this](const RowIdentity& identity) { return print_rows(identity); });
}

// `identity` has what all of rows_ have in common beside header_.
Status RecordPrinter::print_rows(RowIdentity identity) {
  if (format_ == RecordFormat::csv && !table_known_ && !rows_.empty()) {
    if (Status s = table_.add(rows_); !s) return s;
    table_known_ = true;
    print_(table_.header());
  }
  if (format_ == RecordFormat::csv && !table_.has_all(rows_)) return fail(Code::full, kNewColumn);
  const std::string epoch = hex(header_.epoch);
  identity.gateway = header_.gateway;
  identity.epoch = epoch;
  identity.lane = header_.lane;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    identity.seq = header_.range.nth(i, header_.every);
    if (!fields_lost_.empty()) identity.fields_lost = fields_lost_[i];
    if (format_ == RecordFormat::ndjson) append_json_line(text_, identity, rows_[i]);
    if (format_ == RecordFormat::csv) table_.append(text_, identity, rows_[i]);
    if (format_ == RecordFormat::lines) append_line_protocol(text_, identity, rows_[i]);
    if (text_.size() < kTextBytes && i + 1 < rows_.size()) continue;
    print_(text_);
    text_.clear();
  }
  return {};
}

std::string RecordPrinter::summary() const {
  const std::uint64_t bad = counts_.envelopes - counts_.whole;
  if (bad == 0 && counts_.foreign_bytes == 0 && counts_.dictionaries_bad == 0) return "";
  const auto number = [](std::uint64_t n) { return std::to_string(n); };
  std::string text = number(counts_.whole) + " of " + number(counts_.envelopes) +
                     " envelopes are whole, with " + number(counts_.records) + " records";
  if (bad > counts_.newer) text += "; " + number(bad - counts_.newer) + " damaged";
  if (counts_.newer > 0)
    text += "; " + number(counts_.newer) + " of a newer format or without their dictionary";
  if (salvage_) {
    text += "; salvaged " + number(counts_.salvaged) + " records, " +
            number(counts_.salvaged_whole) + " with all fields (marked _salvaged)";
  }
  if (counts_.dictionaries_bad > 0)
    text += "; dictionaries that cannot be used: " + number(counts_.dictionaries_bad);
  if (counts_.foreign_bytes > 0) text += "; " + number(counts_.foreign_bytes) + " foreign bytes";
  return text + "\n";
}

}  // namespace pinaflux
