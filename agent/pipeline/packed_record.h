// PackedRecord: a record as bytes, for a node that holds it back or has it in its state.
//
// Promise    What unpack_record() gives is identical to what was packed. Damaged bytes are nothing.
// Limits     None of its own: the caller looks at the size.
// Ownership  A record that is unpacked lives in the arena.
// Threads    Loop.
// Tests      tests/agent/pipeline/swing_test.cc
#pragma once

#include <optional>

#include "agent/pipeline/step.h"

namespace pinaflux {

// Appends it.
void pack_record(const Record& record, SourceIndex source, Buffer& to);
// Nothing: the arena has no room, there are too many shapes, or the bytes are damaged.
std::optional<Step::Given> unpack_record(Bytes from, Shapes& shapes, Arena& arena);
// The bytes are those of a record whose shape there is, or is room for.
bool is_packed_record(Bytes from, Shapes& shapes);

// Looks at the bytes of a record, without making it; of damaged ones there is no field.
class PackedRecord {
 public:
  explicit PackedRecord(Bytes packed);

  SourceIndex source() const { return source_; }
  Stamp time() const { return time_; }
  std::string_view stream() const { return stream_; }
  std::size_t field_count() const { return static_cast<std::size_t>(count_); }
  // The next field: from the first on.
  bool next();
  std::string_view name() const { return name_; }
  Bytes value() const { return value_; }  // Packed.
  bool failed() const { return from_.failed(); }
  bool at_end() const { return from_.left() == 0; }

 private:
  Bytes packed_;
  Reader from_;
  SourceIndex source_ = 0;
  Stamp time_;
  std::string_view stream_;
  std::uint64_t count_ = 0, at_ = 0;
  std::string_view name_;
  Bytes value_;
};

// A view of the bytes where it is one; of damaged ones anything.
Value unpack_value(Bytes packed);
void pack_value(const Value& value, Writer& to);
// What a packed record begins with; its fields follow, each a name and a packed value.
void begin_packed(SourceIndex source, Stamp time, std::string_view stream, std::size_t fields,
                  Buffer& to);

}  // namespace pinaflux
