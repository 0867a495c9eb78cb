// Masker: the only maker of Records: a raw reading goes in, what may be kept comes out.
//
// Promise    Rules apply before anything is stored, logged, counted by value or sent. A rule that cannot
//            be applied to a value refuses the record: fail closed. Text that is kept is copied into the
//            group's arena; nothing of a RawRecord outlives the intake.
// Order      Rules apply in the order of the configuration, each to what the earlier ones left; the first
//            allow-list that matches a stream decides about its unknown fields.
// Names      A rule on names masks the steps that its pattern's wildcards matched, or, without a wildcard,
//            all of them: what the configuration writes down is not secret. A stream's first step is
//            the source's name and stays. Names that become equal refuse the record.
// By value   A rule may look at what a text holds (detect.h). Then hmac, truncate and replace work on what was
//            found, and the rest of the text stays; drop and reject work on the field and the record. Numbers
//            are looked at as they would be written: a card's number is found in an integer, too.
// Positions  grid and home_zone take two fields together, before the other rules of these fields. One without the
//            other refuses the record.
// Letters    A dead letter's record was masked before. It is masked again, by the rules of today; but what has
//            the whole form of an hmac rule's own token is left to it as it is, or it would no longer be
//            the token that the far end knows. Other operators give the same again, but for two: noise is added
//            once more, and what ff1 would encrypt a second time refuses the record, because nothing tells digits
//            that it wrote from digits that it has not seen.
// Limits     Plans are compiled once per shape; steady state takes nothing from the heap. By value a
//            record's texts may grow by limits::kRecordBytesMax, and none beyond that; what would is refused.
// Ownership  Shapes must outlive the Masker; keys are copied, and wiped with it.
// Threads    Loop.
// Tests      tests/agent/mask/masker_test.cc, tests/agent/mask/by_value_test.cc. Reference: README.md
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/data/group.h"
#include "agent/data/record.h"
#include "agent/mask/detect.h"
#include "agent/mask/geo_position.h"
#include "platform/base/result.h"
#include "platform/base/time.h"

namespace pinaflux {

struct MaskRule {
  enum class Operator {
    drop,
    hmac,
    truncate,
    round,
    replace,
    keep,
    reject,
    bucket,
    coarsen,
    noise,
    ff1,
    grid,
    home_zone,
  };
  // What the rule looks at. `field` patterns: names with dots, `*` one step, `**` any steps.
  std::string stream = "**";    // Pattern on "source/..." with '/' as step.
  std::string field;            // Pattern; a value rule.
  bool on_stream_name = false;  // Applies the operator to the stream's name (topic included).
  bool on_field_name = false;   // Applies the operator to the names of matching fields.
  // By value, if not empty: only what these detectors find, in the texts of those fields (all of them if
  // `field` is empty) or names. The text around it stays.
  DetectorSet value = 0;
  std::string match;  // The same for an expression of regex.h, instead of `value`.
  Operator with = Operator::drop;
  std::string key_id;       // hmac, noise, ff1: which key of the vault.
  std::size_t length = 0;   // truncate: characters kept (UTF-8 code points).
  double step = 0.0;        // round: to multiples of it.
  std::string replacement;  // replace: this text, at most 256 bytes.
  // Allow-list, instead of `field`: patterns of the fields that stay as they are. `with` says what happens
  // to others: drop the field (keep means the same), reject the record, or any other operator. `keep` with
  // a `field` is an allow-list of that one pattern.
  std::vector<std::string> allow;

  double width = 0.0;  // bucket: multiples of it; noise: at most so much is added or taken away.
  std::vector<double> edges;                  // bucket, instead of a width: they rise.
  Duration to;                                // coarsen: a step of coarse_time.h.
  Duration tick = Duration::milliseconds(1);  // coarsen: the unit of numbers.
  Duration
      time;  // Instead of all others but `stream`: the record's own time is made coarse to this step.
  // grid and home_zone, instead of `field`: two fields by their names.
  std::string latitude, longitude;
  double cell = 0.0;         // grid: metres.
  GeoPosition centre;        // home_zone: secret itself.
  double radius = 0.0;       // home_zone: metres.
  bool null_inside = false;  // home_zone: null, not absent.

  bool operator==(const MaskRule&) const = default;
};

struct MaskOptions {
  std::vector<MaskRule> rules;
  std::string loosen = {};  // Confirms a change to these (loosening.h).
};

class Vault;

class Masker {
 public:
  // Errors: a key that the vault does not have (not_found), a rule that makes no sense (invalid).
  static Result<std::unique_ptr<Masker>> make(const MaskOptions& options, Shapes& shapes,
                                              const Vault& vault);
  ~Masker();

  enum class Verdict { kept, refused, no_room };
  struct Outcome {
    Verdict verdict;
    Reason reason;                 // When refused.
    std::optional<Record> record;  // When kept.
  };
  // Of what `origin`: read from a source, or from a dead letter (see above).
  enum class Origin { source, letter };
  // no_room: the group's arena is full; nothing was kept of this record. An empty group has room for
  // every record within limits.h.
  Outcome mask(const RawRecord& raw, Arena& arena, Origin origin = Origin::source);
  // What the agent says of itself (a time anchor): no source gave a value of it, no rule concerns it.
  static Record own(const Row& row) { return Record(row); }

 private:
  struct State;
  explicit Masker(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pinaflux
