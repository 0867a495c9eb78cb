// One COPY a shape and transaction, of all envelopes that have it: the rows of a batch of 256 envelopes are a few
// round trips. A plan is laid out for the first row of a shape and again when its table changes; between, a row costs
// a look at its columns.

#include "agent/collector/postgres_tables.h"

#include <algorithm>
#include <utility>

#include "agent/collector/postgres_text.h"
#include "platform/base/text.h"

namespace pinaflux {

using postgres::append_cell;
using postgres::append_escaped;
using postgres::kNull;
using postgres::quoted;

namespace {

constexpr const char* kOurs = "_id,_gateway,_epoch,_lane,_seq,_time,_boot,_anchor";
constexpr int kRefusedInARow = 16;  // Then the rest of the envelope is not tried.

bool is_null(const Value& value) {
  return value.type() == Type::absent || value.type() == Type::null;
}

// A row's own fault, not the database's.
bool is_of_row(const Error& error) {
  return error.code == Code::invalid || error.code == Code::exists || error.code == Code::denied;
}

}  // namespace

Status PostgresTables::begin(postgres::Connection& connection, bool careful) {
  connection_ = &connection;
  careful_ = careful;
  waiting_.clear();
  waiting_bytes_ = 0;
  quarantined_ = 0;
  return catalog_.begin(connection);
}

void PostgresTables::forget() {
  plans_.clear();
  plan_count_ = 0;
  catalog_.forget();
}

void PostgresTables::mark() {
  marks_.clear();
  marked_change_ = catalog_.change();
  for (const auto& [copy, lines] : waiting_) marks_[copy] = lines.size();
}

void PostgresTables::undo() {
  for (auto& [copy, lines] : waiting_) lines.resize(marks_[copy]);
  forget();
  // Without care there is no savepoint in the database: what was changed there stays.
  if (careful_) catalog_.back_to(marked_change_);
}

Status PostgresTables::flush() {
  for (auto& [copy, lines] : waiting_) {
    if (lines.empty()) continue;
    if (Status s = connection_->copy(copy, lines); !s) return s;
    lines.clear();
  }
  waiting_.clear();
  marks_.clear();
  waiting_bytes_ = 0;
  return {};
}

Status PostgresTables::land(std::int64_t lane, const RowIdentity& identity,
                            std::span<const Row> rows, std::span<const std::int64_t> anchors) {
  if (careful_) return land_with_care(lane, identity, rows, anchors);
  Place place{lane, identity, identity.seq, 0};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    place.anchor = anchors.empty() ? 0 : anchors[i];
    if (Status s = append(place, rows[i]); !s) return s;
    place.seq += identity.step;
  }
  return waiting_bytes_ > kTextMax ? flush() : Status();
}

Result<PostgresTables::Plan*> PostgresTables::plan_for(const Row& row) {
  const std::uint32_t id = row.shape->id();
  if (id < plans_.size() && plans_[id]) {
    if (Status s = adapt(*plans_[id], row); !s) return std::unexpected(s.error());
    return plans_[id].get();
  }
  return plan(row);
}

// Null: the stream's table cannot be made.
Result<PostgresTables::Plan*> PostgresTables::plan(const Row& row) {
  const Shape& shape = *row.shape;
  std::vector<NewField> fields;
  for (std::size_t i = 0; i < shape.field_count(); ++i) {
    if (!is_null(row.values[i])) fields.push_back({shape.fields()[i], row.values[i].type()});
  }
  const auto table = catalog_.table(shape.stream(), fields);
  if (!table) return std::unexpected(table.error());
  if (*table == nullptr) return nullptr;
  if (plan_count_ >= kPlansMax) {
    plans_.clear();
    plan_count_ = 0;
  }
  if (shape.id() >= plans_.size()) plans_.resize(shape.id() + 1);
  auto& plan = plans_[shape.id()] = std::make_unique<Plan>();
  ++plan_count_;
  plan->table = *table;
  lay_out(*plan, shape);
  if (Status s = adapt(*plan, row); !s) return std::unexpected(s.error());
  return plan.get();
}

void PostgresTables::lay_out(Plan& plan, const Shape& shape) {
  const bool overflow = plan.table->id == 0;
  plan.version = plan.table->version;
  plan.columns.clear();
  plan.copy = "COPY " + quoted(plan.table->name) + "(" + kOurs + ",_more";
  if (overflow) plan.copy += ",_stream";
  for (const std::string& field : shape.fields()) {
    const auto column = plan.table->columns.find(postgres::storable(field));
    const bool there = column != plan.table->columns.end() && !column->second.name.empty();
    plan.columns.push_back(there ? &column->second : nullptr);
    if (there) plan.copy += "," + quoted(column->second.name);
  }
  plan.copy += ") FROM STDIN";
}

