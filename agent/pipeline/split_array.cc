// Where what is no array passes, it is read once before anything is given: what was given cannot be taken back then.

#include "agent/pipeline/split_array.h"

#include "agent/pipeline/json_text.h"
#include "platform/base/text.h"

namespace pinaflux {

Result<std::unique_ptr<Step>> SplitStep::make(const SplitArray& options, Shapes& shapes) {
  if (options.of.empty()) return fail(Code::invalid, "split names no field");
  if (options.records_max == 0 || options.fields_max == 0) {
    return fail(Code::invalid, "split has room for no record, or for no field of it");
  }
  if (options.every.ns < 0)
    return fail(Code::invalid, "split: elements are apart by a time of 0 or more");
  return std::unique_ptr<Step>(new SplitStep(options, shapes));
}

SplitStep::SplitStep(const SplitArray& options, Shapes& shapes)
    : options_(options), column_(options.of), made_(shapes, options.fields_max) {
  if (options_.as.empty()) options_.as = options_.of;
}

void SplitStep::take(const Record& record, Flow& flow) {
  const int place = column_.position(record.shape());
  const Value value = place < 0 ? Value() : record.cells()[static_cast<std::size_t>(place)];
  if (value.type() == Type::absent || value.type() == Type::null) return flow.emit(record);
  Verdict verdict = Verdict::failed;
  made_.clear();
  why_ = "it is no text";
  if (value.type() == Type::text) {
    verdict = options_.pass ? read(record, place, flow.texts, nullptr) : Verdict::split;
    if (verdict == Verdict::split) verdict = read(record, place, flow.texts, &flow);
  }
  if (verdict != Verdict::failed) return;
  if (why_ == nullptr) return flow.refuse(Reason::too_large);
  if (options_.pass) return flow.emit(record);
  flow.refuse(Reason::node_failed);
}

SplitStep::Verdict SplitStep::read(const Record& record, int place, Arena& texts, Flow* flow) {
  JsonText json(record.cells()[static_cast<std::size_t>(place)].as_text(), texts);
  why_ = json.begin_array();
  Stamp time = record.time();
  JsonText::Next next = JsonText::Next::element;
  for (std::size_t count = 0; why_ == nullptr; ++count) {
    next = json.next();
    if (next == JsonText::Next::end) return Verdict::split;
    if (next == JsonText::Next::broken) {
      why_ = JsonText::kNoJson;
    } else if (count == options_.records_max) {
      why_ = "it has more elements than records_max";
    } else if (count > 0 && __builtin_add_overflow(time.ns, options_.every.ns, &time.ns)) {
      why_ = "its times are beyond what a time can hold";
    }
    if (why_ != nullptr) break;
    made_.clear();
    why_ = json.element(options_.as, made_);
    if (why_ == nullptr && flow != nullptr && !made_.emit(record, place, time, *flow)) {
      return Verdict::refused;
    }
  }
  if (json.no_room()) why_ = nullptr;
  return Verdict::failed;
}

std::string SplitStep::failure() const {
  return made_.shapes_full() ? "it gives more than 256 lists of fields"
                             : joined({"field '", printable(options_.of, 40),
                                       "': ", why_ == nullptr ? "it cannot be read" : why_});
}

}  // namespace pinaflux
