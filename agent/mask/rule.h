// Rule: one MaskRule made ready: patterns cut, key fetched, nonsense refused.
//
// Promise    make() refuses a rule that could never do what it says: a mask that silently does nothing
//            is worse than none. What cannot be applied to a value refuses the record later.
// Ownership  Holds what HMAC needs of the key, and wipes it.
// Threads    Immutable; any.
// Tests      tests/agent/mask/masker_test.cc
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "agent/data/value.h"
#include "agent/mask/ff1.h"
#include "agent/mask/masker.h"
#include "agent/mask/pattern.h"
#include "agent/mask/scratch.h"
#include "platform/base/regex.h"
#include "platform/crypto/crypto.h"

namespace pinaflux {

class Rule {
 public:
  using Operator = MaskRule::Operator;

  static Result<Rule> make(const MaskRule& options, const Vault& vault);
  Rule(Rule&&) noexcept = default;
  Rule& operator=(Rule&&) = delete;

  Operator with() const { return with_; }
  bool on_names() const { return options_.on_stream_name || options_.on_field_name; }
  bool on_stream_name() const { return options_.on_stream_name; }
  bool on_field_name() const { return options_.on_field_name; }
  bool is_allow_list() const { return !allow_.empty(); }

  bool selects_stream(std::string_view stream) const { return stream_.matches(stream); }
  // The operator applies to this field: it matches, or the allow-list does not name it. `wild` are the
  // steps of its name that the configuration did not write down.
  bool selects_field(std::string_view field, Pattern::StepSet& wild) const;

  // Steps of a stream's name to mask: those that a wildcard matched, or all if there is none; never the
  // first, which is the source's name.
  Pattern::StepSet stream_steps(std::string_view stream) const;

  // What a rule is told of the value that it is given.
  struct Cell {
    Masker::Origin origin = Masker::Origin::source;
    std::string_view stream, field;  // As they are masked.
    Stamp time;
  };
  enum class Applied { done, failed, rejected };  // failed: the rule cannot be applied to it.

  bool by_value() const { return options_.value != 0 || regex_; }
  Duration on_time() const { return options_.time; }  // Zero: it is no rule on the record's time.
  bool on_position() const { return with_ == Operator::grid || with_ == Operator::home_zone; }
  std::string_view latitude() const { return options_.latitude; }
  std::string_view longitude() const { return options_.longitude; }
  // Both are absent or null, or both are worked on.
  Applied apply_to_position(Value& latitude, Value& longitude) const;
  // Works on a value that is present; it may point into `scratch` until the next use.
  Applied apply(Value& value, const Cell& cell, MaskScratch& scratch) const;
  // The value has the form of a token of this rule: of its key's name, and whole.
  bool made(const Value& value) const;
  // One step of a name, or by value a whole name; hmac, truncate and replace only. By value data() is nullptr
  // when it becomes too long.
  std::string_view apply_to_name(std::string_view step, Masker::Origin origin,
                                 MaskScratch& scratch) const;
  // By value: it holds what the rule looks for.
  bool finds_in(std::string_view text) const;

 private:
  explicit Rule(const MaskRule& options);
  void take_key(Bytes key);
  bool apply_to_number(Value& value, const Cell& cell, MaskScratch& scratch) const;
  Applied apply_ff1(Value& value, const Cell& cell, MaskScratch& scratch) const;
  Applied apply_by_value(Value& value, const Cell& cell, MaskScratch& scratch) const;
  // The text with what was found in it worked on; data() is nullptr when it becomes too long.
  std::string_view mask_found(std::string_view text, Masker::Origin origin,
                              MaskScratch& scratch) const;
  bool append_masked(std::string_view piece, MaskScratch& scratch) const;
  template <class Finds>
  bool append_masked(std::string_view piece, Finds finder, MaskScratch& scratch) const;
  std::string_view mask_text(std::string_view text, MaskScratch& scratch) const;
  std::string_view next_token(std::string_view text) const;
  std::string_view token(std::string_view text, MaskScratch& scratch) const;
  std::string_view encrypt_digits(std::string_view text, MaskScratch& scratch) const;
  bool encrypt_number(Value& value, MaskScratch& scratch) const;
  std::uint64_t noise_of(const Value& value, const Cell& cell, MaskScratch& scratch) const;

  MaskRule options_;
  Operator with_;
  Pattern stream_;
  Pattern field_;
  std::vector<Pattern> allow_;
  std::optional<crypto::Hmac> hmac_;
  std::optional<Ff1> ff1_;
  std::optional<Regex> regex_;
};

}  // namespace pinaflux
