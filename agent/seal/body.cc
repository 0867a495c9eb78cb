#include "agent/seal/body.h"

// Layout: version, row count; the shapes (stream, field count, field names) in the order in which
// they appear; where there are several, which of them each row has; the boots and the times of all
// rows in their order; then table by table, column by column. A table's row count is counted from
// the order, so that no count can contradict another.
//
// Times stand once for all tables: the records of a gateway come in the order of their times,
// whatever their stream, and one rising series costs less than several.

#include <algorithm>

#include "agent/seal/kinds.h"

namespace pinaflux::seal {

namespace {

constexpr std::size_t kFieldsAtOnce = 4;           // That many cells are a line of the cache.
constexpr std::size_t kCellsAtOnce = 16'384;       // 256 KiB: larger batches go field by field.
constexpr std::uint8_t kOrderTrust = 8;            // Batches that its hint is trusted for.
constexpr std::size_t kHintsMax = 20'000;          // Columns remembered; then all is forgotten.
constexpr std::size_t kPieceBytesMax = 64 * 1024;  // Fits into any block of an arena.

Status verdict(Read read, const char* damaged) {
  switch (read) {
    case Read::ok: return {};
    case Read::damaged: return fail(Code::corrupt, damaged);
    case Read::newer:
      return fail(Code::newer, "the body uses a newer encoding: open it with a newer version");
    case Read::no_memory: break;
  }
  return fail(Code::full, "the batch needs more memory than allowed");
}

}  // namespace

Status BodyWriter::write(std::span<const Row> rows, Effort effort, Buffer& to) {
  std::uint64_t cells = 0;
  for (const Row& row : rows) cells += row.shape->field_count();
  if (rows.size() > kRowsMax || cells > kCellsMax) {
    return fail(Code::full, "the batch has more records or fields than an envelope holds");
  }
  const std::size_t before = to.size();
  to.push_back(kBodyVersion);
  Writer(to).varint(rows.size());
  if (rows.empty()) return {};
  code_.begin();
  neighbours_.clear();
  sort_into_tables(rows);
  write_shapes(to);
  write_order_and_times(rows, effort, to);
  for (const Table& table : tables_) write_table(rows, table, effort, to);
  code_.finish(to);
  if (to.size() - before > limits::kOpenedBytesMax) {
    return fail(Code::full, "the batch is larger than an envelope may be when opened");
  }
  return {};
}

void BodyWriter::sort_into_tables(std::span<const Row> rows) {
  tables_.clear();
  table_of_shape_.clear();
  table_of_row_.resize(rows.size());
  std::uint32_t table = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Shape* const shape = rows[i].shape;
    if (i == 0 || tables_[table].shape != shape) {
      table = static_cast<std::uint32_t>(tables_.size());
      table = table_of_shape_.emplace(shape, table).first->second;
      if (table == tables_.size()) tables_.push_back({shape, 0, 0});
    }
    ++tables_[table].end;
    table_of_row_[i] = static_cast<std::uint16_t>(table);
  }
  std::size_t at = 0;
  for (Table& t : tables_) {
    t.begin = at;
    at += t.end;
    t.end = t.begin;
  }
  picks_.resize(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    picks_[tables_[table_of_row_[i]].end++] = static_cast<std::uint16_t>(i);
}

void BodyWriter::write_shapes(Buffer& buffer) const {
  Writer to(buffer);
  to.varint(tables_.size());
  for (const Table& t : tables_) {
    to.text(t.shape->stream());
    to.varint(t.shape->field_count());
    for (const std::string& name : t.shape->fields()) to.text(name);
  }
}

void BodyWriter::write_order_and_times(std::span<const Row> rows, Effort effort, Buffer& to) {
  if (++order_hint_.uses > kOrderTrust) order_hint_ = ColumnHint{.uses = 1};
  if (tables_.size() > 1) {
    scratch_.assign(table_of_row_.begin(), table_of_row_.end());
    column_.integers().write(scratch_, effort, order_hint_.series[0], to);
  }
  scratch_.resize(rows.size());
  std::ranges::transform(rows, scratch_.begin(), [](const Row& row) { return row.time.boot; });
  column_.integers().write(scratch_, effort, order_hint_.series[1], to);
  std::ranges::transform(rows, scratch_.begin(),
                         [](const Row& row) { return static_cast<std::uint64_t>(row.time.ns); });
  column_.integers().write(scratch_, effort, order_hint_.series[2], to);
}

std::vector<ColumnHint>& BodyWriter::hints_of(const Shape& shape) {
  if (hints_held_ > kHintsMax) {
    hints_.clear();
    hints_held_ = 0;
  }
  const auto [at, added] = hints_.try_emplace(shape.hash());
  hints_held_ += added ? 1 : 0;
  std::vector<ColumnHint>& hints = at->second;
  if (hints.size() != shape.field_count()) {
    hints_held_ += shape.field_count();
    hints.assign(shape.field_count(), {});
  }
  return hints;
}

void BodyWriter::write_table(std::span<const Row> rows, const Table& table, Effort effort,
                             Buffer& to) {
  std::vector<ColumnHint>& hints = hints_of(*table.shape);
  const std::span picks = std::span(picks_).subspan(table.begin, table.end - table.begin);
  neighbours_.begin_table(picks.size());
  const std::size_t count = picks.size(), fields = table.shape->field_count();
  const std::size_t at_once = count * kFieldsAtOnce <= kCellsAtOnce ? kFieldsAtOnce : 1;
  cells_.resize(count * at_once);
  for (std::size_t field = 0; field < fields; ++field) {
    const std::size_t lane = field % at_once;
    if (lane == 0) {
      const std::size_t some = std::min(at_once, fields - field);
      Value* to_cell = cells_.data();
      for (const std::uint16_t i : picks) {
        const Value* const from = rows[i].values + field;
        for (std::size_t n = 0; n < some; ++n) to_cell[n * count] = from[n];
        ++to_cell;
      }
    }
    column_.write(std::span(cells_).subspan(lane * count, count), effort, hints[field], to);
  }
}

Status BodyReader::read(Bytes body, Shapes& shapes, Arena& arena, std::vector<Row>& rows) {
  const std::size_t before = rows.size();
  Reader from(body);
  code_.begin(body);
  neighbours_.clear();
  salvaging_ = false;
  reached_ = {};
  const Status read = read_rows(from, shapes, arena, rows);
  if (!read) rows.resize(before);
  return read;
}

Status BodyReader::salvage(Bytes body, bool whole, Shapes& shapes, Arena& arena,
                           std::vector<Row>& rows) {
  const std::size_t before = rows.size();
  Reader from(body);
  code_.begin(body, whole);
  neighbours_.clear();
  salvaging_ = true;
  reached_ = {};
  const Status read = read_rows(from, shapes, arena, rows);
  if (!read && reached_.part < Reached::Part::column) rows.resize(before);
  lose_columns(std::span(rows).subspan(before));
  return read;
}

void BodyReader::reach(Reached::Part part, const Reader& from) {
  reached_.part = part;
  reached_.byte = from.position();
}

// What the arena gave is not what anybody wrote.
void BodyReader::blank_columns() {
  for (const Table& t : tables_) {
    for (std::size_t row = 0; row < t.row_count; ++row)
      std::fill_n(cells_[t.begin + row], t.shape->field_count(), Value());
  }
}

// Of the column in which reading ended some cells may be there: they are taken for none.
void BodyReader::lose_columns(std::span<const Row> rows) {
  fields_lost_.assign(rows.size(), 0);
  if (reached_.part != Reached::Part::column) return;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::uint16_t table = table_of_row_[i];
    if (table < reached_.table) continue;
    const std::size_t fields = rows[i].shape->field_count();
    const std::size_t kept = table == reached_.table ? reached_.column : 0;
    fields_lost_[i] = static_cast<std::uint32_t>(fields - kept);
  }
  const Table& t = tables_[reached_.table];
  for (std::size_t row = 0; row < t.row_count; ++row) *cells_[t.begin + row] = Value();
}

