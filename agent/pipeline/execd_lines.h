// Execd lines: NDJSON between a node and its process: a record as a question, an answer as records. README.md has the protocol.
//
// Promise    A value that comes back as it was written is the record's own, bit for bit. Bytes of any sort are an answer, or a reason
//            why they are none.
// Limits     Of an answer: `records_max` records, each with at most `fields_max` fields that the one asked has not, and of 64 KiB, or of
//            as many bytes as that one.
// Ownership  Copies what it is given.
// Threads    One owner.
// Tests      tests/agent/pipeline/execd_lines_test.cc
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/pipeline/made_fields.h"
#include "agent/pipeline/packed_record.h"
#include "platform/base/arena.h"

namespace pinaflux {

// A line has at most so many bytes of text for one of a record: a control character is \u0000.
inline constexpr std::size_t kQuestionGrowth = 6;

// Appends the line that asks what becomes of a packed record.
void append_question(std::uint64_t id, Bytes packed, std::string& to);

class ExecdAnswer {
 public:
  ExecdAnswer(Shapes& shapes, std::size_t records_max, std::size_t fields_max);

  // A line without its end, said of the packed record that was asked as `id`. Why it is no answer; null: it is one.
  const char* read(std::string_view line, std::uint64_t id, Bytes asked);
  // Why the record is refused, as it was said; nothing: it is not.
  const std::optional<std::string>& refusal() const { return refusal_; }
  // What it becomes, packed; none: nothing.
  std::span<const Buffer> records() const { return {records_.data(), record_count_}; }

 private:
  struct Asked {
    std::string_view name;
    Bytes value;
  };
  struct Said {
    std::optional<std::string> stream, time;
    std::string_view fields;  // JSON; empty: it has none.
  };
  const char* read_members(std::string_view object, Said& to, bool whole);
  const char* read_records(std::string_view array);
  const char* read_asked(Bytes packed);
  const char* make(const Said& said);
  std::optional<Stamp> time_of(const Said& said) const;
  const Asked* asked_field(std::string_view name, std::size_t near) const;

  const std::size_t records_max_, fields_max_;
  Arena texts_;  // Of one record of the answer.
  MadeFields fields_;

  // Of the line that is read.
  SourceIndex source_ = 0;
  Stamp time_;
  std::string_view stream_;
  std::size_t asked_bytes_ = 0;
  std::vector<Asked> asked_;
  std::optional<std::uint64_t> id_;
  std::optional<std::string> refusal_;
  std::string_view several_;     // The array of records; empty: there is none.
  std::vector<Buffer> records_;  // The first record_count_ of them; the others keep their memory.
  std::size_t record_count_ = 0;
};

}  // namespace pinaflux
