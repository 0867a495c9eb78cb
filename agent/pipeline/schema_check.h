// SchemaStep: the node of SchemaCheck: holds the records of each stream against what is declared and what is known of it.
//
// Promise    A value is changed only where nothing of it is lost (exactly()). What a record changes counts from commit() on.
// Limits     SchemaCheck's, kKeysBytesMax for all streams together; the least recently used stream is forgotten. Of a record at
//            most kMovedMax fields get another name, and kShapesMoreMax shapes are made so. No heap for a record that fits and
//            whose shape was there.
// Ownership  Shapes must outlive it.
// Threads    Loop.
// Tests      tests/agent/pipeline/schema_test.cc
#pragma once

#include <span>
#include <string>
#include <vector>

#include "agent/pipeline/schema_rules.h"
#include "agent/pipeline/step.h"
#include "agent/pipeline/stream_schema.h"

namespace pinaflux {

class SchemaStep final : public Step {
 public:
  static constexpr std::size_t kStreamsMax = 1'024;
  static constexpr std::size_t kFieldsMax = 4'096;
  static constexpr std::size_t kMovedMax = 8;
  static constexpr std::size_t kShapesMoreMax = 256;

  // Errors: a field without name or type, or twice; bounds of what is no number, or that hold for none; one_of of what is
  // neither text nor integer, or not of its type (invalid); no room for streams or fields (full).
  static Result<std::unique_ptr<Step>> make(const SchemaCheck& options, Shapes& shapes);

  // Refuses with node_failed, see failure(); with shapes_exhausted and too_large where there is no room.
  void take(const Record& record, Flow& flow) override;
  Computed computed() const override {
    return {.copies = true, .fields = drift_ == Drift::evolve ? kMovedMax : 0};
  }
  void commit() override;
  void discard() override;
  std::string failure() const override { return failure_; }
  void save(std::string_view prefix, std::vector<StateEdit>& to) override;
  void snapshot(std::string_view prefix, std::vector<StateEdit>& to) const override;
  void restore(Bytes value) override;

 private:
  using Drift = SchemaCheck::Drift;
  using Item = StreamSchema::Item;

  // Where a stream is.
  struct Place {
    StreamSchema schema;
    std::uint64_t hash = 0;
    std::size_t bytes = 0;         // Of the schema on disk.
    std::uint64_t generation = 0;  // Of all places, another for each change.
    std::uint64_t used = 0;        // Rises with each record; 0: the place is free.
    bool declared = false;         // What is declared is in it.
    bool changed = false;          // Since save().
  };
  // A cell whose value goes to the field NAME_TYPE.
  struct Moved {
    std::uint32_t cell = 0;
    FieldType type = FieldType::unknown;
    friend bool operator==(const Moved&, const Moved&) = default;
  };
  // What is known of a shape, as long as the generation is that of its place.
  struct Plan {
    std::size_t place = 0;
    std::uint64_t generation = 0;
    bool settled = false;                // No field is new, and none is missing.
    std::vector<std::uint8_t> passes;    // Of each cell, a bit for each Type that needs no look.
    std::vector<std::uint32_t> fields;   // Of each cell, its place in the schema; or kNone.
    std::vector<std::uint32_t> missing;  // Fields that a record may not lack, and this one does.
    std::vector<Moved> moved;            // The last that were,
    const Shape* shape = nullptr;        // and the shape with their names behind the others.
  };
  struct Undo {
    std::size_t place = 0;
    Place before;
  };

  SchemaStep(const SchemaCheck& options, std::vector<SchemaRule> rules, Shapes& shapes);
  // nullptr: there is no room for what is declared, failure_ says which.
  Plan* plan_of(const Shape& shape, Stamp now);
  void make_plan(const Shape& shape, Plan& plan) const;
  std::size_t place_of(std::string_view stream);
  bool declare(std::size_t place, Stamp now);
  const SchemaRule* rule_of(const StreamSchema::Field& field) const;
  std::uint8_t passing(const StreamSchema::Field& field) const;

  // Each finds what the record asks of the schema, without changing it; false: it is refused, failure_ says why.
  bool look(const Record& record, const Plan& plan, const Place& place, Arena& texts);
  bool look_at(std::uint32_t cell, std::uint32_t field, const Place& place, Arena& texts);
  bool retype(std::uint32_t cell, std::uint32_t field, const Place& place, Arena& texts);
  bool lacks(std::uint32_t field, const Place& place);
  bool move(const Record& record, const Place& place);
  bool fail_with(std::string_view field, std::string_view what);
  void drift(std::string_view field, std::string_view what);
  bool has_room(std::size_t fields, std::size_t more);
  bool learn(std::size_t place, Stamp now);
  const Shape* shape_of(const Record& record, Plan& plan);
  void emit(const Record& record, Plan& plan, Flow& flow);

  Place& begin_change(std::size_t place);
  void end_change(Place& place);
  std::size_t bytes() const;
  StateEdit edit_of(std::string_view prefix, const Place& place) const;

  const Drift drift_;
  const std::size_t streams_max_, fields_max_;
  std::vector<SchemaRule> rules_;
  Shapes* shapes_;
  std::vector<Place> places_;
  std::vector<Plan> plans_;  // By Shape::id.
  std::uint64_t generations_ = 0, uses_ = 0;
  std::vector<const Shape*> given_;       // With fields of another name.
  std::vector<Undo> undo_;                // Of this walk.
  std::vector<std::uint64_t> forgotten_;  // Hashes.

  // Of the record that is looked at.
  struct Added {
    std::string name;
    FieldType type = FieldType::unknown;
    bool optional = false;
  };
  bool open_ = false;  // Its stream is new: whatever it has is learned.
  std::vector<Value> cells_;
  bool copied_ = false;  // One of them is not the record's.
  std::vector<Moved> moved_;
  std::vector<Added> added_;
  std::vector<Item> items_;
  std::string_view stream_;
  std::string scratch_, failure_, drift_said_;
  bool no_room_ = false;
};

}  // namespace pinaflux