Status BodyReader::read_table(Reader& from, std::size_t number, Arena& arena) {
  const Table& t = tables_[number];
  reached_.table = number;
  reached_.shape = t.shape;
  neighbours_.begin_table(t.row_count);
  const std::span cells = std::span(cells_).subspan(t.begin, t.row_count);
  for (std::size_t field = 0; field < t.shape->field_count(); ++field) {
    reached_.column = field;
    reach(Reached::Part::column, from);
    const Read read = column_.read(from, cells, arena);
    if (read != Read::ok) return verdict(read, "a column of the body is damaged");
    for (Value*& cell : cells) ++cell;
  }
  reached_.rows_whole += t.row_count;
  return {};
}

Status BodyReader::read_rows(Reader& from, Shapes& shapes, Arena& arena, std::vector<Row>& rows) {
  const std::uint8_t version = from.u8();
  const std::uint64_t row_count = from.varint();
  if (!from.failed() && version != kBodyVersion) return verdict(Read::newer, "");
  if (from.failed() || row_count > kRowsMax) {
    return fail(Code::corrupt, "the body declares more records than an envelope holds");
  }
  const auto count = static_cast<std::size_t>(row_count);
  if (count > 0) {
    reached_.rows = count;
    reach(Reached::Part::streams, from);
    if (Status s = read_shapes(from, count, shapes); !s) return s;
    reached_.tables = tables_.size();
    reach(Reached::Part::order, from);
    if (Status s = read_order(from, count); !s) return s;
    rows.resize(rows.size() + count);
    const std::span<Row> added = std::span(rows).last(count);
    if (Status s = read_times(from, added); !s) return s;
    if (Status s = place_rows(added, arena); !s) return s;
    if (salvaging_) blank_columns();
    for (std::size_t number = 0; number < tables_.size(); ++number) {
      if (Status s = read_table(from, number, arena); !s) return s;
    }
  }
  reach(Reached::Part::end, from);
  if (!code_.ends_with(from.left())) {
    return fail(Code::corrupt, "something follows the last column of the body");
  }
  return {};
}

