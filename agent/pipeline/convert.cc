#include "agent/pipeline/convert.h"

#include <cmath>

#include "agent/pipeline/field_names.h"

namespace pinaflux {

Result<std::unique_ptr<Step>> ConvertStep::make(const Convert& options) {
  auto step = std::make_unique<ConvertStep>();
  for (const Convert::Field& field : options.fields) {
    const MeasureUnit *from = find_unit(field.from), *to = find_unit(field.to);
    if (from == nullptr || to == nullptr) return fail(Code::invalid, "convert: a unit is none");
    const auto conversion = convert_unit(*from, *to);
    if (!conversion) return fail(Code::invalid, "convert: two units are not of one kind");
    step->add(field.name);
    step->conversions_.push_back(*conversion);
  }
  if (options.fields.empty() ||
      !are_distinct(options.fields | std::views::transform(&Convert::Field::name))) {
    return fail(Code::invalid, "convert: no field, one without a name, or one twice");
  }
  return step;
}

bool ConvertStep::change(std::size_t index, Value& value) {
  const double before = value.to_double();
  const double after = conversions_[index](before);
  why_ = value.is_number() ? "no double is as large as this then"
                           : "it is no number, so it has no unit";
  if (!value.is_number() || (std::isfinite(before) && !std::isfinite(after))) return false;
  value = Value::float64(after);
  return true;
}

}  // namespace pinaflux
