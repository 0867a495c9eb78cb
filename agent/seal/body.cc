#include "agent/seal/body.h"

// Layout: varint row count, varint table count; the shapes (stream, field count, field names); where there
// are several tables, the order of the rows as runs (table, length); then each table: its times, then its
// columns. A table's row count is the sum of its runs.

#include <algorithm>

#include "agent/data/limits.h"
#include "agent/seal/integers.h"

namespace pinaflux::seal {

namespace {
constexpr std::uint64_t kRowsMax = limits::kEnvelopeRecordsMax * 4;
constexpr std::uint64_t kFieldsMax = limits::kFieldsMax;
}  // namespace

void BodyWriter::sort_into_tables(std::span<const Row> rows) {
  table_count_ = 0;
  table_of_shape_.clear();
  table_of_row_.clear();
  const Shape* last_shape = nullptr;
  std::uint32_t last_table = 0;
  for (const Row& row : rows) {
    if (row.shape != last_shape) {
      const auto [at, added] =
          table_of_shape_.emplace(row.shape, static_cast<std::uint32_t>(table_count_));
      if (added) {
        if (table_count_ == tables_.size()) tables_.emplace_back();
        tables_[table_count_].shape = row.shape;
        tables_[table_count_].rows.clear();
        ++table_count_;
      }
      last_shape = row.shape;
      last_table = at->second;
    }
    tables_[last_table].rows.push_back(&row);
    table_of_row_.push_back(last_table);
  }
}

void BodyWriter::write(std::span<const Row> rows, Buffer& buffer) {
  Writer to(buffer);
  sort_into_tables(rows);
  to.varint(rows.size());
  to.varint(table_count_);
  for (std::size_t t = 0; t < table_count_; ++t) {
    const Shape& shape = *tables_[t].shape;
    to.text(shape.stream());
    to.varint(shape.field_count());
    for (const auto& name : shape.fields()) to.text(name);
  }
  if (table_count_ > 1) write_order(rows, to);
  for (std::size_t t = 0; t < table_count_; ++t) write_table(tables_[t], to);
}

void BodyWriter::write_order(std::span<const Row> rows, Writer& to) {
  for (std::size_t i = 0; i < rows.size();) {
    std::size_t end = i;
    while (end < rows.size() && table_of_row_[end] == table_of_row_[i]) ++end;
    to.varint(table_of_row_[i]);
    to.varint(end - i);
    i = end;
  }
}

void BodyWriter::write_table(const Table& table, Writer& to) {
  times_.clear();
  boots_.clear();
  for (const Row* row : table.rows) {
    times_.push_back(row->time.ns);
    boots_.push_back(static_cast<std::int64_t>(row->time.boot));
  }
  const bool wall = std::ranges::all_of(boots_, [](auto b) { return b == 0; });
  to.u8(wall ? 0 : 1);
  if (!wall) write_integers(boots_, to);
  write_integers(times_, to);
  Hints& hints = hints_[table.shape];
  hints.scales.resize(table.shape->field_count());
  for (std::size_t field = 0; field < table.shape->field_count(); ++field) {
    cells_.clear();
    for (const Row* row : table.rows) cells_.push_back(row->values[field]);
    column_.write(cells_, hints.scales[field], to);
  }
}

Status BodyReader::read(Bytes body, Shapes& shapes, Arena& arena, std::vector<Row>& rows) {
  Reader from(body);
  const std::uint64_t row_count = from.varint();
  if (from.failed() || row_count > kRowsMax) {
    return fail(Code::corrupt, "the body declares more records than an envelope holds");
  }
  if (auto ok = read_shapes(from, shapes); !ok) return ok;
  if (auto ok = read_order(from, row_count); !ok) return ok;
  for (Table& table : tables_) {
    if (auto ok = read_table(from, table, arena); !ok) return ok;
  }
  if (from.left() > 0) return fail(Code::corrupt, "something follows the last column of the body");
  for (const auto& [index, length] : order_) {
    Table& table = tables_[index];
    for (std::uint32_t n = 0; n < length; ++n, ++table.next) {
      rows.push_back({table.shape, table.cells.data() + table.next * table.shape->field_count(),
                      table.times[table.next]});
    }
  }
  return {};
}

Status BodyReader::read_shapes(Reader& from, Shapes& shapes) {
  const auto damaged = [] { return fail(Code::corrupt, "the body's list of streams is damaged"); };
  const std::uint64_t table_count = from.varint();
  tables_.clear();
  if (from.failed() || table_count > from.left()) return damaged();
  std::vector<std::string_view> fields;
  for (std::uint64_t t = 0; t < table_count; ++t) {
    const std::string_view stream = from.text();
    const std::uint64_t field_count = from.varint();
    if (from.failed() || field_count > kFieldsMax || field_count > from.left()) return damaged();
    fields.clear();
    for (std::uint64_t f = 0; f < field_count; ++f) fields.push_back(from.text());
    if (from.failed()) return damaged();
    const Shape* shape = shapes.intern(stream, fields);
    if (shape == nullptr) return fail(Code::full, "too many different streams or fields");
    tables_.push_back({shape, 0, 0, {}, {}});
  }
  return {};
}

Status BodyReader::read_order(Reader& from, std::uint64_t row_count) {
  order_.clear();
  const auto damaged = [] { return fail(Code::corrupt, "the body's order of records is damaged"); };
  if (tables_.empty()) return row_count == 0 ? Status() : damaged();
  if (tables_.size() == 1) {
    tables_[0].row_count = static_cast<std::size_t>(row_count);
    order_.emplace_back(0, static_cast<std::uint32_t>(row_count));
    return {};
  }
  for (std::uint64_t left = row_count; left > 0;) {
    const std::uint64_t table = from.varint();
    const std::uint64_t length = from.varint();
    if (from.failed() || table >= tables_.size() || length == 0 || length > left) return damaged();
    order_.emplace_back(static_cast<std::uint32_t>(table), static_cast<std::uint32_t>(length));
    tables_[static_cast<std::size_t>(table)].row_count += static_cast<std::size_t>(length);
    left -= length;
  }
  return {};
}

Status BodyReader::read_table(Reader& from, Table& table, Arena& arena) {
  const auto damaged = [] { return fail(Code::corrupt, "a column of the body is damaged"); };
  const auto no_room = [] { return fail(Code::full, "the batch needs more memory than allowed"); };
  const std::size_t fields = table.shape->field_count();
  const bool boots = from.u8() != 0;
  // Each time takes a byte at least, so that the bytes pay for the rows.
  if (from.failed() || table.row_count > from.left()) return damaged();
  table.times.assign(table.row_count, Stamp{});
  scratch_.assign(table.row_count, 0);
  if (boots) {
    read_integers(from, scratch_);
    for (std::size_t i = 0; i < table.row_count; ++i) {
      table.times[i].boot = static_cast<std::uint64_t>(scratch_[i]);
    }
  }
  read_integers(from, scratch_);
  for (std::size_t i = 0; i < table.row_count; ++i) table.times[i].ns = scratch_[i];
  if (from.failed()) return damaged();
  table.cells = arena.array<Value>(table.row_count * fields);
  if (table.cells.size() != table.row_count * fields) return no_room();
  for (std::size_t f = 0; f < fields; ++f) {
    if (!read_column(from, table.cells.data() + f, table.row_count, fields, arena, scratch_)) {
      return no_room();
    }
    if (from.failed()) return damaged();
  }
  return {};
}

}  // namespace pinaflux::seal
