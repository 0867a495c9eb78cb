// Of each key a row is remembered: what a receiver has. In a Band's text, little-endian:
//
//   u64 ns | u64 boot of the last record that was given whole | for each field, by rising name: u64 name | u8 type | value
//
// where a name is 64 bits of its SHA-256, and a value nothing for null, u8 length and bytes for texts, u64 for all else. The
// Band's time is that of the last record that was given. The fields of a shape stand in the same order, so a record is held
// against its row in one walk over both, whatever shapes its key has; a field that the row has not is given. An entry for each
// key and field in the table of bands would cost a look-up each: a car has 27.
//
// A record that is behind one which left nothing to give, but not behind the last that was given, looks to a receiver like one
// that came in time, and is none. It is given whole and its key's row emptied, so that the next one is whole, too.

#include "agent/pipeline/field_changes.h"

#include <algorithm>

#include "agent/pipeline/field_names.h"
#include "agent/pipeline/key_limits.h"
#include "platform/crypto/crypto.h"

namespace pinaflux {

namespace {

std::uint64_t short_name(std::string_view field) {
  const Digest digest = crypto::sha256(as_bytes(field));
  Reader from{Bytes(digest)};
  return from.u64();
}

constexpr std::size_t kNoValueBytes = 9;  // Of a field: name and type.

std::uint64_t u64_at(const char* from) {
  std::uint64_t bits = 0;
  for (int i = 0; i < 8; ++i) bits |= std::uint64_t{static_cast<unsigned char>(from[i])} << (8 * i);
  return bits;
}

void put_u64(char* to, std::uint64_t bits) {
  for (int i = 0; i < 8; ++i) to[i] = static_cast<char>(bits >> (8 * i));
}

void append_u64(std::string& to, std::uint64_t bits) {
  char raw[8];
  put_u64(raw, bits);
  to.append(raw, sizeof raw);
}

bool is_long(Type type) { return type == Type::text || type == Type::bytes; }

// Of a row, one after the other; damaged bytes end them.
class RowFields {
 public:
  explicit RowFields(std::string_view row) : row_(row), at_(kChangesHeadBytes) { look(); }

  explicit operator bool() const { return size_ > 0; }
  std::uint64_t name() const { return name_; }
  std::size_t at() const { return at_; }
  std::string_view bytes() const { return row_.substr(at_, size_); }
  // Of a number, a boolean.
  bool is_fixed() const { return size_ == kChangesFieldBytes && !is_long(type_); }
  // The same bits: what most fields of most records have.
  bool is(const Value& value) const {
    return is_fixed() && value.type() == type_ &&
           value.as_uint64() == u64_at(row_.data() + at_ + kNoValueBytes);
  }
  Value value() const {
    const std::string_view rest = bytes().substr(kNoValueBytes);
    if (is_long(type_)) return remembered_value(type_, 0, rest.substr(1));
    return remembered_value(type_, rest.empty() ? 0 : u64_at(rest.data()), {});
  }
  void next() {
    at_ += size_;
    look();
  }

 private:
  void look() {
    size_ = 0;
    const std::size_t left = at_ < row_.size() ? row_.size() - at_ : 0;
    if (left < kNoValueBytes) return;
    const char* field = row_.data() + at_;
    type_ = static_cast<Type>(field[8]);
    if (type_ < Type::null || type_ > Type::bytes) return;
    std::size_t size = type_ == Type::null ? kNoValueBytes : kChangesFieldBytes;
    if (is_long(type_)) {
      if (left == kNoValueBytes) return;
      size = kNoValueBytes + 1 + static_cast<unsigned char>(field[kNoValueBytes]);
    }
    if (left < size) return;
    name_ = u64_at(field);
    size_ = size;
  }

