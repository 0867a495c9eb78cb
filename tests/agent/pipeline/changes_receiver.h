// ChangesReceiver: what README.md promises to who receives the records of a `changes` node, done to the letter: of each key, in
// the order in which they come, a field that is absent has the value that was given last; what is older than the newest stands
// for its own time alone.
#pragma once

#include <cmath>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "agent/data/record.h"

namespace pinaflux {

class ChangesReceiver {
 public:
  explicit ChangesReceiver(std::vector<std::string> keys) : keys_(std::move(keys)) {}

  // False: it came late.
  bool take(const Row& row) {
    Series& series = series_[key_of(row)];
    const Stamp time = row.time;
    if (!series.fields.empty() && series.time.boot == time.boot && time.ns < series.time.ns) {
      return false;
    }
    series.time = time;
    for (std::size_t i = 0; i < row.cells().size(); ++i) {
      const Value& value = row.cells()[i];
      if (value.type() == Type::absent) continue;
      Held& held = series.fields[row.shape->fields()[i]];
      held.text = value.is_view() ? std::string(value.as_text()) : std::string();
      held.value = value.is_view() ? Value::placeholder(value.type()) : value;
    }
    return true;
  }

  // What there is of the record's key in this field, by now.
  bool has(const Row& of, const std::string& field) {
    return series_[key_of(of)].fields.contains(field);
  }
  // How far off that is; of what is no number 0 or infinity.
  double distance(const Row& of, const std::string& field, const Value& value) {
    const Held& held = series_[key_of(of)].fields.at(field);
    if (value.is_number() && held.value.is_number()) {
      if (identical(value, held.value)) return 0.0;
      const double off = std::abs(value.to_double() - held.value.to_double());
      return std::isnan(off) ? INFINITY : off;
    }
    const bool same =
        value.type() == held.value.type() &&
        (value.is_view() ? value.as_text() == held.text : identical(value, held.value));
    return same ? 0.0 : INFINITY;
  }
  double last(const Row& of, const std::string& field) {
    return series_[key_of(of)].fields.at(field).value.to_double();
  }

 private:
  struct Held {
    Value value;
    std::string text;
  };
  struct Series {
    Stamp time;
    std::map<std::string, Held> fields;
  };

  std::string key_of(const Row& row) const {
    std::string key(row.shape->stream());
    for (const std::string& name : keys_) {
      const int place = row.shape->find(name);
      const Value value = place < 0 ? Value() : row.cells()[static_cast<std::size_t>(place)];
      key += '\0' + std::string(value.is_view() ? value.as_text() : "") +
             (value.is_view() ? "" : std::to_string(value.as_uint64()));
    }
    return key;
  }

  std::vector<std::string> keys_;
  std::map<std::string, Series> series_;
};

}  // namespace pinaflux
