// ScriptStep: the node of Script: what a Lua script makes of each record.
//
// Promise    A script that fails refuses the record (node_failed), and leaves `state` as it was; failure() says where and why.
// Limits     Script; kShapesMoreMax shapes beyond one for each that comes. Cells are in the group's arena for what is computed, texts that are new in the other; too_large without room.
// Ownership  Shapes must outlive it.
// Threads    Loop.
// Tests      tests/agent/pipeline/script_test.cc
#pragma once

#include <string>
#include <vector>

#include "agent/pipeline/lua_script.h"
#include "agent/pipeline/step.h"

namespace pinaflux {

class ScriptStep final : public Step {
 public:
  static constexpr std::size_t kShapesMoreMax = 256;

  // Errors: a text that is no script, or one too large for its memory.
  static Result<std::unique_ptr<Step>> make(const Script& options, Shapes& shapes);

  void take(const Record& record, Flow& flow) override;
  Computed computed() const override;
  void commit() override;
  void discard() override;
  void save(std::string_view prefix, std::vector<StateEdit>& to) override;
  void snapshot(std::string_view prefix, std::vector<StateEdit>& to) const override;
  void restore(Bytes value) override;
  std::string failure() const override;

 private:
  ScriptStep(const Script& options, Shapes& shapes);
  // What goes on; nothing for what is refused.
  bool emit(const Record& record, Flow& flow);
  const Shape* shape_of(const Record& record);
  StateEdit edit(std::string_view prefix) const;

  Shapes* shapes_;
  const std::size_t records_max_, fields_max_;
  std::unique_ptr<LuaScript> script_;
  Buffer mark_;            // Of the text: another one begins with an empty state.
  std::string committed_;  // LuaScript::state
  bool changed_ = false;   // Since save().
  LuaScript::Given given_;
  std::vector<std::string_view> names_;
  std::vector<const Shape*>
      shapes_given_;  // By Shape::id of what came: the last that was given for it.
  std::vector<const Shape*> shapes_known_;  // All that were given.
  std::size_t shapes_more_ = 0;             // Beyond one for each shape that came.
  bool shapes_full_ = false;                // The last record was refused for it.
};

}  // namespace pinaflux