  std::string_view row_;
  std::size_t at_, size_ = 0;
  std::uint64_t name_ = 0;
  Type type_{};
};

Status check(const FieldChanges& options) {
  if (!are_distinct(options.fields | std::views::transform(&FieldChanges::Field::name))) {
    return fail(Code::invalid, "changes names a field twice, or one without a name");
  }
  for (const FieldChanges::Field& field : options.fields) {
    if (!(field.within >= 0.0)) return fail(Code::invalid, "a field's width is 0 or more");
    if (!(field.percent >= 0.0 && field.percent <= 100.0)) {
      return fail(Code::invalid, "a field's width has 0 to 100 percent");
    }
  }
  if (options.silence_max.ns < 0) return fail(Code::invalid, "a silence is 0 or more");
  if (options.keys_max == 0) return fail(Code::invalid, "changes needs room for 1 key or more");
  if (options.keys_max > changes_keys_max(std::max<std::size_t>(options.fields.size(), 1))) {
    return fail(Code::full, "changes has too many keys for so many fields");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Step>> FieldChangesStep::make(const FieldChanges& options) {
  if (auto s = check(options); !s) return std::unexpected(s.error());
  return std::unique_ptr<Step>(new FieldChangesStep(options));
}

FieldChangesStep::FieldChangesStep(const FieldChanges& options)
    : BandStep(options.keys, options.keys_max, band_signature("\1changes", options.keys),
               changes_row_bytes(options.keys_max)),
      silence_max_(options.silence_max),
      row_bytes_max_(changes_row_bytes(options.keys_max)),
      keys_(options.keys) {
  widths_.push_back({});
  for (const FieldChanges::Field& field : options.fields) {
    widths_.push_back({field.name, field.within, field.percent / 100.0});
  }
  std::ranges::sort(widths_, {}, &Width::name);
}

FieldChangesStep::Plan& FieldChangesStep::plan_of(const Shape& shape) {
  if (shape.id() >= plans_.size()) plans_.resize(shape.id() + 1);
  Plan& plan = plans_[shape.id()];
  if (plan.known) return plan;
  plan.known = true;
  for (std::uint32_t place = 0; place < shape.field_count(); ++place) {
    const std::string& name = shape.fields()[place];
    if (std::ranges::contains(keys_, name)) continue;
    const auto width = std::ranges::lower_bound(widths_, name, {}, &Width::name);
    const bool named = width != widths_.end() && width->name == name;
    const auto number = named ? width - widths_.begin() : 0;
    plan.fields.push_back({short_name(name), place, static_cast<std::uint32_t>(number)});
  }
  std::ranges::sort(plan.fields, {}, &Field::name);
  return plan;
}

void FieldChangesStep::take(const Record& record, Flow& flow) {
  const Key key = key_of(record);
  if (key.too_long()) return flow.emit(record);
  const Stamp time = record.time(), turn = flow.moment.stamp;
  Band* band = last(key);
  if (band != nullptr && came_late(time, band->time, turn)) return flow.emit(record);
  const Past past = past_of(band, time, flow.moment.now);
  Plan& plan = plan_of(record.shape());
  const Count count = compare(record, plan, past.row);
  if (count.given == 0 && !past.begins) {
    band->arrival = past.arrival;
    band->newest = std::max(past.newest, time.ns);
    return;
  }
  const bool late = came_late(time, {past.newest, time.boot}, turn);
  if (late) {
    row_ = past.row.substr(0, kChangesHeadBytes);
  } else if (!past.begins && count.in_place == count.given) {
    patch_row(record, plan, past);
  } else {
    write_row(record, plan, past);
  }
  const Stamp given = late ? band->time : time;
  Band& kept = remember(key);
  kept.type = Type::bytes;
  kept.restored = false;
  kept.bits = 0;
  kept.text = row_;
  kept.time = given;
  kept.arrival = past.arrival;
  kept.newest = late ? past.newest : time.ns;
  if (late || count.given == count.there) return flow.emit(record);
  emit_given(record, plan, flow);
}

FieldChangesStep::Past FieldChangesStep::past_of(const Band* band, Stamp time, Instant now) const {
  Past past{.whole = time, .arrival = now, .newest = time.ns};
  if (band == nullptr || band->text.size() < kChangesHeadBytes) return past;
  const char* head = band->text.data();
  const Stamp whole{static_cast<std::int64_t>(u64_at(head)), u64_at(head + 8)};
  const bool set_back = time.boot != band->time.boot || time.ns < band->time.ns;
  if (set_back || silent_too_long(whole, band->arrival, time, now, silence_max_)) return past;
  // Silence since the start at least.
  const Instant arrival = band->arrival == Instant::never() ? now : band->arrival;
  return {false, whole, arrival, std::max(band->newest, band->time.ns), band->text};
}

FieldChangesStep::Count FieldChangesStep::compare(const Record& record, Plan& plan,
                                                  std::string_view row) const {
  Count count;
  RowFields last(row);
  for (Field& field : plan.fields) {
    while (last && last.name() < field.name) last.next();
    const Value& value = record.cells()[field.place];
    field.left_out = false;
    if (value.type() == Type::absent) continue;
    ++count.there;
    const bool known = last && last.name() == field.name;
    if (known) {
      const Width& width = widths_[field.width];
      field.left_out = last.is(value) || is_near(last.value(), value, width.within, width.share);
    }
    if (field.left_out) continue;
    ++count.given;
    const bool fixed = known && last.is_fixed() && !value.is_view() && value.type() != Type::null;
    field.at = fixed ? last.at() : 0;
    count.in_place += fixed ? 1 : 0;
  }
  return count;
}

void FieldChangesStep::write_row(const Record& record, const Plan& plan, const Past& past) {
  row_.clear();
  append_u64(row_, static_cast<std::uint64_t>(past.whole.ns));
  append_u64(row_, past.whole.boot);
  RowFields last(past.row);
  const auto keep = [&] {
    if (row_.size() + last.bytes().size() <= row_bytes_max_) row_ += last.bytes();
  };
  for (const Field& field : plan.fields) {
    for (; last && last.name() < field.name; last.next()) keep();
    const bool same = last && last.name() == field.name;
    const Value& value = record.cells()[field.place];
    if (value.type() != Type::absent && !field.left_out) {
      append_field(field.name, value);
    } else if (same) {
      keep();
    }
    if (same) last.next();
  }
  for (; last; last.next()) keep();
}

// Where all that is given has its place: as a rule.
void FieldChangesStep::patch_row(const Record& record, const Plan& plan, const Past& past) {
  row_ = past.row;
  for (const Field& field : plan.fields) {
    const Value& value = record.cells()[field.place];
    if (field.left_out || value.type() == Type::absent) continue;
    row_[field.at + 8] = static_cast<char>(value.type());
    put_u64(&row_[field.at + kNoValueBytes], value.as_uint64());
  }
}

// What has no room is forgotten: it is given when it comes again.
void FieldChangesStep::append_field(std::uint64_t name, const Value& value) {
  const std::size_t text = value.is_view() ? value.as_text().size() : 0;
  if (text > BandTable::kTextBytesMax) return;
  if (row_.size() + kChangesFieldBytes + text > row_bytes_max_) return;
  append_u64(row_, name);
  row_ += static_cast<char>(value.type());
  if (value.is_view()) {
    row_ += static_cast<char>(text);
    row_ += value.as_text();
  } else if (value.type() != Type::null) {
    append_u64(row_, value.as_uint64());
  }
}

void FieldChangesStep::emit_given(const Record& record, const Plan& plan, Flow& flow) const {
  const auto cells = flow.cells.array<Value>(record.cells().size());
  if (cells.data() == nullptr) return flow.refuse(Reason::too_large);
  std::ranges::copy(record.cells(), cells.begin());
  for (const Field& field : plan.fields) {
    if (field.left_out) cells[field.place] = Value();
  }
  flow.emit(Record::derived(record, Row{&record.shape(), cells.data(), record.time()}));
}

}  // namespace pinaflux