// Columns that this row is the first to need.
Status PostgresTables::adapt(Plan& plan, const Row& row) {
  const Shape& shape = *row.shape;
  if (plan.version != plan.table->version) lay_out(plan, shape);
  std::vector<NewField> missing;
  for (std::size_t i = 0; i < plan.columns.size(); ++i) {
    const Value& value = row.values[i];
    const PostgresColumn* column = plan.columns[i];
    if (column == nullptr) {
      if (!is_null(value)) missing.push_back({shape.fields()[i], value.type()});
    } else if (column->type == ColumnType::bigint && value.type() == Type::float64) {
      std::string text;
      if (postgres::append_value(text, column->type, value)) continue;
      if (Status s = flush(); !s) return s;
      const auto done = catalog_.make_real(*plan.table, shape.fields()[i]);
      if (!done) return std::unexpected(done.error());
      if (plan.version != plan.table->version) lay_out(plan, shape);
    }
  }
  if (missing.empty()) return {};
  if (Status s = catalog_.widen(*plan.table, missing); !s) return s;
  if (plan.version != plan.table->version) lay_out(plan, shape);
  return {};
}

namespace {

void append_identity(std::string& line, std::int64_t key, const RowIdentity& identity,
                     std::uint64_t seq, const Row& row, std::int64_t anchor) {
  append_integer(line, key);
  for (const std::string_view text : {identity.gateway, identity.epoch, identity.lane}) {
    line += '\t';
    append_escaped(line, text);
  }
  line += '\t';
  append_unsigned(line, seq);
  line += '\t';
  append_integer(line, row.time.ns);
  line += '\t';
  line += row.time.boot == 0 ? std::string(kNull) : boot_name(row.time.boot);
  line += '\t';
  if (anchor == 0) {
    line += kNull;
  } else {
    append_integer(line, anchor);
  }
}

}  // namespace

Status PostgresTables::append(const Place& place, const Row& row) {
  const auto found = plan_for(row);
  if (!found) return std::unexpected(found.error());
  if (*found == nullptr) {
    append_quarantine(place, row, catalog_.why());
    return {};
  }
  const Plan& plan = **found;
  std::string& lines = waiting_[plan.copy];
  const std::size_t before = lines.size();
  append_identity(lines, key_of(place.lane, place.seq), place.identity, place.seq, row,
                  place.anchor);
  std::string cells;
  JsonWriter more;
  bool has_more = false;
  for (std::size_t i = 0; i < plan.columns.size(); ++i) {
    const Value& value = row.values[i];
    const PostgresColumn* column = plan.columns[i];
    if (column != nullptr) cells += '\t';
    if (!is_null(value) && column != nullptr && append_cell(cells, column->type, value)) continue;
    if (column != nullptr) cells += kNull;
    if (is_null(value)) continue;
    if (!has_more) more.begin_object();
    has_more = true;
    append_json_value(more.key(row.shape->fields()[i]), value);
  }
  lines += '\t';
  if (has_more) {
    append_escaped(lines, more.end_object().take());
  } else {
    lines += kNull;
  }
  if (plan.table->id == 0) {
    lines += '\t';
    append_escaped(lines, postgres::storable(row.shape->stream()));
  }
  lines += cells;
  lines += '\n';
  waiting_bytes_ += lines.size() - before;
  return {};
}

void PostgresTables::append_quarantine(const Place& place, const Row& row,
                                       std::string_view reason) {
  std::string& lines = waiting_[std::string("COPY ") + PostgresCatalog::kQuarantine + "(" + kOurs +
                                ",_stream,_reason,_record) FROM STDIN"];
  append_identity(lines, key_of(place.lane, place.seq), place.identity, place.seq, row,
                  place.anchor);
  for (const std::string& text :
       {postgres::storable(row.shape->stream()), postgres::storable(reason), json_fields(row)}) {
    lines += '\t';
    append_escaped(lines, text);
  }
  lines += '\n';
  ++quarantined_;
}

