#include "agent/pipeline/cast.h"

#include <array>

#include "agent/pipeline/exact_value.h"
#include "agent/pipeline/field_names.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

// What switches and displays write, in letters of either case.
std::optional<Value> switched(const Value& value) {
  static constexpr std::array kNo{"false", "off", "0"}, kYes{"true", "on", "1"};
  if (value.type() != Type::text) return {};
  for (std::size_t i = 0; i < kNo.size(); ++i) {
    if (equal_ignoring_case(value.as_text(), kNo[i])) return Value::boolean(false);
    if (equal_ignoring_case(value.as_text(), kYes[i])) return Value::boolean(true);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Step>> CastStep::make(const TypeCast& options) {
  auto step = std::make_unique<CastStep>();
  for (const TypeCast::Field& field : options.fields) step->add(field.name);
  if (options.fields.empty() ||
      !are_distinct(options.fields | std::views::transform(&TypeCast::Field::name))) {
    return fail(Code::invalid, "cast: no field, one without a name, or one twice");
  }
  step->fields_ = options.fields;
  return step;
}

bool CastStep::change(std::size_t index, Value& value) {
  const TypeCast::Field& field = fields_[index];
  auto made = exactly(value, field.to, scratch_);
  if (!made && field.to == FieldType::boolean) made = switched(value);
  if (made) {
    value = *made;
    return true;
  }
  failed_from_ = value.type();
  failed_to_ = field.to;
  if (field.otherwise == TypeCast::Otherwise::drop) value = Value();
  return field.otherwise != TypeCast::Otherwise::refuse;
}

std::string CastStep::why() const {
  return joined({"of type ", field_type_name(field_type(failed_from_)),
                 ", and not exactly the same as any ", field_type_name(failed_to_)});
}

}  // namespace pinaflux
