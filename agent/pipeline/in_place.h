// InPlaceStep: a step that changes the values of named fields, each in its place.
//
// Promise    A record that has none of the fields, or null there, passes as it is; one of which nothing is left goes nowhere. One
//            whose value cannot be changed is refused (node_failed); failure() says the field and the rule, and no value.
// Limits     The new record's cells are in the group's arena for what is computed, texts in the other; too_large without room.
// Threads    Loop.
// Tests      tests/agent/pipeline/convert_test.cc, tests/agent/pipeline/cast_test.cc
#pragma once

#include <string>
#include <vector>

#include "agent/pipeline/column.h"
#include "agent/pipeline/step.h"

namespace pinaflux {

class InPlaceStep : public Step {
 public:
  void take(const Record& record, Flow& flow) final;
  Computed computed() const final { return {.copies = true}; }
  std::string failure() const final;

 protected:
  // Behind those before it, the field `index`.
  void add(const std::string& name) { fields_.push_back({name, Column(name)}); }
  // The value that takes the place of the field `index`; false: there is none, and why() says so.
  virtual bool change(std::size_t index, Value& value) = 0;
  virtual std::string why() const = 0;

 private:
  struct Field {
    std::string name;
    Column column;
  };
  std::vector<Field> fields_;
  std::size_t failed_ = 0;  // By index.
};

}  // namespace pinaflux
