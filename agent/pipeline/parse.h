// ParseStep: the node of Parse: fields that a text holds.
//
// Promise    What cannot be read refuses its record (node_failed), or passes it on as it is; failure() says the rule, and no value.
// Limits     Parse's fields_max, or its names. Values are views of the text that was read; what has quotes or escapes in it is copied
//            into the group's arena for texts, too_large without room.
// Ownership  Shapes must outlive it.
// Threads    Loop.
// Tests      tests/agent/pipeline/parse_test.cc
#pragma once

#include <memory>
#include <string>

#include "agent/pipeline/column.h"
#include "agent/pipeline/made_fields.h"
#include "platform/base/regex_captures.h"

namespace pinaflux {

class ParseStep final : public Step {
 public:
  // Errors: no field, no room for one, no names where they are needed, one twice; separators that cannot be told from each other; a pattern
  // that is none.
  static Result<std::unique_ptr<Step>> make(const Parse& options, Shapes& shapes);

  void take(const Record& record, Flow& flow) override;
  Computed computed() const override;
  std::string failure() const override;

 private:
  ParseStep(const Parse& options, Shapes& shapes, std::unique_ptr<RegexCaptures> pattern);
  std::size_t fields_max() const;
  // Why it cannot be read; null: it was.
  const char* read(std::string_view text, Arena& texts);
  const char* read_pairs(std::string_view text, Arena& texts);
  const char* read_delimited(std::string_view text, Arena& texts);
  const char* read_pattern(std::string_view text);

  Parse options_;
  std::unique_ptr<RegexCaptures> pattern_;  // nullptr: there is none.
  Column column_;
  MadeFields made_;
  const char* why_ = "";
  bool no_room_ = false;
};

}  // namespace pinaflux
