// One prepared INSERT a shape, with a parameter for each of its fields; what is the same for a whole
// envelope (gateway, epoch, lane) is bound once, because bindings outlive a reset.

#include "agent/collector/sqlite_sink.h"

#include <cmath>
#include <utility>

#include "agent/data/anchor.h"
#include "platform/base/assert.h"

namespace pinaflux {

namespace {

// Parameters of every row; those of fields follow.
enum Place : int {
  kId = 1,
  kGateway,
  kEpoch,
  kLane,
  kSeq,
  kTime,
  kBoot,
  kAnchor,
  kMore,
  kStream,  // Of the overflow only.
  kFirstField = kStream
};

constexpr std::size_t kTermsEach = 100;

}  // namespace

Result<SqliteSink> SqliteSink::prepare(sqlite::Database& database) {
  Result<Catalog> catalog = Catalog::prepare(database);
  if (!catalog) return std::unexpected(catalog.error());
  Result<SqliteQuarantine> quarantine = SqliteQuarantine::prepare(database);
  if (!quarantine) return std::unexpected(quarantine.error());
  return SqliteSink(database, std::move(*catalog), std::move(*quarantine));
}

void SqliteSink::forget() {
  plans_.clear();
  searches_.clear();
  plan_count_ = 0;
  catalog_.forget();
}

Status SqliteSink::land(std::int64_t lane, const RowIdentity& identity, std::span<const Row> rows,
                        std::span<const std::int64_t> anchors) {
  ++landing_;
  refused_.clear();
  const Shape* shape = nullptr;
  Plan* plan = nullptr;
  std::uint64_t seq = identity.seq;
  for (const Row& row : rows) {
    if (row.shape != shape) {
      const Result<Plan*> found = plan_for(*row.shape);
      if (!found) return std::unexpected(found.error());
      plan = *found;
      shape = row.shape;
    }
    const std::int64_t id = key_of(lane, seq);
    const std::int64_t anchor = anchors.empty() ? 0 : anchors.front();
    if (!anchors.empty()) anchors = anchors.subspan(1);
    std::optional<std::string> refused;
    if (plan == nullptr) {
      refused = refused_[shape];
    } else {
      if (plan->landing != landing_) bind_identity(*plan, identity, *shape);
      bind_anchor(plan->insert, anchor);
      Status done = insert(*plan, id, seq, row);
      if (!done && stops_everything(done.error().code)) return done;
      if (!done) refused = database_->why();
      if (done && database_->changes() == 0) refused = "a rule of the table ignores it";
    }
    if (refused) {
      if (Status s = set_aside({id, seq, anchor}, identity, row, *refused); !s) return s;
    }
    seq += identity.step;
  }
  return {};
}

// What a row that failed has done is undone by SQLite, unless a rule says otherwise.
Status SqliteSink::set_aside(const Key& key, const RowIdentity& identity, const Row& row,
                             std::string_view reason) {
  if (!database_->in_transaction()) {
    return fail(Code::io,
                "a rule of the database took back the whole transaction: let it RAISE(ABORT), "
                "not RAISE(ROLLBACK)");
  }
  const Result<bool> there = is_there(key.id, row);
  if (!there) return std::unexpected(there.error());
  if (*there) return fail(Code::exists, "a row with this key is there already");
  ++quarantined_;
  return quarantine_.take(key.id, identity, key.seq, row, key.anchor, reason);
}

// Not in a table that is none of ours any more.
Result<bool> SqliteSink::is_there(std::int64_t id, const Row& row) {
  const Result<const Table*> table = catalog_.existing(row.shape->stream());
  if (!table && stops_everything(table.error().code)) return std::unexpected(table.error());
  if (!table || *table == nullptr) return false;
  const std::string sql = "SELECT 1 FROM " + Catalog::quoted((*table)->name) + " WHERE _id=?";
  auto find = database_->prepare(sql.c_str());
  if (!find) return false;
  find->bind(1, id);
  return find->step();
}

// Null: the stream's table cannot be made, or takes no rows of this shape; refused_ says why.
Result<SqliteSink::Plan*> SqliteSink::plan_for(const Shape& shape) {
  if (shape.id() < plans_.size() && plans_[shape.id()]) return plans_[shape.id()].get();
  if (refused_.contains(&shape)) return nullptr;
  if (plan_count_ >= kPlansMax) forget();
  if (Status s = database_->execute("SAVEPOINT plan"); !s) return std::unexpected(s.error());
  const Result<Plan*> made = keep_plan(shape);
  if (!made && stops_everything(made.error().code)) return made;
  if (!made) {
    refused_[&shape] = database_->why();
    if (Status s = database_->execute("ROLLBACK TO plan"); !s) return std::unexpected(s.error());
    forget();
  }
  if (Status s = database_->execute("RELEASE plan"); !s) return std::unexpected(s.error());
  return made ? made : nullptr;
}

Result<SqliteSink::Plan*> SqliteSink::keep_plan(const Shape& shape) {
  Result<std::unique_ptr<Plan>> made = plan(shape);
  if (!made) return std::unexpected(made.error());
  if (shape.id() >= plans_.size()) plans_.resize(shape.id() + 1);
  plans_[shape.id()] = std::move(*made);
  ++plan_count_;
  return plans_[shape.id()].get();
}

Result<std::unique_ptr<SqliteSink::Plan>> SqliteSink::plan(const Shape& shape) {
  const Result<const Table*> found = catalog_.table(shape.stream(), shape.fields());
  if (!found) return std::unexpected(found.error());
  const Table& table = **found;
  auto plan = std::make_unique<Plan>();
  plan->layout = layout_of(shape, table);
  std::string names = "_id,_gateway,_epoch,_lane,_seq,_time,_boot,_anchor,_more";
  std::string marks = "?,?,?,?,?,?,?,?,?";
  if (plan->layout.overflow) {
    names += ",_stream";
    marks += ",?";
  }
  for (std::size_t i = 0; i < shape.fields().size(); ++i) {
    if (plan->layout.places[i] == 0) continue;
    names += "," + Catalog::quoted(table.columns.at(shape.fields()[i]));
    marks += ",?";
  }
  const std::string sql = "INSERT OR ABORT INTO " + Catalog::quoted(table.name) + "(" + names +
                          ") VALUES(" + marks + ")";
  Result<sqlite::Statement> insert = database_->prepare(sql.c_str());
  if (!insert) return std::unexpected(insert.error());
  plan->insert = std::move(*insert);
  return plan;
}

SqliteSink::Layout SqliteSink::layout_of(const Shape& shape, const Table& table) {
  Layout layout;
  layout.overflow = table.id == 0;
  int place = kFirstField;
  for (const std::string& field : shape.fields()) {
    const bool fits = table.columns.contains(field);
    layout.places.push_back(fits ? place++ : 0);
    if (!fits) layout.has_more = true;
  }
  return layout;
}

void SqliteSink::bind_identity(Plan& plan, const RowIdentity& identity, const Shape& shape) {
  plan.insert.bind(kGateway, identity.gateway);
  plan.insert.bind(kEpoch, identity.epoch);
  plan.insert.bind(kLane, identity.lane);
  if (plan.layout.overflow) plan.insert.bind(kStream, shape.stream());
  plan.landing = landing_;
}

Status SqliteSink::insert(Plan& plan, std::int64_t id, std::uint64_t seq, const Row& row) {
  sqlite::Statement& to = plan.insert;
  to.bind(kId, id);
  to.bind(kSeq, static_cast<std::int64_t>(seq));
  bind_time(to, row.time);
  bind_values(plan.layout, to, row);
  return to.run();
}

void SqliteSink::bind_values(const Layout& layout, sqlite::Statement& to, const Row& row) {
  numbers_.clear();
  numbers_.reserve(layout.places.size());
  JsonWriter more;
  if (layout.has_more) more.begin_object();
  for (std::size_t i = 0; i < layout.places.size(); ++i) {
    const Value& value = row.values[i];
    if (layout.places[i] != 0) {
      bind(to, layout.places[i], value);
    } else if (value.type() != Type::absent) {
      append_json_value(more.key(row.shape->fields()[i]), value);
    }
  }
  if (layout.has_more) {
    more_ = more.end_object().take();
    to.bind(kMore, std::string_view(more_));
  } else {
    to.bind_null(kMore);
  }
}

// Null: no record of the stream has landed. What was prepared may be older than columns that other shapes brought.
Result<SqliteSink::Search*> SqliteSink::search_for(const Shape& shape) {
  const Result<const Table*> table = catalog_.existing(shape.stream());
  if (!table) return std::unexpected(table.error());
  if (*table == nullptr) return nullptr;
  const auto known = searches_.find(&shape);
  if (known != searches_.end() && known->second.columns == (*table)->columns.size()) {
    return &known->second;
  }
  Result<Search> made = search(shape, **table);
  if (!made) return std::unexpected(made.error());
  if (searches_.size() >= kPlansMax) searches_.clear();
  return &(searches_[&shape] = std::move(*made));
}

Result<SqliteSink::Search> SqliteSink::search(const Shape& shape, const Table& table) {
  const auto parameter = [](int place) { return "?" + std::to_string(place); };
  Search search;
  search.layout = layout_of(shape, table);
  search.columns = table.columns.size();
  std::string sql = "SELECT _time,_boot FROM " + Catalog::quoted(table.name) +
                    " WHERE _id=" + parameter(kId) + " AND _more IS " + parameter(kMore);
  if (search.layout.overflow) sql += " AND _stream=" + parameter(kStream);
  std::map<std::string_view, int> places;  // By field.
  for (std::size_t i = 0; i < shape.fields().size(); ++i) {
    places[shape.fields()[i]] = search.layout.places[i];
  }
  std::size_t terms = 0;
  for (const auto& [field, column] : table.columns) {
    const auto place = places.find(field);
    // In groups: SQLite takes expressions that are nested 1,000 deep.
    sql += terms % kTermsEach == 0 ? (terms == 0 ? " AND (" : ") AND (") : " AND ";
    sql += Catalog::quoted(column) + " IS ";
    sql += place == places.end() ? "NULL" : parameter(place->second);
    ++terms;
  }
  if (terms > 0) sql += ")";
  Result<sqlite::Statement> find = database_->prepare(sql.c_str());
  if (!find) return std::unexpected(find.error());
  search.find = std::move(*find);
  return search;
}

Result<std::optional<Stamp>> SqliteSink::landed_like(std::int64_t lane, std::uint64_t seq,
                                                     const Row& row) {
  const Result<Search*> search = search_for(*row.shape);
  if (!search && stops_everything(search.error().code)) return std::unexpected(search.error());
  if (!search || *search == nullptr) return quarantine_.holds(key_of(lane, seq), row);
  sqlite::Statement& find = (*search)->find;
  const sqlite::Reading reading(find);
  find.bind(kId, key_of(lane, seq));
  if ((*search)->layout.overflow) find.bind(kStream, row.shape->stream());
  bind_values((*search)->layout, find, row);
  const Result<bool> there = find.step();
  if (!there) return std::unexpected(there.error());
  if (!*there) return quarantine_.holds(key_of(lane, seq), row);
  const auto boot = find.is_null(1) ? std::uint64_t{0} : parse_boot(find.text(1)).value_or(0);
  return Stamp{find.integer(0), boot};
}

Result<std::string> SqliteSink::table_of(const std::string& stream) {
  const Result<const Table*> table = catalog_.existing(stream);
  if (!table) return std::unexpected(table.error());
  if (*table != nullptr) return Catalog::quoted((*table)->name);
  const Result<bool> made = database_->has_column(Catalog::kOverflow, "_id");
  if (!made) return std::unexpected(made.error());
  return *made ? Catalog::quoted(Catalog::kOverflow) : std::string();
}

Result<std::uint64_t> SqliteSink::nth_seq(const std::string& stream, std::int64_t lane,
                                          const Range& range, std::int64_t count) {
  const Result<std::string> table = table_of(stream);
  if (!table) return std::unexpected(table.error());
  if (table->empty()) return range.last;
  const std::string sql =
      "SELECT _id FROM " + *table + " WHERE _id BETWEEN ? AND ? ORDER BY _id LIMIT 1 OFFSET ?";
  auto last = database_->prepare(sql.c_str());
  if (!last) return std::unexpected(last.error());
  last->bind(1, key_of(lane, range.first));
  last->bind(2, key_of(lane, range.last));
  last->bind(3, count - 1);
  const Result<bool> row = last->step();
  if (!row) return std::unexpected(row.error());
  return *row ? seq_of(last->integer(0)) : range.last;
}

Status SqliteSink::retime(const Retiming& to) {
  const Result<std::string> table = table_of(to.stream);
  if (!table) return std::unexpected(table.error());
  if (Status s = retime_in(SqliteQuarantine::kTable, to); !s) return s;
  return table->empty() ? Status() : retime_in(*table, to);
}

Status SqliteSink::retime_in(const std::string& table, const Retiming& to) {
  const std::string boot = boot_name(to.boot);
  const std::string begin = "UPDATE " + table + " SET _anchor=?1,_boot=NULL,_time=_time+?2";
  const std::string where = " WHERE _id BETWEEN ?3 AND ?4 AND ";
  const std::string changes[] = {
      begin + where + "_boot=?5 AND _time>=0 AND _time<?7 AND _gateway=?6",
      begin + "-(SELECT wall-monotonic FROM pinaflux_anchor WHERE id=_anchor)" + where +
          "_anchor IN (SELECT id FROM pinaflux_anchor WHERE gateway=?6 AND boot=?5 AND replaced=1"
          " AND id<>?7)"};
  for (const std::string& sql : changes) {
    auto change = database_->prepare(sql.c_str());
    if (!change) return std::unexpected(change.error());
    change->bind(1, to.anchor_id);
    change->bind(2, to.anchor.offset().ns);
    change->bind(3, key_of(to.lane, to.range.first));
    change->bind(4, key_of(to.lane, to.range.last));
    change->bind(5, std::string_view(boot));
    change->bind(6, std::string_view(to.gateway));
    change->bind(7, &sql == changes ? Anchor::kNsMax : to.anchor_id);
    if (Status s = change->run(); !s) return s;
  }
  return {};
}

void SqliteSink::bind_anchor(sqlite::Statement& to, std::int64_t anchor) {
  if (anchor == 0) return to.bind_null(kAnchor);
  to.bind(kAnchor, anchor);
}

void SqliteSink::bind_time(sqlite::Statement& to, Stamp time) {
  to.bind(kTime, time.ns);
  if (time.boot == 0) return to.bind_null(kBoot);
  boot_ = boot_name(time.boot);
  to.bind(kBoot, std::string_view(boot_));
}

void SqliteSink::bind(sqlite::Statement& to, int place, const Value& value) {
  switch (value.type()) {
    case Type::absent:
    case Type::null: to.bind_null(place); return;
    case Type::boolean: to.bind(place, std::int64_t{value.as_boolean()}); return;
    case Type::int64: to.bind(place, value.as_int64()); return;
    case Type::uint64:
      numbers_.push_back(std::to_string(value.as_uint64()));
      to.bind(place, std::string_view(numbers_.back()));
      return;
    case Type::float64:
      if (std::isnan(value.as_float64())) {
        to.bind(place, std::string_view("NaN"));
      } else {
        to.bind(place, value.as_float64());
      }
      return;
    case Type::text: to.bind(place, value.as_text()); return;
    case Type::bytes: to.bind(place, value.as_bytes()); return;
  }
}

}  // namespace pinaflux
