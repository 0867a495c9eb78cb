// Small keyed rows, replaced in place: a cursor that is written in every commit stays in its page.

#include "agent/spool/notes.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace pinaflux {

namespace {

const std::string& name_of(const std::vector<std::string>& sources, SourceIndex source) {
  static const std::string kUnknown = "?";
  return source < sources.size() ? sources[source] : kUnknown;
}

// The place behind the key.
int bind_key(sqlite::Statement& statement, const Note& note) {
  int place = 1;
  if (note.kind == Note::Kind::cursor) statement.bind(place++, std::string_view(note.source));
  statement.bind(place++, std::string_view(note.key));
  return place;
}

}  // namespace

Notes::Notes(const sqlite::Database& database, Encryption& encryption)
    : encryption_(&encryption), sealed_(database, encryption) {
  static constexpr struct {
    sqlite::Statement Notes::* statement;
    const char* sql;
  } kAll[] = {
      {&Notes::put_cursor_, "INSERT OR REPLACE INTO cursors VALUES(?,?,?)"},
      {&Notes::erase_cursor_, "DELETE FROM cursors WHERE source=? AND key=?"},
      {&Notes::all_cursors_, "SELECT source,key,value FROM cursors ORDER BY source,key"},
      {&Notes::put_state_, "INSERT OR REPLACE INTO states VALUES(?,?)"},
      {&Notes::erase_state_, "DELETE FROM states WHERE key=?"},
      {&Notes::all_states_, "SELECT key,value FROM states ORDER BY key"},
  };
  for (const auto& [statement, sql] : kAll) this->*statement = database.prepare_later(sql);
}

Status Notes::write(const Group& group, const std::vector<std::string>& sources) {
  Status s = write_cursors(group, sources);
  return s ? write_states(group) : s;
}

// A note is in one of both tables.
Status Notes::put(const Note& note) {
  if (!encryption_->on()) {
    Status s = sealed_.erase(note);
    return s ? put_plain(note) : s;
  }
  Status s = erase_plain(note);
  return s ? sealed_.put(note) : s;
}

Status Notes::erase(const Note& note) {
  Status s = sealed_.erase(note);
  return s ? erase_plain(note) : s;
}

Status Notes::put_plain(const Note& note) {
  sqlite::Statement& statement = note.kind == Note::Kind::cursor ? put_cursor_ : put_state_;
  statement.bind(bind_key(statement, note), Bytes(note.value));
  return statement.run();
}

Status Notes::erase_plain(const Note& note) {
  sqlite::Statement& statement = note.kind == Note::Kind::cursor ? erase_cursor_ : erase_state_;
  bind_key(statement, note);
  return statement.run();
}

Status Notes::write_cursors(const Group& group, const std::vector<std::string>& sources) {
  for (const CursorEdit& edit : group.cursors) {
    const Note note{Note::Kind::cursor, name_of(sources, edit.source), edit.key, edit.value};
    if (Status s = edit.erase ? erase(note) : put(note); !s) return s;
  }
  return {};
}

Status Notes::write_states(const Group& group) {
  for (const StateEdit& edit : group.states) {
    const Note note{Note::Kind::state, {}, edit.key, edit.value};
    if (Status s = edit.value.empty() ? erase(note) : put(note); !s) return s;
  }
  return {};
}

Result<std::vector<Note>> Notes::plain(Note::Kind kind) {
  const bool cursor = kind == Note::Kind::cursor;
  sqlite::Statement& statement = cursor ? all_cursors_ : all_states_;
  const sqlite::Reading reading(statement);
  std::vector<Note> notes;
  for (;;) {
    const Result<bool> row = statement.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return notes;
    Note& note = notes.emplace_back();
    note.kind = kind;
    int column = 0;
    if (cursor) note.source = statement.text(column++);
    note.key = statement.text(column++);
    const Bytes value = statement.blob(column);
    note.value.assign(value.begin(), value.end());
  }
}

Result<std::vector<Note>> Notes::all(Note::Kind kind) {
  auto notes = plain(kind);
  if (!notes) return notes;
  auto sealed = sealed_.all(kind);
  if (!sealed) return sealed;
  if (sealed->empty()) return notes;
  std::ranges::move(*sealed, std::back_inserter(*notes));
  std::ranges::sort(*notes, {}, [](const Note& n) { return std::tie(n.source, n.key); });
  return notes;
}

Result<std::size_t> Notes::convert() {
  std::vector<Note> old;
  if (encryption_->on()) {
    for (const auto kind : {Note::Kind::cursor, Note::Kind::state}) {
      auto notes = plain(kind);
      if (!notes) return std::unexpected(notes.error());
      std::ranges::move(*notes, std::back_inserter(old));
    }
  }
  auto sealed = sealed_.old(kConvertedEach);
  if (!sealed) return std::unexpected(sealed.error());
  std::ranges::move(*sealed, std::back_inserter(old));
  if (old.size() > kConvertedEach) old.resize(kConvertedEach);
  for (const Note& note : old) {
    if (Status s = put(note); !s) return std::unexpected(s.error());
  }
  return old.size();
}

Result<Notes::Cursors> Notes::cursors() {
  auto notes = all(Note::Kind::cursor);
  if (!notes) return std::unexpected(notes.error());
  Cursors cursors;
  for (Note& note : *notes) {
    if (cursors.empty() || cursors.back().first != note.source) {
      cursors.emplace_back(note.source, std::vector<std::pair<std::string, Buffer>>());
    }
    cursors.back().second.emplace_back(std::move(note.key), std::move(note.value));
  }
  return cursors;
}

Result<std::vector<StateEdit>> Notes::states() {
  auto notes = all(Note::Kind::state);
  if (!notes) return std::unexpected(notes.error());
  std::vector<StateEdit> states;
  states.reserve(notes->size());
  for (Note& note : *notes) states.push_back({std::move(note.key), std::move(note.value)});
  return states;
}

}  // namespace pinaflux
