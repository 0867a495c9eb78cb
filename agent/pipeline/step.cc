#include "agent/pipeline/step.h"

#include "agent/pipeline/alert.h"
#include "agent/pipeline/anomaly.h"
#include "agent/pipeline/cast.h"
#include "agent/pipeline/change_rate.h"
#include "agent/pipeline/condition.h"
#include "agent/pipeline/convert.h"
#include "agent/pipeline/deadband.h"
#include "agent/pipeline/dedupe.h"
#include "agent/pipeline/derive.h"
#include "agent/pipeline/execd.h"
#include "agent/pipeline/field_changes.h"
#include "agent/pipeline/filter.h"
#include "agent/pipeline/lookup.h"
#include "agent/pipeline/merge.h"
#include "agent/pipeline/parse.h"
#include "agent/pipeline/rate_limit.h"
#include "agent/pipeline/rename.h"
#include "agent/pipeline/sample.h"
#include "agent/pipeline/schema_check.h"
#include "agent/pipeline/script.h"
#include "agent/pipeline/select.h"
#include "agent/pipeline/split_array.h"
#include "agent/pipeline/swing.h"
#include "agent/pipeline/window.h"

namespace pinaflux {

namespace {

class PassStep final : public Step {
 public:
  void take(const Record& record, Flow& flow) override { flow.emit(record); }
};

}  // namespace

void Step::save(std::string_view, std::vector<StateEdit>&) {}
void Step::snapshot(std::string_view, std::vector<StateEdit>&) const {}
void Step::restore(Bytes) {}

Result<std::unique_ptr<Step>> make_step(const NodeKind& kind, Shapes& shapes) {
  if (const auto* filter = std::get_if<FieldFilter>(&kind)) return FilterStep::make(*filter);
  if (const auto* rename = std::get_if<Rename>(&kind)) return RenameStep::make(*rename, shapes);
  if (const auto* deadband = std::get_if<Deadband>(&kind)) {
    return deadband->swing == 0.0 ? DeadbandStep::make(*deadband)
                                  : SwingStep::make(*deadband, shapes);
  }
  if (const auto* where = std::get_if<Condition>(&kind)) return ConditionStep::make(*where);
  if (const auto* derive = std::get_if<Derive>(&kind)) return DeriveStep::make(*derive, shapes);
  if (const auto* select = std::get_if<Select>(&kind)) return SelectStep::make(*select, shapes);
  if (const auto* window = std::get_if<TimeWindow>(&kind)) return WindowStep::make(*window, shapes);
  if (const auto* dedupe = std::get_if<Dedupe>(&kind)) return DedupeStep::make(*dedupe);
  if (const auto* sample = std::get_if<Sample>(&kind)) return SampleStep::make(*sample);
  if (const auto* limit = std::get_if<RateLimit>(&kind)) return RateLimitStep::make(*limit);
  if (const auto* rate = std::get_if<ChangeRate>(&kind)) {
    return ChangeRateStep::make(*rate, shapes);
  }
  if (const auto* script = std::get_if<Script>(&kind)) return ScriptStep::make(*script, shapes);
  if (const auto* schema = std::get_if<SchemaCheck>(&kind)) {
    return SchemaStep::make(*schema, shapes);
  }
  if (const auto* convert = std::get_if<Convert>(&kind)) return ConvertStep::make(*convert);
  if (const auto* cast = std::get_if<TypeCast>(&kind)) return CastStep::make(*cast);
  if (const auto* parse = std::get_if<Parse>(&kind)) return ParseStep::make(*parse, shapes);
  if (const auto* split = std::get_if<SplitArray>(&kind)) return SplitStep::make(*split, shapes);
  if (const auto* lookup = std::get_if<Lookup>(&kind)) return LookupStep::make(*lookup, shapes);
  if (const auto* changes = std::get_if<FieldChanges>(&kind)) {
    return FieldChangesStep::make(*changes);
  }
  if (const auto* anomaly = std::get_if<Anomaly>(&kind)) {
    return AnomalyStep::make(*anomaly, shapes);
  }
  if (const auto* merge = std::get_if<Merge>(&kind)) return MergeStep::make(*merge, shapes);
  if (const auto* alert = std::get_if<Alert>(&kind)) return AlertStep::make(*alert, shapes);
  if (const auto* execd = std::get_if<Execd>(&kind)) return ExecdStep::make(*execd, shapes);
  return std::make_unique<PassStep>();
}

}  // namespace pinaflux
