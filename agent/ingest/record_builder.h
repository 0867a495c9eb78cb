// RecordBuilder: fields one by one, in the order they arrive, become one RawRecord of the intake.
//
// Promise    A record is added whole or not at all. In the steady state (the same stream brings the
// same
//            fields in the same order) nothing is taken from the heap and nothing is looked up:
//            every name is compared with the name at the same place in the last record of that
//            stream.
// Order      begin() -> add()* -> finish(), for each record; a fault ends the record.
// Limits     kFieldsMax fields, kNameBytesMax a name; the intake's room.
// Ownership  Text is copied into the intake's arena by keep(); names may die after add().
// Threads    Loop.
// Tests      tests/agent/ingest/record_builder_test.cc
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/data/intake.h"
#include "agent/ingest/options.h"

namespace pinaflux {

// Why a record did not come about.
struct Fault {
  bool no_room = false;  // Not the record's fault: the intake is full.
  Reason reason = Reason::malformed;
  std::uint32_t position = 0;  // Byte of the record, where known.
};
using Built = std::expected<void, Fault>;

inline std::unexpected<Fault> refuse(Reason reason, std::size_t position = 0) {
  return std::unexpected(Fault{false, reason, static_cast<std::uint32_t>(position)});
}
inline std::unexpected<Fault> no_room() {
  return std::unexpected(Fault{true, Reason::too_large, 0});
}

class RecordBuilder {
 public:
  explicit RecordBuilder(TimeField time) : time_field_(std::move(time)) {}

  void begin(Intake& intake, std::string_view stream);
  // The field `prefix` + `name`; the time field is taken for the record's time instead.
  Built add(std::string_view prefix, std::string_view name, Value value);
  // The same for a whole name and a value that is no view, where the last record of the stream had it, too; false: nothing was added.
  bool add_predicted(std::string_view name, const Value& value) {
    const std::size_t i = values_.size();
    if (predicted_ == nullptr || i >= predicted_->field_count() || predicted_->fields()[i] != name)
      return false;
    values_.push_back(value);
    return true;
  }
  // A copy in the intake's arena; data() == nullptr: no room.
  std::string_view keep(std::string_view text);
  // The record's own time, from outside of its fields; it wins over arrival.
  void set_time(Stamp time) { time_ = time; }
  // Adds the record. Its time is its own if it brought one, else `arrival`.
  Built finish(Stamp arrival);

 private:
  Built take_time(const Value& value);
  Built add_unpredicted(std::string_view prefix, std::string_view name, Value value);
  void names_of_prediction();
  bool names_repeat();
  std::expected<const Shape*, Fault> shape();

  const TimeField time_field_;
  Intake* intake_ = nullptr;
  std::string_view stream_;
  const Shape* predicted_ = nullptr;  // Agrees with every field so far; otherwise nullptr.
  bool time_taken_ = false;
  std::optional<Stamp> time_;
  std::vector<Value> values_;
  std::vector<std::string_view> names_;  // Used once the prediction has failed.
  std::vector<std::string_view> sorted_;

  const Shapes* shapes_ = nullptr;
  const Shape* last_ = nullptr;
  std::unordered_map<std::string_view, const Shape*> last_by_stream_;  // Keys belong to the shapes.
};

// A record's time as nanoseconds since 1970; nothing if it is no time or out of range.
std::expected<std::int64_t, Fault> time_of(const Value& value, TimeField::Unit unit);
// RFC 3339 with any number of decimals (beyond nine they are cut) and any offset.
std::expected<std::int64_t, Fault> parse_rfc3339(std::string_view text);

}  // namespace pinaflux