Status BodyReader::read_shapes(Reader& from, std::size_t row_count, Shapes& shapes) {
  const auto damaged = [] { return fail(Code::corrupt, "the body's list of streams is damaged"); };
  const std::uint64_t table_count = from.varint();
  if (from.failed() || table_count == 0 || table_count > row_count || table_count > from.left()) {
    return damaged();
  }
  tables_.clear();
  for (std::uint64_t t = 0; t < table_count; ++t) {
    const std::string_view stream = from.text();
    const std::uint64_t field_count = from.varint();
    if (from.failed() || field_count > limits::kFieldsMax || field_count > from.left())
      return damaged();
    fields_.clear();
    for (std::uint64_t f = 0; f < field_count; ++f) fields_.push_back(from.text());
    if (from.failed()) return damaged();
    sorted_ = fields_;
    std::ranges::sort(sorted_);
    if (std::ranges::adjacent_find(sorted_) != sorted_.end()) return damaged();
    const Shape* shape = shapes.intern(stream, fields_);
    if (shape == nullptr) return fail(Code::full, "too many different streams or fields");
    tables_.push_back({.shape = shape});
  }
  return {};
}

Status BodyReader::read_order(Reader& from, std::size_t row_count) {
  constexpr const char* kDamaged = "the body's order of records is damaged";
  table_of_row_.assign(row_count, 0);
  if (tables_.size() > 1) {
    scratch_.resize(row_count);
    if (const Read r = column_.integers().read(from, scratch_); r != Read::ok)
      return verdict(r, kDamaged);
    for (const std::uint64_t table : scratch_)
      if (table >= tables_.size()) return fail(Code::corrupt, kDamaged);
    std::ranges::transform(scratch_, table_of_row_.begin(),
                           [](std::uint64_t t) { return static_cast<std::uint16_t>(t); });
  }
  for (const std::uint16_t table : table_of_row_) ++tables_[table].row_count;
  std::uint64_t cells = 0;
  std::size_t at = 0;
  for (Table& t : tables_) {
    if (t.row_count == 0) return fail(Code::corrupt, kDamaged);
    t.begin = at;
    at += t.row_count;
    cells += static_cast<std::uint64_t>(t.row_count) * t.shape->field_count();
  }
  if (cells > kCellsMax)
    return fail(Code::corrupt, "the body declares more fields than an envelope holds");
  return {};
}

Status BodyReader::read_times(Reader& from, std::span<Row> rows) {
  constexpr const char* kDamaged = "the body's times are damaged";
  scratch_.resize(rows.size());
  reach(Reached::Part::boots, from);
  if (const Read r = column_.integers().read(from, scratch_); r != Read::ok)
    return verdict(r, kDamaged);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].time.boot = scratch_[i];
  reach(Reached::Part::times, from);
  if (const Read r = column_.integers().read(from, scratch_); r != Read::ok)
    return verdict(r, kDamaged);
  for (std::size_t i = 0; i < rows.size(); ++i)
    rows[i].time.ns = static_cast<std::int64_t>(scratch_[i]);
  return {};
}

// Gives each row its shape and its cells. Small pieces, because an arena keeps its blocks: one
// large array a table would leave it with blocks of odd sizes.
Status BodyReader::place_rows(std::span<Row> rows, Arena& arena) {
  cells_.resize(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Table& t = tables_[table_of_row_[i]];
    const std::size_t fields = t.shape->field_count();
    if (t.piece_rows == 0 && fields > 0) {
      const std::size_t most = std::max<std::size_t>(1, kPieceBytesMax / sizeof(Value) / fields);
      t.piece_rows = std::min(most, t.row_count - t.placed);
      t.piece = arena.array<Value>(t.piece_rows * fields).data();
      if (t.piece == nullptr) return verdict(Read::no_memory, "");
    }
    rows[i].shape = t.shape;
    rows[i].values = t.piece;
    cells_[t.begin + t.placed++] = t.piece;
    if (fields == 0) continue;
    t.piece += fields;
    --t.piece_rows;
  }
  return {};
}

}  // namespace pinaflux::seal
