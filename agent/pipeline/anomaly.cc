// State is by key and field: the last values, in a Band's text, as doubles of 8 bytes, little-endian, oldest first. A step
// of the value is an anomaly until half of the history is of the new level; then the median is, and it is none any more.
//
// Two medians of 31 values by nth_element take less than finding the key does; an order that is kept up to date would
// have to be stored, or made anew after each start.

#include "agent/pipeline/anomaly.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "agent/pipeline/field_names.h"

namespace pinaflux {

namespace {

// Of the normal distribution: its standard deviation by its median absolute deviation.
constexpr double kNormal = 1.4826;

// Of one value or more; leaves them in another order.
double median(std::span<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1) return *middle;
  return std::midpoint(*std::max_element(values.begin(), middle), *middle);
}

Status check(const Anomaly& options) {
  if (options.of.empty()) return fail(Code::invalid, "anomaly names a field");
  if (!are_distinct(options.of)) {
    return fail(Code::invalid, "anomaly names a field twice, or one without a name");
  }
  if (!(options.threshold > 0.0) || !std::isfinite(options.threshold)) {
    return fail(Code::invalid, "an anomaly's threshold is above 0");
  }
  if (!(options.least_spread >= 0.0) || !std::isfinite(options.least_spread)) {
    return fail(Code::invalid, "an anomaly's least spread is 0 or above");
  }
  if (options.history < kAnomalyHistoryMin || options.history > kAnomalyHistoryMax) {
    return fail(Code::invalid, "anomaly remembers 3 to 63 values");
  }
  if (options.warm_up < kAnomalyHistoryMin || options.warm_up > options.history) {
    return fail(Code::invalid, "anomaly warms up with 3 values or more, and no more than it has");
  }
  if (options.keys_max == 0) return fail(Code::invalid, "anomaly needs room for 1 key or more");
  if (options.keys_max > anomaly_keys_max(options.history) / options.of.size()) {
    return fail(Code::full, "anomaly has too many keys times fields for its history");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Step>> AnomalyStep::make(const Anomaly& options, Shapes& shapes) {
  if (auto s = check(options); !s) return std::unexpected(s.error());
  return std::unique_ptr<Step>(new AnomalyStep(options, shapes));
}

// What was stored with a longer history is taken, too.
AnomalyStep::AnomalyStep(const Anomaly& options, Shapes& shapes)
    : BandStep(options.keys, options.keys_max * options.of.size(),
               band_signature("\1anomaly", options.keys), kAnomalyHistoryMax * 8),
      threshold_(options.threshold),
      least_spread_(options.least_spread),
      history_(options.history),
      warm_up_(options.warm_up),
      added_(shapes) {
  for (const std::string& name : options.of) {
    fields_.push_back({name, Column(name)});
    added_.add(name + "_score");
    added_.add(name + "_anomaly");
  }
}

void AnomalyStep::take(const Record& record, Flow& flow) {
  const AddedFields::Target& target = added_.target(record.shape());
  const auto cells = AddedFields::cells(record, target, flow);
  if (cells.data() == nullptr) return;
  std::size_t added = 0;
  for (Field& field : fields_) {
    const Value value = field.column.of(record);
    Mark its;
    if (value.is_number() && std::isfinite(value.to_double())) {
      its = mark(field, record, value.to_double(), flow.moment.stamp);
    }
    cells[target.places[added++]] = its.score;
    cells[target.places[added++]] = its.anomaly;
  }
  flow.emit(Record::derived(record, Row{target.shape, cells.data(), record.time()}));
}

AnomalyStep::Mark AnomalyStep::mark(const Field& field, const Record& record, double value,
                                    Stamp turn) {
  const Key key = key_of(record, field.name);
  if (key.too_long()) return {};
  const Band* before = last(key);
  if (before != nullptr && came_late(record.time(), before->time, turn)) return {};
  const std::size_t known = before == nullptr ? 0 : read(before->text);
  const Mark its = known < warm_up_ ? Mark() : judge({values_.data(), known}, value);
  remember_in(remember(key), known, value, record.time());
  return its;
}

// Into values_: the newest of them. What is damaged is none.
std::size_t AnomalyStep::read(std::string_view text) {
  if (text.size() % 8 != 0) return 0;
  const std::size_t stored = text.size() / 8, known = std::min(stored, history_);
  Reader from(as_bytes(text.substr((stored - known) * 8)));
  for (std::size_t i = 0; i < known; ++i) {
    values_[i] = std::bit_cast<double>(from.u64());
    if (!std::isfinite(values_[i])) return 0;
  }
  return known;
}

void AnomalyStep::remember_in(Band& band, std::size_t known, double value, Stamp time) {
  packed_.clear();
  Writer to(packed_);
  for (std::size_t i = known < history_ ? 0 : 1; i < known; ++i) {
    to.u64(std::bit_cast<std::uint64_t>(values_[i]));
  }
  to.u64(std::bit_cast<std::uint64_t>(value));
  band.type = Type::bytes;
  band.text.assign(as_text(packed_));
  band.time = time;
}

AnomalyStep::Mark AnomalyStep::judge(std::span<const double> values, double value) const {
  std::array<double, kAnomalyHistoryMax> sorted;
  const std::span<double> all(sorted.data(), values.size());
  std::ranges::copy(values, all.begin());
  const double center = median(all);
  for (double& each : all) each = std::abs(each - center);
  const double spread = std::max(kNormal * median(all), least_spread_);
  const double apart = std::abs(value - center);
  if (apart == 0.0) return {Value::float64(0.0), Value::boolean(false)};
  const double score = apart / spread;
  if (!std::isfinite(score)) return {Value(), Value::boolean(true)};
  return {Value::float64(score), Value::boolean(score > threshold_)};
}

}  // namespace pinaflux