// Errors: `exists`, where a row has this key already.
Status PostgresTables::land_with_care(std::int64_t lane, const RowIdentity& identity,
                                      std::span<const Row> rows,
                                      std::span<const std::int64_t> anchors) {
  const auto change = catalog_.change();
  if (Status s = connection_->execute("SAVEPOINT rows"); !s) return s;
  careful_ = false;
  Status done = land(lane, identity, rows, anchors);
  if (done) done = flush();
  careful_ = true;
  if (done) return connection_->execute("RELEASE rows");
  if (!is_of_row(done.error())) return done;
  if (Status s = connection_->execute("ROLLBACK TO rows; RELEASE rows"); !s) return s;
  waiting_.clear();
  forget();
  catalog_.back_to(change);
  int refused = 0;
  std::string reason;
  Place place{lane, identity, identity.seq, 0};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    place.anchor = anchors.empty() ? 0 : anchors[i];
    if (refused < kRefusedInARow) {
      const std::uint64_t before = quarantined_;
      if (Status s = land_row_with_care(place, rows[i]); !s) return s;
      refused = quarantined_ > before ? refused + 1 : 0;
      if (refused > 0) reason = connection_->why();
    } else {
      append_quarantine(place, rows[i], reason);
    }
    place.seq += identity.step;
  }
  return flush();
}

Status PostgresTables::land_row_with_care(const Place& place, const Row& row) {
  const auto change = catalog_.change();
  if (Status s = connection_->execute("SAVEPOINT row"); !s) return s;
  Status done = append(place, row);
  if (done) done = flush();
  if (done) return connection_->execute("RELEASE row");
  if (!is_of_row(done.error())) return done;
  const std::string reason = connection_->why();
  if (Status s = connection_->execute("ROLLBACK TO row; RELEASE row"); !s) return s;
  waiting_.clear();
  forget();
  catalog_.back_to(change);
  const auto there = is_there(place, row);
  if (!there) return std::unexpected(there.error());
  if (*there) return fail(Code::exists, "a row with this key is there already");
  append_quarantine(place, row, reason);
  return flush();
}

Result<bool> PostgresTables::is_there(const Place& place, const Row& row) {
  const std::string key = std::to_string(key_of(place.lane, place.seq));
  const auto table = catalog_.existing(row.shape->stream());
  if (!table) return std::unexpected(table.error());
  std::vector<std::string> names = {PostgresCatalog::kQuarantine};
  if (*table != nullptr) names.push_back((*table)->name);
  for (const std::string& name : names) {
    const auto found = connection_->ask_once("SELECT 1 FROM " + quoted(name) + " WHERE _id=$1",
                                             std::vector<std::optional<std::string>>{key});
    if (!found) return std::unexpected(found.error());
    if (found->rows() > 0) return true;
  }
  return false;
}

Result<std::string> PostgresTables::table_of(const std::string& stream) {
  if (Status s = flush(); !s) return std::unexpected(s.error());
  const auto table = catalog_.existing(stream);
  if (!table) return std::unexpected(table.error());
  return quoted(*table == nullptr ? PostgresCatalog::kQuarantine : (*table)->name);
}

Result<std::uint64_t> PostgresTables::nth_seq(const std::string& stream, std::int64_t lane,
                                              const Range& range, std::int64_t count) {
  const auto table = table_of(stream);
  if (!table) return std::unexpected(table.error());
  const std::vector<std::optional<std::string>> parameters = {
      std::to_string(key_of(lane, range.first)), std::to_string(key_of(lane, range.last)),
      std::to_string(count - 1)};
  const auto row = connection_->ask_once(
      "SELECT _id FROM " + *table + " WHERE _id BETWEEN $1 AND $2 ORDER BY _id LIMIT 1 OFFSET $3",
      parameters);
  if (!row) return std::unexpected(row.error());
  return row->rows() > 0 ? seq_of(row->integer(0, 0)) : range.last;
}

Status PostgresTables::retime(const Retiming& to) {
  const auto table = table_of(to.stream);
  if (!table) return std::unexpected(table.error());
  if (Status s = settle_(); !s) return s;
  const std::string quarantine = quoted(PostgresCatalog::kQuarantine);
  if (Status s = retime_in(quarantine, to); !s) return s;
  return *table == quarantine ? Status() : retime_in(*table, to);
}

Status PostgresTables::retime_in(const std::string& table, const Retiming& to) {
  const std::string begin =
      "UPDATE " + table + " SET _anchor=$1::bigint,_boot=NULL,_time=_time+$2::bigint";
  const std::string where = " WHERE _id BETWEEN $3 AND $4 AND _gateway=$5 AND ";
  std::vector<std::optional<std::string>> parameters = {
      std::to_string(to.anchor_id),
      std::to_string(to.anchor.offset().ns),
      std::to_string(key_of(to.lane, to.range.first)),
      std::to_string(key_of(to.lane, to.range.last)),
      to.gateway,
      boot_name(to.boot)};
  const auto moved = connection_->ask_once(
      begin + "-(SELECT wall-monotonic FROM pinaflux_anchor WHERE id=_anchor)" + where +
          "_anchor IN (SELECT id FROM pinaflux_anchor WHERE gateway=$5 AND boot=$6 AND replaced=1"
          " AND id<>$1::bigint)",
      parameters);
  if (!moved) return std::unexpected(moved.error());
  parameters.emplace_back(std::to_string(Anchor::kNsMax));
  const auto resolved = connection_->ask_once(
      begin + where + "_boot=$6 AND _time>=0 AND _time<$7::bigint", parameters);
  return resolved ? Status() : std::unexpected(resolved.error());
}

namespace {

std::optional<Stamp> stamp_of(const postgres::Answer& row) {
  if (row.rows() == 0) return std::nullopt;
  const auto boot = row.is_null(0, 1) ? std::uint64_t{0} : parse_boot(row.text(0, 1)).value_or(0);
  return Stamp{row.integer(0, 0), boot};
}

}  // namespace

// A value may have gone to `_more` then, and have a column now, or the other way round.
Result<std::optional<Stamp>> PostgresTables::landed_like(std::int64_t lane, std::uint64_t seq,
                                                         const Row& row) {
  if (Status s = flush(); !s) return std::unexpected(s.error());
  const auto table = catalog_.existing(row.shape->stream());
  if (!table) return std::unexpected(table.error());
  const std::int64_t key = key_of(lane, seq);
  if (*table == nullptr) return in_quarantine(key, row);
  std::vector<std::optional<std::string>> parameters = {std::to_string(key)};
  std::string sql = "SELECT _time,_boot,_more::text";
  std::map<std::string, std::size_t> fields;  // Of the row, those with a value.
  for (std::size_t i = 0; i < row.shape->field_count(); ++i) {
    if (!is_null(row.values[i])) fields[postgres::storable(row.shape->fields()[i])] = i;
  }
  std::vector<std::pair<std::string, int>>
      asked;  // Fields that have a column, and what was asked of it: first where.
  int place = 3;
  for (const auto& [field, column] : (*table)->columns) {
    if (column.name.empty()) continue;
    const auto known = fields.find(field);
    std::string value;
    const bool fits = known != fields.end() &&
                      postgres::append_value(value, column.type, row.values[known->second]);
    if (fits) {
      parameters.emplace_back(std::move(value));
      sql += "," + quoted(column.name) + " IS DISTINCT FROM $" + std::to_string(parameters.size());
    } else {
      sql += ",true";
    }
    sql += "," + quoted(column.name) + " IS NULL";
    asked.emplace_back(field, place);
    place += 2;
  }
  sql += " FROM " + quoted((*table)->name) + " WHERE _id=$1";
  if ((*table)->id == 0) {
    parameters.emplace_back(postgres::storable(row.shape->stream()));
    sql += " AND _stream=$" + std::to_string(parameters.size());
  }
  const auto found = connection_->ask_once(sql, parameters);
  if (!found) return std::unexpected(found.error());
  if (found->rows() == 0) return in_quarantine(key, row);
  std::set<std::size_t> in_column;
  for (const auto& [field, at] : asked) {
    const bool other = found->boolean(0, at), null = found->boolean(0, at + 1);
    const auto known = fields.find(field);
    if (null) continue;  // It may lie in `_more`.
    if (known == fields.end() || other) return std::nullopt;
    in_column.insert(known->second);
  }
  const std::string more = json_fields(row, in_column);
  const bool same = found->is_null(0, 2) ? more == "{}" : more == found->text(0, 2);
  return same ? stamp_of(*found) : std::nullopt;
}

Result<std::optional<Stamp>> PostgresTables::in_quarantine(std::int64_t key, const Row& row) {
  const std::vector<std::optional<std::string>> parameters = {
      std::to_string(key), postgres::storable(row.shape->stream()), json_fields(row)};
  const auto found =
      connection_->ask_once(std::string("SELECT _time,_boot FROM ") + PostgresCatalog::kQuarantine +
                                " WHERE _id=$1 AND _stream=$2 AND _record::text=$3",
                            parameters);
  if (!found) return std::unexpected(found.error());
  return stamp_of(*found);
}

}  // namespace pinaflux
